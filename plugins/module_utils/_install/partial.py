# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The partial file of a blob, and the record of its downloaded bytes. Private."""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import Any

from .._model.units import sized
from .._registry.errors import NoSpace
from .._store.disk import Disk
from .._store.receipts import boot_identity
from .ranges import Extent, add_extent

# Every 64 MiB of a blob may have an extent of its own in its record.
_RECORD_LIMIT = 4 * 1024 * 1024
# What a file system needs besides the data: extent trees, the manifest, our records.
_MARGIN = 1024 * 1024


def read_record(raw: bytes, digest: str, size: int, held: int, boot: str) -> list[Extent] | None:
    """The extents that a progress record confirms in a file of held bytes; None if the record is invalid.

    After a kill all written bytes are there, after a power cut only those that were synced.
    """
    try:
        record: Any = json.loads(raw)
        if record["digest"] != digest or record["size"] != size:
            return None
        done: list[Extent] = []
        for start, end in record["done" if record["boot"] == boot else "synced"]:
            if not 0 <= start < end <= size:
                return None
            done = add_extent(done, start, min(end, held))
    except (ValueError, TypeError, KeyError):
        return None
    return done


def partial_path(folder: str, digest: str) -> str:
    """The partial file of a blob: named as in the store, so that a survey can say what it is."""
    return os.path.join(folder, digest.replace(":", "-"))


class Partial:
    """The bytes of one blob so far, and a durable record of which of them are there."""

    def __init__(self, disk: Disk, folder: str, digest: str, size: int) -> None:
        self.disk = disk
        self.digest = digest
        self.size = size
        self.path = partial_path(folder, digest)
        self.record_path = self.path + ".json"
        self.done: list[Extent] = []
        self._synced: list[Extent] = []
        self._boot = boot_identity()
        self.fd = -1

    def open(self) -> None:
        """Open or create the file, and keep what its record confirms."""
        self.fd = self.disk.take(self.path, 0o600)
        held = os.fstat(self.fd).st_size
        if held > self.size:
            os.ftruncate(self.fd, self.size)
        try:
            raw = self.disk.read(self.record_path, _RECORD_LIMIT)
            done = read_record(raw, self.digest, self.size, held, self._boot)
        except OSError:
            done = None
        if done is None:
            # The full size but no record: the hash will tell.
            done = [(0, self.size)] if held == self.size > 0 else []
        self.done = done
        if done:
            # Otherwise a power cut soon after a resume would lose what earlier runs downloaded.
            os.fdatasync(self.fd)
            self._synced = done

    def save(self, done: list[Extent], sync: bool) -> None:
        """Record done for this boot; with sync also for after a power cut."""
        if sync:
            os.fdatasync(self.fd)
            self._synced = done
        record = {"digest": self.digest, "size": self.size, "boot": self._boot, "done": done, "synced": self._synced}
        self.disk.write(f"{self.record_path}.new", json.dumps(record).encode(), 0o600)
        self.disk.rename(f"{self.record_path}.new", self.record_path)

    def seal(self) -> None:
        """Verified: flush it with its final mode and remove the record."""
        os.fchmod(self.fd, 0o644)
        os.fsync(self.fd)
        self._forget()

    def drop(self) -> None:
        self.close()
        self._forget()
        self.disk.remove(self.path)

    def _forget(self) -> None:
        for path in (self.record_path, f"{self.record_path}.new"):
            self.disk.remove(path)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def check_space(disk: Disk, folder: str, todo: int) -> None:
    """Refuse to start if todo bytes plus a margin do not fit on the file system of folder."""
    if not has_space(disk, folder, todo):
        raise NoSpace(
            f"no space left in {folder}: {sized(_free(disk, folder))} free, {sized(_with_margin(todo))} needed"
            f" ({sized(todo)} plus a margin);"
            " nothing was downloaded; free some space (`prune` removes unused files) and run again"
        )


def has_space(disk: Disk, folder: str, todo: int) -> bool:
    """Whether todo bytes plus a margin fit there."""
    return _free(disk, folder) >= _with_margin(todo)


def _with_margin(todo: int) -> int:
    return todo + todo // 100 + _MARGIN


def _free(disk: Disk, folder: str) -> int:
    status = disk.file_system(folder)
    return status.f_bavail * status.f_frsize


def held_bytes(disk: Disk, folder: str, digest: str) -> int:
    """What a partial file already occupies on disk, without holes."""
    status = disk.find(partial_path(folder, digest))
    return status.st_blocks * 512 if status is not None and stat.S_ISREG(status.st_mode) else 0


def no_space(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
