# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One writer at a time on a model store, by a lock that the kernel releases when its holder dies. Private."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
import typing as t

from .disk import (
    Disk,
    Unsafe,
    has_open,
    kernel_device,
    printable,
    read_kernel,
)

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_POLL_SECONDS = 0.1
# Anyone who can open the lock file can hold the lock.
_FOLDER_MODE, _MODE = 0o700, 0o600
# The kernel's list has a line for each lock on the host.
_KERNEL_LIMIT = 1024 * 1024


class LockError(Exception):
    """The store lock could not be taken; str() is a sentence for the operator."""


class LockBusy(LockError):
    """Another writer still held it at the deadline."""


class LockUnsupported(LockError):
    """The filesystem does not support locks, or is not writable."""


@contextlib.contextmanager
def hold_lock(disk: Disk, path: str, timeout: float, purpose: str) -> t.Iterator[None]:
    """Hold the lock at path; the file itself stays, as removing it would allow two writers."""
    descriptor = _open(disk, path)
    try:
        _acquire(descriptor, disk, path, timeout)
        _sign(descriptor, f"process {os.getpid()} ({purpose})")
        try:
            yield
        finally:
            _sign(descriptor, "")
    finally:
        os.close(descriptor)


def who_holds(disk: Disk, path: str) -> str:
    """A description of the holder, or "" if unknown."""
    try:
        status = disk.stat(path)
        signed = printable(disk.read(path, 200).decode(errors="replace").strip())
    except OSError:
        return ""
    pid = _locking_pid(status)
    # A killed writer leaves its signature, and a shell's `flock` writes none: ask the kernel.
    if not pid or f"process {pid} " in signed:
        return signed
    return f"process {pid} ({_command_of(pid)})"


def is_held(disk: Disk, path: str) -> bool:
    """Whether a process of this host holds it; does not touch it."""
    try:
        return _locking_pid(disk.stat(path)) > 0
    except OSError:
        return False


def _open(disk: Disk, path: str) -> int:
    folder = os.path.dirname(path)
    try:
        disk.make_folder(folder, _FOLDER_MODE)
        # Earlier versions, and the init service, let everybody enter it.
        if stat.S_IMODE(disk.stat(folder).st_mode) & ~_FOLDER_MODE:
            disk.chmod(folder, _FOLDER_MODE)
        return disk.own(path, _MODE)
    except Unsafe as error:
        raise LockUnsupported(f"cannot open the store's lock: {error}") from error
    except OSError as error:
        raise LockUnsupported(
            f"cannot open the store's lock {path}: {error.strerror}; the store must be writable"
            " for the user this runs as (become: true)"
        ) from error


def _acquire(descriptor: int, disk: Disk, path: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise LockUnsupported(
                    f"the filesystem of {path} does not support file locks ({error.strerror}), so two writers"
                    " could damage the store; use a local filesystem"
                ) from error
            if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EINTR):
                raise LockError(f"cannot lock {path}: {error.strerror}") from error
        if time.monotonic() >= deadline:
            holder = who_holds(disk, path) or "an unknown process"
            raise LockBusy(
                f"timed out after {timeout:g} s: the store lock {path} is held by {holder};"
                " wait until it finishes or stop it, then run again"
            )
        time.sleep(_POLL_SECONDS)


def _sign(descriptor: int, text: str) -> None:
    # The signature is optional: a full disk must not fail the writer here.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _locking_pid(status: os.stat_result) -> int:
    try:
        rows = [line.split() for line in read_kernel("/proc/locks", _KERNEL_LIMIT).splitlines()]
    except OSError:
        return 0
    for row in rows:
        # A waiter's row has an arrow in its second column.
        if len(row) < 6 or row[1] != "FLOCK" or not row[5].endswith(f":{status.st_ino}"):
            continue
        pid, device = int(row[4]), row[5].rpartition(":")[0]
        # Another file system may have a file of that number; where the kernel counts a device otherwise than stat, as
        # overlayfs does, only the files that the process has open tell.
        if pid > 0 and (device == kernel_device(status.st_dev) or has_open(pid, status)):
            return pid
    return 0


def _command_of(pid: int) -> str:
    try:
        words = read_kernel(f"/proc/{pid}/cmdline", 200).replace("\0", " ").split()
    except OSError:
        return "unknown command"
    return printable(" ".join(words))
