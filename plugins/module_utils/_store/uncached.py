# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sha256 of a file as its disk has it, not as the page cache does. Private.

A blob that was read once is served from memory until the host is short of it, so damage on the disk shows to nobody.
Both ways past the cache are taken, as neither is enough: not every file system has O_DIRECT, some accept it and read
through the cache nevertheless, and POSIX_FADV_DONTNEED leaves the pages that a server has mapped.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import typing as t

from .disk import Disk
from .hashing import FileChanged, Hashed
from .receipts import FileKey

# Small enough that a slow disk has read one within the second in which a stop must be heard.
PIECE = 1024 * 1024
# O_DIRECT reads whole blocks only, of whatever size the disk has.
_BLOCK = 4096


class OnDisk(t.NamedTuple):
    """A file's sha256 and key, and whether all of it was read with O_DIRECT."""

    hashed: Hashed
    direct: bool


def hash_on_disk(disk: Disk, path: str, after_piece: t.Callable[[int], None]) -> OnDisk:
    """Hash a regular file by reading its disk; after_piece gets the bytes of each piece, and may raise to stop."""
    descriptor, direct = _open(disk, path)
    try:
        # Pages that are not written yet stay in the cache whatever they are advised.
        os.fdatasync(descriptor)
        before = os.fstat(descriptor)
        # Of the whole file, because pages are kept in groups, and one that lies across two pieces is dropped with
        # neither. What others read again meanwhile comes from the disk.
        _drop(descriptor, 0, 0)
        digest, direct = _hash(descriptor, before.st_size, direct, after_piece)
        _drop(descriptor, 0, 0)
        if FileKey.of(os.fstat(descriptor)) != FileKey.of(before):
            raise FileChanged(f"{path} was modified while it was being read")
    finally:
        os.close(descriptor)
    return OnDisk(Hashed(digest, FileKey.of(before)), direct)


def _open(disk: Disk, path: str) -> tuple[int, bool]:
    try:
        return disk.open(path, os.O_RDONLY | os.O_DIRECT), True
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return disk.open(path), False


def _hash(descriptor: int, size: int, direct: bool, after_piece: t.Callable[[int], None]) -> tuple[str, bool]:
    digest, done = hashlib.sha256(), 0
    # A mapping begins at a page, which O_DIRECT asks of the memory too.
    with mmap.mmap(-1, PIECE) as buffer, memoryview(buffer) as piece:
        while done < size:
            _drop(descriptor, done, PIECE)
            try:
                count = os.preadv(descriptor, [piece], done)
            except OSError as error:
                if not direct or error.errno != errno.EINVAL:
                    raise
                direct = _leave_direct(descriptor)
                continue
            if not count:
                break
            digest.update(piece[:count])
            _drop(descriptor, done, PIECE)
            done += count
            if direct and done < size and done % _BLOCK:
                # It was cut short, and the rest does not begin at a block.
                direct = _leave_direct(descriptor)
            after_piece(count)
    return digest.hexdigest(), direct


def _drop(descriptor: int, offset: int, length: int) -> None:
    """Out of the page cache; a length of 0 is up to the end."""
    os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)


def _leave_direct(descriptor: int) -> bool:
    """Read through the cache from here on; False, as it is no longer direct."""
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~os.O_DIRECT)
    return False
