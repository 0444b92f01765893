"""What is no regular file, in the place of one."""

from __future__ import annotations

import os
from pathlib import Path

KINDS = ("folder", "link", "pipe")


def plant(place: Path, kind: str) -> None:
    """Put it there. A pipe has nobody at its other end, so whoever opens it to read hangs."""
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("/etc/hosts")
    else:
        os.mkfifo(place)
