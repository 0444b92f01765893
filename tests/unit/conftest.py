"""Temporary folders in memory: thousands of files are flushed here, and no test takes the power away."""

from __future__ import annotations

import os

IN_MEMORY = "/dev/shm"
ENOUGH_BYTES = 2**30


def fits(folder: str) -> bool:
    """Whether tests can keep their files there; some run a program of their own."""
    try:
        system = os.statvfs(folder)
    except OSError:
        return False
    free = system.f_bavail * system.f_frsize
    return free > ENOUGH_BYTES and not system.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK | os.X_OK)


if fits(IN_MEMORY):
    # What pytest makes its temporary folders in, where nobody said so before.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)
