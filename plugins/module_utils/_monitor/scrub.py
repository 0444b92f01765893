# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hashes every blob of the store as the disk has it, one at a time, and goes on where it was stopped. Private."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
import typing as t

from .._engine.client import EngineError
from .._engine.sockets import EngineSocket
from .._model.names import ModelName
from .._model.units import sized
from .._store.disk import Disk
from .._store.hashing import Hashed
from .._store.inspect import Problem, compare
from .._store.lock import LockBusy, LockError, hold_lock, is_held, who_holds
from .._store.paths import Store, StoreError
from .._store.receipts import RACY_SECONDS, FileKey, Receipts, ReceiptsUnsafe, settled_at
from .._store.uncached import hash_on_disk
from . import paths
from .bar import Bar
from .collect import VOLUME
from .history import append, line
from .scrubbed import Finding, Record, Target, take_stock, to_finding
from .state import StateError, changing
from .wanted import NotWanted, Wanted, read_wanted

ALL_WHOLE, DAMAGED, CANNOT_TELL, NOT_ENDED = 0, 1, 3, 4
# Receipts and scrub.json are written no more often: a store may have thousands of small blobs.
_WRITE_SECONDS = 1.0
# An install may hold the store's lock for hours; the end of a round waits for it a little.
_LOCK_SECONDS = 30.0
_MOST_TOLD = 20
_PURPOSE = "ollama-stack scrub"


class NoModels(Exception):
    """The folder of the models is not known; str() is a sentence for the operator."""


class Stopped(Exception):
    """A signal asked to end."""


class Stop:
    """Whether a signal asked to end; heard between two pieces of a file."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Raise Stopped if it did."""
        if self.asked:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Sleep until then or until the signal: Python itself goes on with a sleep that a signal interrupts."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.1))


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack scrub`; the exit code."""
    try:
        wanted = read_wanted()
        store = Store(find_store(wanted))
    except (NotWanted, NoModels) as error:
        return _say(str(error), CANNOT_TELL)
    if is_held(store.disk, store.lock_path):
        # It may take hours, and what is read meanwhile would have no receipts.
        holder = who_holds(store.disk, store.lock_path)
        return _say(f"an install is going on ({holder}), so nothing is read; scrub when it has ended", NOT_ENDED)
    state = Disk(os.path.dirname(paths.HOME))
    names = [wish.name for wish in wanted.wishes]
    with _stop_on_signals() as stop:
        try:
            with hold_lock(state, paths.SCRUB_LOCK, 0, _PURPOSE):
                receipts = Receipts(store.models_dir, wanted.receipts_dir)
                return Scrub(store, names, receipts, stop, Bar(sys.stderr, arguments.progress)).run()
        except LockBusy:
            holder = who_holds(state, paths.SCRUB_LOCK) or "another process"
            return _say(f"another scrub is running ({holder}); wait until it ends", NOT_ENDED)
        except (LockError, StateError, StoreError) as error:
            return _say(str(error).replace("the store's lock", "the lock"), CANNOT_TELL)


def find_store(wanted: Wanted) -> str:
    """The folder of the models; the Engine is asked only where they are in a volume."""
    if wanted.models_dir:
        return wanted.models_dir
    try:
        with contextlib.closing(EngineSocket(wanted.docker_host)) as engine:
            volume = engine.volume(wanted.project, VOLUME)
    except EngineError as error:
        raise NoModels(f"cannot find the models: {error}") from error
    if volume is None:
        raise NoModels(f"the Engine has no volume {VOLUME} of project {wanted.project}: run playbooks/deploy.yml")
    if not volume.path:
        raise NoModels(f"volume {volume.name} cannot be read from the host: {volume.why_no_path}")
    return os.path.join(volume.path, "models")


class Scrub:
    """One round over the blobs of a store."""

    def __init__(self, store: Store, wanted: t.Collection[ModelName], receipts: Receipts, stop: Stop, bar: Bar) -> None:
        self._store, self._wanted, self._receipts = store, wanted, receipts
        self._stop, self._bar = stop, bar
        self._record = Record(store.models_dir)
        self._proofs = Proofs(store, receipts, stop)
        self._found: dict[str, Finding] = {}
        self._written = time.monotonic()

    def run(self) -> int:
        """Read what this round has not read yet; the exit code."""
        stock = take_stock(self._store, self._wanted)
        if stock.findings:
            # A model that is just being removed still had its manifest a moment ago, and its blobs no more.
            stock = take_stock(self._store, self._wanted)
        todo = [target for target in stock.targets.values() if not self._is_done(target)]
        self._record.expect(stock.targets.values(), todo)
        self._bar.expect(self._record.total_bytes, self._record.done_bytes)
        for text in (*stock.wanted_unlisted, *stock.unlisted)[:_MOST_TOLD]:
            self._tell(text)
        try:
            for finding in stock.findings.values():
                self._note(finding)
            for target in todo:
                self._look(target)
            self._proofs.write(_LOCK_SECONDS)
        except Stopped:
            return self._not_ended("a signal stopped it")
        except LockBusy as error:
            return self._not_ended(f"receipts could not be written: {error}")
        return self._end(len(stock.targets), not (self._found or stock.wanted_unlisted or self._proofs.impossible))

    def _is_done(self, target: Target) -> bool:
        """Whether this round has read it and its receipt still holds; after a boot or a change it is read again."""
        digest = target.blob.digest
        try:
            key = FileKey.of(self._store.disk.stat(self._store.blob_path(digest)))
        except OSError:
            return False
        return digest in self._record.done and not self._receipts.why_void(digest, key)

    def _look(self, target: Target) -> None:
        """Read one blob; a bad one twice, as it may just have been replaced or removed."""
        self._stop.check()
        digest, before = target.blob.digest, self._record.done_bytes
        if self._read(target) is not None:
            self._record.done_bytes = before
            stock = take_stock(self._store, self._wanted)
            again = stock.targets.get(digest)
            if digest in stock.findings:
                self._note(stock.findings[digest])
            elif again is not None and (problem := self._read(again)) is not None:
                self._note(to_finding(self._store.disk, problem, target.model))
        self._record.done_bytes = before + target.blob.size
        if time.monotonic() - self._written >= _WRITE_SECONDS:
            self._write()

    def _read(self, target: Target) -> Problem | None:
        blob, path = target.blob, self._store.blob_path(target.blob.digest)
        hashed: Hashed | OSError
        try:
            _settle(self._stop, FileKey.of(self._store.disk.stat(path)))
            hashed, direct = hash_on_disk(self._store.disk, path, self._after_piece)
            self._record.direct &= direct
        except OSError as error:
            hashed = error
        problem = compare(self._store, blob, path, hashed)
        if problem is None and isinstance(hashed, Hashed):
            self._proofs.whole[blob.digest] = hashed.key
            self._record.done.add(blob.digest)
            self._record.findings.pop(blob.digest, None)
        return problem

    def _after_piece(self, count: int) -> None:
        self._record.done_bytes += count
        self._bar.add(count)
        self._stop.check()

    def _note(self, finding: Finding) -> None:
        self._found[finding.digest] = self._record.findings[finding.digest] = finding
        self._proofs.bad.add(finding.digest)
        if len(self._found) <= _MOST_TOLD:
            self._tell(finding.text)

    def _write(self) -> None:
        self._written = time.monotonic()
        # What is noted as read without a receipt is read again.
        self._record.save()
        with contextlib.suppress(LockBusy):
            self._proofs.write(0)

    def _tell(self, text: str) -> None:
        self._bar.clear()
        print(text, file=sys.stderr)

    def _not_ended(self, why: str) -> int:
        self._write()
        left = sized(self._record.total_bytes - self._record.done_bytes)
        self._tell(f"the scrub has not ended: {why}; the next one goes on with the {left} that are left")
        return DAMAGED if self._found else NOT_ENDED

    def _end(self, count: int, ok: bool) -> int:
        if self._proofs.impossible:
            self._tell(f"no receipts were written, so the next deploy hashes all again: {self._proofs.impossible}")
        self._bar.clear()
        self._record.end(ok, self._found.values())
        how = (
            "from the disk"
            if self._record.direct
            else ("(the file system has no O_DIRECT, so what a server has mapped came from memory)")
        )
        bad = f"{len(self._found)} damaged or missing" if self._found else "none damaged or missing"
        said = f"read {count} blobs of {sized(self._record.total_bytes)} {how}: {bad}"
        print(said)
        with changing(_PURPOSE):
            append([line(time.time(), "scrub", what=said, result="ok" if ok else "failed")])
        return ALL_WHOLE if ok else DAMAGED


def _settle(stop: Stop, key: FileKey) -> None:
    """Two writes in one tick of the clock look like one, and the second might follow the reading."""
    left = settled_at(key) - time.time()
    if 0 < left <= RACY_SECONDS:
        stop.sleep(left + 0.01)


class Proofs:
    """Receipts for what was read, written under the store's lock."""

    def __init__(self, store: Store, receipts: Receipts, stop: Stop) -> None:
        self._store, self._receipts, self._stop = store, receipts, stop
        self.whole: dict[str, FileKey] = {}
        self.bad: set[str] = set()
        # Why no receipts can be kept.
        self.impossible = ""

    def write(self, seconds: float) -> None:
        """Write those for whole blobs and drop those of bad ones; LockBusy if an install holds the lock for so long."""
        if not self.whole and not self.bad:
            return
        try:
            with contextlib.ExitStack() as held:
                self._lock(held, time.monotonic() + seconds)
                self._receipts.read()
                self._receipts.forget(self.bad)
                self._receipts.write(self.whole)
        except LockBusy:
            raise
        except (LockError, ReceiptsUnsafe) as error:
            self.impossible = str(error)
        self.whole, self.bad = {}, set()

    def _lock(self, held: contextlib.ExitStack, until: float) -> None:
        while True:
            try:
                held.enter_context(hold_lock(self._store.disk, self._store.lock_path, 0, _PURPOSE))
                return
            except LockBusy:
                if time.monotonic() >= until:
                    raise
                self._stop.sleep(0.2)


@contextlib.contextmanager
def _stop_on_signals() -> t.Iterator[Stop]:
    stop = Stop()

    def ask(_number: int, _frame: object) -> None:
        stop.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
