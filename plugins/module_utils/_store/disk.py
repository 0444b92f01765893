# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All file access below a model store, its .archiv and the receipts; links and other owners are refused here. Private.

A container with the store mounted, or the owner of a part of it, may have put anything there: links to host files,
devices, pipes. So a path is opened from its root folder one component at a time, by descriptors, and no link is
followed; only regular files are opened; and our own files are only written in folders that only root can change.
tests/sanity/code_smell.py prevents direct file access by path in all other code of the store.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import typing as t

# O_PATH does not really open the file: it does not wake up a pipe's writer or activate a device.
_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC


class Unsafe(OSError):
    """Something there is not what it must be; str() is a sentence for the operator."""


class Walk:
    """Walks to paths below one root folder. The path to the root is set by the operator and may contain links."""

    def __init__(self, root: str) -> None:
        self.root = os.path.normpath(root)
        self._inside = self.root.rstrip("/") + "/"

    def why_foreign(self, path: str, found: os.stat_result) -> str:
        """A sentence if users other than root can change a folder's content; else ""."""
        if found.st_uid not in _trusted():
            return (
                f"{path} belongs to {user_name(found.st_uid)}, who could change what root writes there: stop what"
                f" still uses it as that user, then run chown -R root: {self.root}"
            )
        open_to_group = found.st_mode & stat.S_IWGRP and found.st_gid not in (0, os.getegid())
        if (found.st_mode & stat.S_IWOTH or open_to_group) and not found.st_mode & stat.S_ISVTX:
            return f"{path} is writable by users other than root: run chmod go-w {path}"
        return ""

    @contextlib.contextmanager
    def _at(self, path: str, changing: bool = False) -> t.Iterator[tuple[int, str]]:
        """The parent folder of path, and its name there; with changing each folder on the way must be owned by root."""
        descriptor, shown = -1, self.root
        try:
            descriptor = os.open(self.root, _FOLDER | os.O_PATH)
            *way, name = self._parts(path) or ["."]
            if changing:
                self._refuse_foreign(shown, descriptor)
            for part in way:
                shown = os.path.join(shown, part)
                inner = os.open(part, _FOLDER | _PLACE, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
                if changing:
                    self._refuse_foreign(shown, descriptor)
            yield descriptor, name
        except Unsafe:
            raise
        except OSError as error:
            # Without this the error has only the name relative to the descriptor.
            error.filename = path
            raise
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _parts(self, path: str) -> list[str]:
        if path == self.root:
            return []
        parts = path[len(self._inside) :].split("/")
        if not self._is_below(path) or not {"", ".", ".."}.isdisjoint(parts):
            raise ValueError(f"{path} is not below {self.root}")
        return parts

    def _is_below(self, path: str) -> bool:
        return path.startswith(self._inside)

    def _refuse_foreign(self, shown: str, descriptor: int) -> None:
        why = self.why_foreign(shown, os.fstat(descriptor))
        if why:
            raise Unsafe(why)

    def _check_way(self, path: str) -> None:
        """Raise Unsafe if a folder on the way is not safe."""
        with self._at(path, changing=True):
            pass

    def _open_folder(self, path: str) -> int:
        with self._at(path) as (folder, name):
            flags = _FOLDER if name == "." else _FOLDER | os.O_NOFOLLOW
            return os.open(name, os.O_RDONLY | flags, dir_fd=folder)


class Reading(Walk):
    """Read-only access below the root, and descriptions in words."""

    def stat(self, path: str) -> os.stat_result:
        """The status of path itself, also if it is a link."""
        with self._at(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=name == ".")

    def find(self, path: str) -> os.stat_result | None:
        """The same, or None if there is nothing."""
        try:
            return self.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        descriptor = self._open_folder(path)
        try:
            return sorted(os.listdir(descriptor))
        finally:
            os.close(descriptor)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """A descriptor of a regular file; anything else raises Unsafe and is not opened."""
        with self._at(path) as (folder, name):
            return _open_regular(folder, name, path, flags)

    def read(self, path: str, limit: int) -> bytes:
        """The first bytes of a regular file, at most limit of them."""
        with os.fdopen(self.open(path), "rb") as file:
            return file.read(limit)

    def read_own(self, path: str, limit: int) -> bytes:
        """The same of a file that only root can have written; Unsafe says why another one is not read."""
        with self._at(path, changing=True) as (folder, name):
            descriptor = _open_regular(folder, name, path, os.O_RDONLY)
            with os.fdopen(descriptor, "rb") as file:
                found = os.fstat(descriptor)
                _refuse_not_own(path, found)
                if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    raise Unsafe(f"{path} is writable by users other than root: check what it is and remove it")
                return file.read(limit)

    def target(self, path: str) -> str:
        """The target of a link."""
        with self._at(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def file_system(self, path: str) -> os.statvfs_result:
        """The file system that path is on, or will be."""
        place = self._nearest(path)
        if place != self.root or os.path.isdir(place):
            descriptor = self._open_folder(place)
            try:
                return os.statvfs(descriptor)
            finally:
                os.close(descriptor)
        return os.statvfs(nearest_folder(place))

    def why_no_folder(self, path: str, found: os.stat_result) -> str:
        """A sentence about something else at the path of a folder."""
        return f"{path} is {self.kind_of(path, found)}, but should be a folder; check what it is and move it away"

    def kind_of(self, path: str, found: os.stat_result) -> str:
        """The file type as text; links are not followed."""
        mode = found.st_mode
        if stat.S_ISLNK(mode):
            return f"a link to {printable(self.target(path))}"
        kinds = ((stat.S_ISREG, "a file"), (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"))
        named = [words for is_it, words in kinds if is_it(mode)]
        named += ["a socket"] if stat.S_ISSOCK(mode) else ["a device"]
        return named[0]

    def _open_any(self, path: str) -> int:
        found = self.stat(path)
        return self._open_folder(path) if stat.S_ISDIR(found.st_mode) else self.open(path)

    def _nearest(self, path: str) -> str:
        """Like nearest_folder, by descriptors: a link is not a folder. Stops above the root."""
        while self._is_below(path):
            found = self.find(path)
            if found is not None and stat.S_ISDIR(found.st_mode):
                return path
            path = os.path.dirname(path)
        return path


class Removing(Reading):
    """Removal below the root."""

    def remove(self, path: str) -> None:
        """Remove a file or a link, if it exists."""
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            self._at(path, changing=True) as (folder, name),
        ):
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        with self._at(path, changing=True) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def delete(self, path: str) -> None:
        """Remove a file, or a folder with its content."""
        found = self.find(path)
        if found is None or not stat.S_ISDIR(found.st_mode):
            self.remove(path)
            return
        with self._at(path, changing=True) as (folder, name):
            # rmtree does not follow links below; the descriptor prevents following one above.
            shutil.rmtree(f"/proc/self/fd/{folder}/{name}")


class Disk(Removing):
    """Read and write access below the root: the class that the code of a store uses."""

    def own(self, path: str, mode: int) -> int:
        """A read-write descriptor of a file that only root can write, created if missing."""
        with self._at(path, changing=True) as (folder, name):
            while True:
                with contextlib.suppress(FileNotFoundError):
                    return _open_own(folder, name, path, mode)
                # Another process may have created it first.
                with contextlib.suppress(FileExistsError):
                    return self.create(path, mode)

    def create(self, path: str, mode: int) -> int:
        """A read-write descriptor of a new file."""
        with self._at(path, changing=True) as (folder, name):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(name, flags, mode, dir_fd=folder)

    def take(self, path: str, mode: int) -> int:
        """Like own, but anything else at this path is removed first."""
        try:
            return self.own(path, mode)
        except Unsafe:
            self._check_way(path)
            self.delete(path)
            return self.create(path, mode)

    def write(self, path: str, data: bytes, mode: int, sync: bool = False) -> None:
        """Write a file with this content; with sync its bytes are flushed, but not its name."""
        descriptor = self.take(path, mode)
        try:
            os.fchmod(descriptor, mode)
            os.ftruncate(descriptor, 0)
            # Nothing else would update the mtime of a file that stays empty.
            os.utime(descriptor)
            write_all(descriptor, data, 0)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, path: str, data: bytes, mode: int) -> None:
        """Replace a file by this content in one step and flush both: a cut of power leaves the old one or the new."""
        # One fixed name: a killed run leaves at most this file, which the next one replaces.
        temporary = f"{path}.new"
        self.write(temporary, data, mode, sync=True)
        self.rename(temporary, path)
        self.sync(os.path.dirname(path))

    def rename(self, source: str, target: str) -> None:
        """Rename a file over another or a link, but not over a folder."""
        with self._at(source, changing=True) as (old, name), self._at(target, changing=True) as (new, new_name):
            os.replace(name, new_name, src_dir_fd=old, dst_dir_fd=new)

    def link(self, source: str, target: str) -> None:
        """Give a regular file a second name in place of whatever has that name, and flush it."""
        temporary = f"{target}.new"
        self.remove(temporary)
        with self._at(source, changing=True) as (old, name), self._at(temporary, changing=True) as (new, new_name):
            if not stat.S_ISREG(os.stat(name, dir_fd=old, follow_symlinks=False).st_mode):
                raise Unsafe(f"{source} is not a regular file")
            os.link(name, new_name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
        self.rename(temporary, target)
        # Where both are the same file already, the rename does nothing.
        self.remove(temporary)
        self.sync(os.path.dirname(target))

    def make_folder(self, path: str, mode: int) -> None:
        """Create a folder and its parents (0755), whatever the umask, and flush their names."""
        if not self._is_below(path):
            _make_root(path, mode)
            return
        found = self.find(path)
        if found is not None:
            if not stat.S_ISDIR(found.st_mode):
                raise Unsafe(self.why_no_folder(path, found))
            return
        parent = os.path.dirname(path)
        self.make_folder(parent, 0o755)
        with contextlib.suppress(FileExistsError), self._at(path, changing=True) as (folder, name):
            os.mkdir(name, dir_fd=folder)
        self.chmod(path, mode)
        self.sync(parent)

    def chmod(self, path: str, mode: int, own_names: int = 0) -> None:
        """Change the mode of a file or a folder and flush it; a file with hard links beside our own is refused."""
        descriptor = self._open_any(path)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1 + own_names:
                raise Unsafe(
                    f"{path} has a second name (hard link), so its mode was not changed: replace it with a"
                    f" copy, or run chmod {mode:04o} {path} as root"
                )
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, path: str) -> None:
        """Flush a file, or the names in a folder."""
        descriptor = self._open_any(path)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_file_system(folder: str) -> None:
    """Flush all of the file system that a folder is on; OSError also when an earlier write to it was lost."""
    # Not for everybody who opens a file: it takes some milliseconds.
    import ctypes

    descriptor = os.open(folder, os.O_RDONLY | _FOLDER)
    try:
        # Python has only os.sync(), which flushes every disk, hangs with any of them and tells no error.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(descriptor)


def of_disk(error: OSError) -> str:
    """An OSError as a sentence."""
    where = error.filename or "a file"
    return f"cannot access {where}: {error.strerror or error}; run as root (become: true) and check the file system"


def nearest_folder(path: str) -> str:
    """The folder itself, or its nearest existing parent."""
    # A relative path would become empty at the end.
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def user_name(uid: int) -> str:
    """The name of a user on the host."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def printable(text: str) -> str:
    """An untrusted name on one line, without control characters."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in shown)


def read_kernel(path: str, limit: int) -> str:
    """Read a file of /proc, which users cannot forge."""
    with open(path, "rb") as file:
        return file.read(limit).decode(errors="replace")


def kernel_device(device: int) -> str:
    """A device as /proc/locks writes it."""
    return f"{os.major(device):02x}:{os.minor(device):02x}"


def has_open(pid: int, status: os.stat_result) -> bool:
    """Whether a process has this very file open."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            # The kernel's link leads to the open file itself, even if its path has changed.
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(os.path.join(folder, name)), status):
                    return True
    return False


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """pwrite may write only a part, for example on a full disk."""
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def _trusted() -> tuple[int, int]:
    return (0, os.geteuid())


def _open_regular(folder: int, name: str, path: str, flags: int) -> int:
    place = os.open(name, _PLACE, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise Unsafe(f"{path} is not a regular file")
        # Opens exactly the file that was checked, even if the path is replaced meanwhile.
        return os.open(f"/proc/self/fd/{place}", flags | os.O_CLOEXEC)
    finally:
        os.close(place)


def _open_own(folder: int, name: str, path: str, mode: int) -> int:
    descriptor = _open_regular(folder, name, path, os.O_RDWR)
    try:
        found = os.fstat(descriptor)
        _refuse_not_own(path, found)
        if found.st_mode & 0o077 & ~mode:
            os.fchmod(descriptor, mode)
        return descriptor
    except OSError:
        os.close(descriptor)
        raise


def _refuse_not_own(path: str, found: os.stat_result) -> None:
    if found.st_uid not in _trusted():
        raise Unsafe(f"{path} belongs to {user_name(found.st_uid)}, not to root: check what it is and remove it")
    if found.st_nlink > 1:
        raise Unsafe(f"{path} has a second name (hard link): check what it is and remove it")


def _make_root(path: str, mode: int) -> None:
    """The root folder itself, and those above it."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path) or "."
    _make_root(parent, 0o755)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    os.chmod(path, mode)
    descriptor = os.open(parent, os.O_RDONLY | _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
