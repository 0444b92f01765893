# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the monitoring: read whole, replaced whole, changed by one process at a time. Private."""

from __future__ import annotations

import contextlib
import json
import math
import os
import typing as t

from .._store.disk import Disk, write_all
from .._store.lock import LockError, hold_lock
from . import paths

FORMAT = 1
_LIMIT = 4 * 1024 * 1024
_LOCK_SECONDS = 10
# In the year 5138.
_LAST_TIME = 1e11


class StateError(Exception):
    """The state cannot be read or written; str() is a sentence for the operator."""


def read_document(path: str) -> dict[str, t.Any] | None:
    """A file of ours; {} where there is none yet, None where it is damaged or of another format."""
    try:
        document = read_json(_disk().read(path, _LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and document.get("format") == FORMAT else None


def read_json(raw: bytes) -> object:
    """JSON without numbers that nothing can be reckoned with; ValueError if it is none."""
    return json.loads(raw, parse_float=_finite, parse_int=_whole, parse_constant=_finite)


def is_time(value: object) -> bool:
    """Whether it can be a time in seconds since 1970, which can be shown."""
    return type(value) in (int, float) and 0 <= t.cast(float, value) < _LAST_TIME


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) >= 1 << 63:
        raise ValueError("a number is too large")
    return number


def write_document(path: str, document: t.Mapping[str, t.Any]) -> None:
    """Replace a file of ours."""
    write_file(path, json.dumps({"format": FORMAT, **document}, sort_keys=True).encode() + b"\n")


def read_lines(path: str) -> list[bytes]:
    """The lines of a file of ours, none where it cannot be read."""
    try:
        return _disk().read(path, _LIMIT).splitlines()
    except OSError:
        return []


def write_file(path: str, data: bytes) -> None:
    """Replace a file of ours: after a power cut it is the old one or the new one."""
    disk = _disk()
    try:
        disk.make_folder(os.path.dirname(path), 0o700)
        disk.write(f"{path}.new", data, 0o600, sync=True)
        disk.rename(f"{path}.new", path)
        disk.sync(os.path.dirname(path))
    except OSError as error:
        raise StateError(f"cannot write {path}: {_why(error)}; run as root and check the free space there") from error


@contextlib.contextmanager
def changing(purpose: str) -> t.Iterator[None]:
    """Hold the lock of these files."""
    try:
        with hold_lock(_disk(), paths.LOCK, _LOCK_SECONDS, purpose):
            yield
    except LockError as error:
        raise StateError(str(error).replace("the store's lock", "the lock").replace("store lock", "lock")) from error


def write_textfile(folder: str, text: str) -> None:
    """Replace the file with metrics in a folder that may be another user's: no link there is followed.

    The caller holds the lock, so one name is enough: what a killed run has left is removed and does not pile up.
    """
    temporary = f"{paths.TEXTFILE}.new"
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StateError(f"{_failed(folder, error)}; install prometheus-node-exporter, or name its folder") from error
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=descriptor)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o644, dir_fd=descriptor)
        try:
            os.fchmod(file, 0o644)
            write_all(file, text.encode(), 0)
        finally:
            os.close(file)
        os.replace(temporary, paths.TEXTFILE, src_dir_fd=descriptor, dst_dir_fd=descriptor)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=descriptor)
        raise StateError(f"{_failed(folder, error)}; run as root and check the free space there") from error
    finally:
        os.close(descriptor)


def _failed(folder: str, error: OSError) -> str:
    return f"cannot write metrics to {folder}: {_why(error)}"


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _disk() -> Disk:
    return Disk(os.path.dirname(paths.HOME))
