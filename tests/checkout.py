"""A copy of this checkout, for tests that break it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.lab.settings import ROOT


@contextlib.contextmanager
def copied(checkout: Path, clean: Callable[[Path], None] = lambda checkout: None) -> Iterator[Path]:
    """This checkout once more, uncommitted changes included; gone afterwards, cleaned first of what it started."""
    drop(checkout, clean)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if os.path.lexists(ROOT / name):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name, follow_symlinks=False)
    # Git ignores the folder, and lists it where it is a link to another checkout's.
    (checkout / ".venv").unlink(missing_ok=True)
    (checkout / ".venv").symlink_to(Path(sys.executable).parents[1])
    try:
        yield checkout
    finally:
        drop(checkout, clean)


def drop(checkout: Path, clean: Callable[[Path], None]) -> None:
    if checkout.exists():
        clean(checkout)
    shutil.rmtree(checkout, ignore_errors=True)
