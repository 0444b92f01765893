# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sha256 of large files at the speed of one core, without reading them into memory. Private."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import typing as t

from .disk import Disk
from .receipts import FileKey

_BUFFER = 4 * 1024 * 1024
# Below this a file costs less to hash than a thread costs to start.
_SMALL = 1024 * 1024


class Hashed(t.NamedTuple):
    """A file's sha256 in hex, and the key of the file."""

    hex: str
    key: FileKey


class FileChanged(OSError):
    """The file was written to or replaced while it was being hashed."""


def hash_with_key(disk: Disk, path: str) -> Hashed:
    """The sha256 of a regular file and the key it holds for; FileChanged when it moved meanwhile."""
    descriptor = disk.open(path)
    try:
        before = os.fstat(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        digest = _hash(descriptor, before.st_size)
        if FileKey.of(os.fstat(descriptor)) != FileKey.of(before):
            raise FileChanged(f"{path} was modified while it was being read")
    finally:
        os.close(descriptor)
    return Hashed(digest, FileKey.of(before))


def hash_many(disk: Disk, paths: t.Collection[str]) -> dict[str, Hashed | OSError]:
    """Hash several files, the largest first, on as many cores as there are; an error stays with its file."""
    sizes = {path: _size(disk, path) for path in paths}
    ordered = sorted(sizes, key=lambda path: sizes[path], reverse=True)
    large = sum(1 for size in sizes.values() if size >= _SMALL)
    workers = min(large, os.cpu_count() or 1)

    def hashed(path: str) -> Hashed | OSError:
        try:
            return hash_with_key(disk, path)
        except OSError as error:
            return error

    if workers < 2:
        return {path: hashed(path) for path in ordered}
    # Imported here, because a look by receipts hashes nothing.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(ordered, pool.map(hashed, ordered)))


def _size(disk: Disk, path: str) -> int:
    try:
        return disk.stat(path).st_size
    except OSError:
        return 0


def _hash(descriptor: int, size: int) -> str:
    digest = hashlib.sha256()
    if size < _SMALL:
        while chunk := os.read(descriptor, _SMALL):
            digest.update(chunk)
        return digest.hexdigest()
    # A reader thread fills one buffer while this one hashes the other: both release the GIL.
    # Not mmap: a disk error there is a SIGBUS, which kills the module without a message.
    reader = _Reader(descriptor)
    reader.start()
    try:
        for block in reader.chunks():
            digest.update(block)
    finally:
        reader.stop()
    return digest.hexdigest()


class _Reader(threading.Thread):
    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self._free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[tuple[memoryview, int] | OSError] = queue.SimpleQueue()
        for _ in range(2):
            self._free.put(memoryview(bytearray(_BUFFER)))

    def run(self) -> None:
        try:
            while (buffer := self._free.get()) is not None:
                count = os.readv(self._descriptor, [buffer])
                self._full.put((buffer, count))
                if count == 0:
                    return
        except OSError as error:
            self._full.put(error)

    def chunks(self) -> t.Iterator[memoryview]:
        """The file's bytes in order; each chunk is overwritten once the next is asked for."""
        while True:
            item = self._full.get()
            if isinstance(item, OSError):
                raise item
            buffer, count = item
            if count == 0:
                return
            yield buffer[:count]
            self._free.put(buffer)

    def stop(self) -> None:
        """End the thread before its file descriptor is closed and perhaps reused."""
        self._free.put(None)
        self.join()
