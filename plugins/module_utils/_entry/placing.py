# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and one package of Python on a host: whole or not there, root's own whatever the umask. Private."""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import typing as t

from .._stack.installed import sum_folder

# Beside the package until it is complete, and where the old one is until it is gone.
NEW = ".new"
OLD = ".old"
FOLDER_MODE = 0o755
FILE_MODE = 0o644


class PlacingError(Exception):
    """Something could not be put in place; str() is a sentence."""


@contextlib.contextmanager
def usual_umask() -> t.Iterator[None]:
    """Bytecode and folders get their modes from it."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def place_file(path: str, content: str, mode: int) -> None:
    """Write the file beside its place, flush it and rename it."""
    folder, name = os.path.split(path)
    os.makedirs(folder, FOLDER_MODE, exist_ok=True)
    beside = os.path.join(folder, f".{name}{NEW}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    _write(beside, content, mode)
    if os.path.isdir(path) and not os.path.islink(path):
        raise PlacingError(f"{path} is a folder, but should be a file: check what it is and move it away")
    os.replace(beside, path)
    _flush(folder)


def place_package(folder: str, files: t.Mapping[str, str], sha256: str) -> None:
    """Have the folder hold these files and nothing else: they are compiled and checked beside the old ones first."""
    [package] = {name.partition("/")[0] for name in files}
    make_folder(folder, FOLDER_MODE)
    with _locked(folder):
        beside = os.path.join(folder, NEW)
        # What an interrupted run has left.
        _clear(folder, package)
        for name, text in files.items():
            place = os.path.join(beside, name)
            os.makedirs(os.path.dirname(place), FOLDER_MODE, exist_ok=True)
            _write(place, text, FILE_MODE, flush=False)
        if sum_folder(beside) != sha256:
            raise PlacingError(f"the package in {beside} is not what was sent: check the host's disk and memory")
        _compile(os.path.join(beside, package), os.path.join(folder, package))
        # All files at once: the rename must not reach the disk before them.
        subprocess.run(["sync", "-f", beside], check=True, stdin=subprocess.DEVNULL)
        _swap(os.path.join(beside, package), os.path.join(folder, package), os.path.join(folder, OLD))
        _clear(folder, package)
        _flush(folder)


def make_folder(path: str, mode: int) -> None:
    """A folder of root's with this mode; its parents are 0755."""
    os.makedirs(path, FOLDER_MODE, exist_ok=True)
    found = os.stat(path)
    if stat.S_IMODE(found.st_mode) != mode:
        os.chmod(path, mode)
    if found.st_uid != os.geteuid():
        os.chown(path, os.geteuid(), os.getegid())


def remove(path: str) -> None:
    """Remove a file, a link, or a folder with its content."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _swap(new: str, place: str, old: str) -> None:
    if os.path.lexists(place):
        os.rename(place, old)
    try:
        os.rename(new, place)
    except OSError:
        if os.path.lexists(old):
            os.rename(old, place)
        raise


def _clear(folder: str, package: str) -> None:
    for name in os.listdir(folder):
        if name != package:
            remove(os.path.join(folder, name))


def _compile(package: str, final: str) -> None:
    # The paths in the bytecode are those of the place where it will be.
    if not compileall.compile_dir(package, quiet=2, ddir=final):
        raise PlacingError(
            f"{sys.executable} on the host is Python {sys.version.split()[0]} and cannot compile the package: set"
            " ansible_python_interpreter to 3.9 or later"
        )


def _write(path: str, content: str, mode: int, flush: bool = True) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content.encode())
        if flush:
            file.flush()
            os.fsync(descriptor)


def _flush(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(folder: str) -> t.Iterator[None]:
    """One install at a time."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
