"""The lab's passwords: made once for each checkout, readable by its owner alone, read by inventory/lab/group_vars."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tests.lab.settings import STATE_DIR

# Of the user that logs in to the hosts, for sudo; of the registry that asks for a login.
SUDO_FILE = STATE_DIR / "passwords" / "sudo"
REGISTRY_FILE = STATE_DIR / "passwords" / "registry"


def ensure(file: Path) -> str:
    """The password in the file, which is made where it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when it is whole: an interrupted run must not leave an empty password.
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secrets.token_hex(12))
        new.rename(file)
    return file.read_text()
