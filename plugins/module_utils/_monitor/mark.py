# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mark of a clean shutdown, by which receipts outlive a boot. Private.

A receipt says that a blob's bytes were right in one boot. A power cut may leave other bytes behind the same size and
times, so every boot voids them, unless the shutdown before it is known to have written everything.

`mark stop` runs after Docker has stopped, flushes the store's file system, then writes one random number on it and into
our own folder. `mark start` runs before Docker starts, reads both, removes both, and only then, if they are the same,
makes the receipts of the boot before those of this one. So a number counts once, for the boot right after it; after a
cut, after `reboot -f` and with another disk in the store's place there is none, or it is not the same.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import typing as t

from .._store.disk import Disk, Unsafe, of_disk, sync_file_system
from .._store.lock import LockError, hold_lock
from .._store.paths import Store, StoreError
from .._store.receipts import DEFAULT_DIR, Receipts, ReceiptsUnsafe, boot_identity, find_stores
from .._store.survey import find_unsafe
from . import paths
from .state import FORMAT, StateError, write_document
from .systemd import system_state
from .wanted import NotWanted, read_wanted

# In the store's .archiv, where only root comes; lost with the store's disk.
NAME = "shutdown"
_LIMIT = 64 * 1024
# Nobody else changes the store at these times.
_LOCK_SECONDS = 2.0
_PURPOSE = "ollama-stack mark"


class NoMark(Exception):
    """Why the receipts of a store cannot outlive this boot; str() is a part of a sentence."""


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack mark`; 1 if it could not do its part, so that the unit is told as failed."""
    return start() if arguments.when == "start" else stop()


def stop() -> int:
    """Write the marks, if the host is shutting down: after a stop by hand Docker may write whatever it likes."""
    state = system_state()
    if state != "stopping":
        print(f"no mark of a clean shutdown: the system is not stopping but {state or 'of unknown state'}")
        return 0
    receipts_dir = _receipts_dir()
    numbers: dict[str, str] = {}
    for models_dir in find_stores(receipts_dir):
        try:
            numbers[models_dir] = _mark_store(models_dir, receipts_dir)
        except (NoMark, LockError, StoreError) as error:
            print(f"no mark of a clean shutdown for {models_dir}: {error}", file=sys.stderr)
        except OSError as error:
            print(f"no mark of a clean shutdown for {models_dir}: {_words(error)}", file=sys.stderr)
    if not numbers:
        return 0
    try:
        # The last of all: until it is there, the others mean nothing.
        write_document(paths.MARK, {"boot": boot_identity(), "stores": numbers})
    except StateError as error:
        print(f"no mark of a clean shutdown: {error}", file=sys.stderr)
        return 1
    print(f"marked a clean shutdown for {', '.join(numbers)}")
    return 0


def start() -> int:
    """Take both marks away, then let the receipts that they speak for count in this boot."""
    receipts_dir, failed = _receipts_dir(), False
    try:
        mine = _parse(_take(Disk(os.path.dirname(paths.HOME)), paths.MARK))
    except OSError as error:
        # It would count again, after a boot that it says nothing of.
        print(f"cannot take away the mark of the last shutdown: {_words(error)}", file=sys.stderr)
        mine, failed = {}, True
    numbers = mine.get("stores")
    numbers = numbers if isinstance(numbers, dict) else {}
    for models_dir in sorted({*numbers, *find_stores(receipts_dir)}):
        try:
            count = _carry(models_dir, receipts_dir, mine.get("boot"), numbers.get(models_dir))
            print(f"the last shutdown was clean: {count} receipts of {models_dir} stay valid")
        except (NoMark, LockError, StoreError, ReceiptsUnsafe) as error:
            _tell_void(models_dir, receipts_dir, str(error))
        except OSError as error:
            _tell_void(models_dir, receipts_dir, _words(error))
    return int(failed)


def _tell_void(models_dir: str, receipts_dir: str, why: str) -> None:
    # Started by hand, or with the first deploy: those of this boot need no mark.
    count = Receipts(models_dir, receipts_dir).of_this_boot()
    if count:
        print(f"{count} receipts of {models_dir} are of this boot, and stay valid")
    else:
        print(f"the blobs of {models_dir} must be hashed again: {why}")


def _mark_store(models_dir: str, receipts_dir: str) -> str:
    """Flush the store's file system and write a number on it; the number."""
    store = Store(models_dir)
    if not Receipts(models_dir, receipts_dir).of_this_boot():
        raise NoMark("it has no receipts of this boot")
    if store.find(store.blobs_dir) is None:
        raise NoMark(f"there is no {store.blobs_dir}; is its disk mounted?")
    unsafe = find_unsafe(store)
    if unsafe:
        raise NoMark(unsafe[0])
    path = _mark_path(store)
    # Whoever holds the lock still writes.
    with hold_lock(store.disk, store.lock_path, _LOCK_SECONDS, _PURPOSE):
        if store.disk.stat(store.blobs_dir).st_dev != store.disk.stat(store.private_dir).st_dev:
            raise NoMark(f"{store.blobs_dir} is on another file system than {store.private_dir}")
        # A number that was left over is replaced; what somebody else has put there is refused.
        if store.disk.find(path) is not None:
            store.disk.read_own(path, 0)
        sync_file_system(store.private_dir)
        number = secrets.token_hex(16)
        document = {"format": FORMAT, "boot": boot_identity(), "store": models_dir, "number": number}
        store.disk.replace(path, json.dumps(document).encode() + b"\n", 0o600)
    return number


def _carry(models_dir: str, receipts_dir: str, boot: object, number: object) -> int:
    """Take the store's mark away, compare it and carry the receipts over; how many."""
    store = Store(models_dir)
    theirs = _parse(_take(store.disk, _mark_path(store)))
    if not isinstance(boot, str) or not isinstance(number, str):
        raise NoMark("the last shutdown left no mark on the host, as after a power cut")
    if not theirs:
        raise NoMark("the last shutdown left no mark in the store, as after a power cut or with another disk")
    if (theirs.get("boot"), theirs.get("store"), theirs.get("number")) != (boot, models_dir, number):
        raise NoMark("the mark in the store is not that of the host's last shutdown, as with another disk")
    with hold_lock(store.disk, store.lock_path, _LOCK_SECONDS, _PURPOSE):
        return Receipts(models_dir, receipts_dir).carry(boot)


def _take(disk: Disk, path: str) -> bytes:
    """The content of a mark that only root can have written, which is gone for good before it is used; b"" if none."""
    try:
        content = disk.read_own(path, _LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    disk.remove(path)
    disk.sync(os.path.dirname(path))
    return content


def _parse(content: bytes) -> dict[str, t.Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) and document.get("format") == FORMAT else {}


def _receipts_dir() -> str:
    # No Engine runs at these times, so the stores are found by their receipts.
    try:
        return read_wanted().receipts_dir
    except NotWanted:
        return DEFAULT_DIR


def _mark_path(store: Store) -> str:
    return os.path.join(store.private_dir, NAME)


def _words(error: OSError) -> str:
    return str(error) if isinstance(error, Unsafe) else of_disk(error)
