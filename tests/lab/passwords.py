"""The lab's passwords: made once for each checkout, readable by its owner alone, read by inventory/lab/group_vars."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from tests.lab.settings import STATE_DIR

# Of the user that logs in to the hosts, for sudo; of the registry that asks for a login.
SUDO_FILE = STATE_DIR / "passwords" / "sudo"
REGISTRY_FILE = STATE_DIR / "passwords" / "registry"


def ensure(file: Path) -> str:
    """The password in the file, which is made where it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Linked when it is whole, as an interrupted run must not leave an empty password, and once, as hosts that start
        # together must get the same.
        with tempfile.NamedTemporaryFile("w", dir=file.parent) as new:
            new.write(secrets.token_hex(12))
            new.flush()
            with contextlib.suppress(FileExistsError):
                os.link(new.name, file)
    return file.read_text()
