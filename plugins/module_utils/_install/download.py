# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads one blob: several connections, resumable, hashed during the download. Private."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .._model.units import sized
from .._registry.blobs import BlobSource
from .._registry.errors import Cut, DigestMismatch, NoSpace, Offline, RegistryError, ServerError, Stalled, shown
from .._registry.transport import Response
from .._store.disk import Disk, write_all
from .partial import Partial, no_space
from .ranges import RangeQueue, amount, part_size, plan_ranges, prefix
from .types import Limits

_READ_MIN = 16 * 1024
# Larger writes take larger pieces of memory for the page cache, which a virtual machine's host must find anew (kernel
# 6.18: at 1 MiB up to twice the system time); at 64 KiB the calls begin to count.
_READ_MAX = 128 * 1024
_PACE_SECONDS = 0.1
_PUBLISH = 1024 * 1024
_PUBLISH_SECONDS = 0.25
_HASH_READ = 1024 * 1024
# Start writing to disk early, instead of at the last sync when nothing else is left to do: a tenth of the total time.
_FLUSH = 16 * 1024 * 1024
_JOIN_SECONDS = 1.0
# At most this much work is lost to a SIGKILL, and so many times as much to a power cut: a sync
# makes the file system write what everybody else left, too.
_RECORD_SECONDS = 1.0
_SYNC_ROUNDS = 10


@dataclass
class _Todo:
    """A range to download; opened is a response that was already received for it."""

    start: int
    end: int
    opened: tuple[Response, int] | None = None


class _Worker:
    """One connection, with its own descriptor, buffer and read size.

    A call for much returns when it has all and costs a tenth of the Python of many small ones; a slow
    connection is asked for what is there, so that every byte that comes is seen, kept and counted.
    """

    def __init__(self, source: BlobSource, queue: RangeQueue, fd: int) -> None:
        self._source = source
        self._client = source.client
        self._queue = queue
        self._fd = fd
        self._buffer = memoryview(bytearray(_READ_MAX))
        self._size = _READ_MIN
        self._since = time.monotonic()
        self._got = 0

    def work(self, todo: _Todo | None) -> None:
        """One connection: download range after range."""
        todo = todo or self._take()
        while todo is not None:
            try:
                self._fetch(todo)
            except (ServerError, Cut, Offline):
                if not self._queue.give_back(todo.start, todo.end):
                    raise
                return
            todo = self._take()

    def _take(self) -> _Todo | None:
        extent = self._queue.take()
        return _Todo(*extent) if extent else None

    def _fetch(self, todo: _Todo) -> None:
        """Download one range, with as many responses as it takes while data keeps arriving."""
        waits = iter(self._client.waits)
        while todo.start < todo.end:
            before = todo.start
            try:
                self._transfer(todo)
            except (ServerError, Cut, Offline):
                if todo.start > before:
                    waits, wait = iter(self._client.waits), 0.0
                else:
                    wait = next(waits, -1.0)
                if wait < 0:
                    raise
                self._queue.stopped.wait(wait)
            if self._queue.stopped.is_set():
                return

    def _transfer(self, todo: _Todo) -> None:
        """Write one response to the file; updates todo.start."""
        response, offset = todo.opened or self._source.open(todo.start, todo.end)
        todo.opened = None
        published, last = todo.start, time.monotonic()
        try:
            while todo.start < todo.end:
                upto = todo.end if offset >= todo.start else todo.start
                room = self._buffer[: min(self._size, upto - offset)]
                piece = self._client.read_into(response, room, self._size <= _READ_MIN)
                if self._queue.stopped.is_set():
                    return
                if not piece:
                    raise Cut(f"{shown(response.url)} closed the connection after {offset} bytes")
                now = self._queue.last_byte = self._tick(len(piece))
                if offset >= todo.start:
                    write_all(self._fd, piece, offset)
                    todo.start += len(piece)
                offset += len(piece)
                if todo.start - published >= _PUBLISH or now - last >= _PUBLISH_SECONDS:
                    self._queue.publish(published, todo.start)
                    published, last = todo.start, now
        finally:
            response.close()
            self._queue.publish(published, todo.start)

    def _tick(self, got: int) -> float:
        """Call after each read; returns the current time."""
        now = time.monotonic()
        self._got += got
        if now - self._since >= _PACE_SECONDS:
            in_a_moment = int(self._got / (now - self._since) * _PACE_SECONDS / 2)
            self._size = max(_READ_MIN, min(_READ_MAX, in_a_moment))
            self._since, self._got = now, 0
        return now


class _Download:
    """The threads that fill one partial, and the one that hashes behind them."""

    def __init__(self, source: BlobSource, held: Partial, limits: Limits, report: Callable[[int], None]) -> None:
        self.source = source
        self.held = held
        self.limits = limits
        self.report = report
        self.hexdigest = ""
        self.failure: Exception | None = None
        self._over = threading.Event()
        self._queue, self._todos = self._begin()

    def run(self) -> str:
        """Download what is missing; returns the digest of the whole file."""
        # Each thread has a descriptor of its own: one that wakes late, after we gave up, can then
        # never write into a file opened since under the same number.
        recorder = self._thread(self._keep_record)
        threads = [self._thread(self._hash), *(self._thread(partial(self._work, todo)) for todo in self._todos)]
        try:
            while not self._over.wait(0.1):
                self._watch()
        finally:
            self._end(recorder, threads)
        self.report(amount(self._queue.done))
        if self.failure is not None:
            raise self.failure
        return self.hexdigest

    def _begin(self) -> tuple[RangeQueue, list[_Todo | None]]:
        """Request the first range; the response shows whether the server supports ranges."""
        size, done = self.held.size, self.held.done
        ranges = plan_ranges(done, size, part_size(size - amount(done), self.limits.connections))
        if not ranges:
            return RangeQueue(done, [], 0), []
        start, end = ranges.pop(0)
        response, offset = self.source.client.patiently(lambda: self.source.open(start, end))
        if response.status == 200 and (start, end) != (0, size):
            # The server ignores ranges: one connection, in file order, so that nothing is sent twice.
            done = done[:1] if prefix(done) else []
            ranges, start, end = [], prefix(done), size
        working = min(self.limits.connections, len(ranges) + 1)
        todos = [_Todo(start, end, (response, offset)), *[None] * (working - 1)]
        # Start the timeout only now: the retries for that response may have taken some time.
        return RangeQueue(done, ranges, working), todos

    def _thread(self, job: Callable[[int], None]) -> threading.Thread:
        own = os.dup(self.held.fd)

        def guarded() -> None:
            try:
                job(own)
            except (RegistryError, OSError) as error:
                self.failure = self.failure or error
                self._over.set()
            finally:
                os.close(own)

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    def _work(self, todo: _Todo | None, fd: int) -> None:
        _Worker(self.source, self._queue, fd).work(todo)

    def _watch(self) -> None:
        done = amount(self._queue.done)
        self.report(done)
        self.source.client.deadline.check()
        silence = time.monotonic() - self._queue.last_byte
        if done < self.held.size and silence > self.limits.stall_timeout:
            raise Stalled(
                f"{shown(self.source.url)}: no data for {self.limits.stall_timeout:g} s, with"
                f" {sized(done)} of {sized(self.held.size)} downloaded; they are kept, run again to resume"
            )

    def _end(self, recorder: threading.Thread, threads: list[threading.Thread]) -> None:
        """Stop and keep what was downloaded; do not wait for threads that are blocked on a socket."""
        self._queue.stop()
        end = time.monotonic() + _JOIN_SECONDS
        for thread in threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        # This one waits only for the disk, and the kernel reports a write error once: to it, and not to seal().
        recorder.join()
        if isinstance(self.failure, OSError):
            raise self.failure
        if not self.hexdigest:
            self.held.save(self._queue.done, sync=True)

    def _keep_record(self, _fd: int) -> None:
        rounds = 0
        while not self._queue.stopped.wait(_RECORD_SECONDS):
            rounds += 1
            self.held.save(self._queue.done, sync=rounds % _SYNC_ROUNDS == 0)

    def _hash(self, fd: int) -> None:
        """Hash in file order, close behind the writers, out of the page cache."""
        sha, position, flushed, size = hashlib.sha256(), 0, 0, self.held.size
        view = memoryview(bytearray(_HASH_READ))
        while position < size:
            reached = self._queue.wait_beyond(position)
            if self._queue.stopped.is_set():
                return
            while position < reached and not self._queue.stopped.is_set():
                got = os.preadv(fd, [view[: reached - position]], position)
                if got == 0:
                    raise OSError(errno.EIO, "the file is shorter than what was written", self.held.path)
                sha.update(view[:got])
                position += got
                if position - flushed >= _FLUSH:
                    flushed = start_writing(fd, flushed, position)
        self.hexdigest = sha.hexdigest()
        self._over.set()


def fetch_blob(
    source: BlobSource,
    digest: str,
    disk: Disk,
    folder: str,
    limits: Limits,
    report: Callable[[int], None],
) -> str:
    """Download a blob to folder; returns the path of the verified and flushed file."""
    held = Partial(disk, folder, digest, source.size)
    try:
        held.open()
        resumed = bool(held.done)
        found = "sha256:" + _Download(source, held, limits, report).run()
        if found != digest and resumed:
            # What an earlier run left may have been damaged by a power cut: download it again.
            held.drop()
            held.open()
            found = "sha256:" + _Download(source, held, limits, report).run()
        if found != digest:
            held.drop()
            raise DigestMismatch(
                f"digest mismatch: {shown(source.url)} sent {source.size} bytes with digest {found}; they were"
                " discarded: the registry or a proxy in between alters the data"
            )
        held.seal()
    except OSError as error:
        # After a failed write the page cache still has the data: the next run would take it as complete.
        held.drop()
        if not no_space(error):
            raise
        raise NoSpace(
            f"no space left in {folder} for blob {digest} ({sized(source.size)}); the partial"
            " download was removed, free some space and run again"
        ) from error
    finally:
        held.close()
    return held.path


def start_writing(fd: int, start: int, end: int) -> int:
    """Have the kernel begin to write a range to disk, and go on; returns end.

    What Linux does first when told that pages are not needed; those still to be written stay cached all the same.
    """
    os.posix_fadvise(fd, start, end - start, os.POSIX_FADV_DONTNEED)
    return end
