# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file with the lease of a host, changed by one process at a time. Private.

It is below /run, which every boot empties.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from .._store.disk import Disk, Unsafe
from .._store.lock import LockError, hold_lock
from .lease import Lease, parse, write

FOLDER = "/run/archiv-ollama"
_LIMIT = 64 * 1024
# Held for the moment of one decision.
_LOCK_SECONDS = 20.0


class LeaseError(Exception):
    """The lease cannot be read or written; str() is a sentence for the operator."""


class LeaseFile:
    """The lease of one Compose project on this host."""

    def __init__(self, project: str, folder: str = FOLDER) -> None:
        self.path = os.path.join(folder, f"{project}.lease")
        self._disk = Disk(os.path.dirname(folder))

    def read(self) -> Lease | None:
        """The lease that is there, in force or not. It is replaced whole, so that reading needs no lock."""
        try:
            return parse(self._disk.read_own(self.path, _LIMIT))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Unsafe as error:
            raise LeaseError(str(error)) from error
        except OSError as error:
            raise LeaseError(f"cannot read {self.path}: {error.strerror}; run as root (become: true)") from error

    def write(self, lease: Lease) -> None:
        """Replace it; only within changing()."""
        try:
            self._disk.replace(self.path, write(lease), 0o600)
        except Unsafe as error:
            raise LeaseError(str(error)) from error
        except OSError as error:
            raise LeaseError(f"cannot write {self.path}: {error.strerror}; check the free space there") from error

    def remove(self) -> None:
        """End it; only within changing()."""
        self._disk.remove(self.path)

    @contextlib.contextmanager
    def changing(self) -> t.Iterator[None]:
        """Hold the lock of the file: whoever reads, decides and writes does so alone."""
        try:
            with hold_lock(self._disk, f"{self.path}.lock", _LOCK_SECONDS, "lease"):
                yield
        except LockError as error:
            raise LeaseError(
                str(error).replace("the store's lock", "the lock").replace("store lock", "lock")
            ) from error


def boot_seconds() -> float:
    """Seconds since this boot, with the time that the host was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
