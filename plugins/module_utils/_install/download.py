# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Downloads one blob: several connections, resumable, hashed during the download. Private."""

from __future__ import annotations

import bisect
import errno
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._registry.client import (
    Answer,
    BlobSource,
    Cut,
    DigestMismatch,
    NoSpace,
    Offline,
    RegistryError,
    ServerError,
    Stalled,
    shown,
)
from .._store.disk import Disk, write_all
from .._store.receipts import boot_identity

Extent = tuple[int, int]

# Every part costs a connection, and the hash waits for the lowest one: small enough that the hash
# runs along, large enough that a TLS handshake over a slow link stays below a few percent.
_PART_MIN = 16 * 1024 * 1024
_PART_MAX = 64 * 1024 * 1024
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
# Every 64 MiB of a blob may have an extent of its own in its record.
_RECORD_LIMIT = 4 * 1024 * 1024
# What a file system needs besides the data: extent trees, the manifest, our records.
_MARGIN = 1024 * 1024


# Deciding: extents are half-open, sorted, and never touch.


def add_extent(done: list[Extent], start: int, end: int) -> list[Extent]:
    """done and [start, end), merged."""
    merged: list[Extent] = []
    for begin, finish in sorted([*done, (start, end)]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], finish))
        elif begin < finish:
            merged.append((begin, finish))
    return merged


def missing(done: list[Extent], size: int) -> list[Extent]:
    """The gaps of done in [0, size)."""
    edges = [0, *(edge for extent in done for edge in extent), size]
    gaps = zip(edges[::2], edges[1::2])
    return [(start, end) for start, end in gaps if start < end]


def plan_ranges(done: list[Extent], size: int, part: int) -> list[Extent]:
    """Every missing byte once, in file order, at most part bytes a range."""
    return [(begin, min(begin + part, end)) for start, end in missing(done, size) for begin in range(start, end, part)]


def prefix(done: list[Extent]) -> int:
    """How many bytes from the start are complete."""
    return done[0][1] if done and done[0][0] == 0 else 0


def amount(done: Iterable[Extent]) -> int:
    return sum(end - start for start, end in done)


def part_size(todo: int, connections: int) -> int:
    """At least two parts a connection, so that none waits long for the slowest."""
    return max(_PART_MIN, min(_PART_MAX, todo // (2 * connections) + 1))


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


# Doing.


def partial_path(folder: str, digest: str) -> str:
    """The partial file of a blob: named as in the store, so that a survey can say what it is."""
    return os.path.join(folder, digest.replace(":", "-"))


@dataclass(frozen=True)
class Limits:
    """Number of connections, and when to give up."""

    connections: int = 8
    stall_timeout: float = 30.0


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


@dataclass
class _Todo:
    """A range to download; opened is a response that was already received for it."""

    start: int
    end: int
    opened: tuple[Answer, int] | None = None


class _Worker:
    """One connection's own descriptor, buffer and pace.

    A call for much returns when it has all and costs a tenth of the Python of many small ones; a slow
    connection is asked for what is there, so that every byte that comes is seen, kept and counted.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.buffer = memoryview(bytearray(_READ_MAX))
        self.size = _READ_MIN
        self._since = time.monotonic()
        self._got = 0

    @property
    def slow(self) -> bool:
        return self.size <= _READ_MIN

    def tick(self, got: int) -> float:
        """Call after each read; returns the current time."""
        now = time.monotonic()
        self._got += got
        if now - self._since >= _PACE_SECONDS:
            in_a_moment = int(self._got / (now - self._since) * _PACE_SECONDS / 2)
            self.size = max(_READ_MIN, min(_READ_MAX, in_a_moment))
            self._since, self._got = now, 0
        return now


class _Download:
    """The threads that fill one partial, and the one that hashes behind them."""

    def __init__(self, source: BlobSource, partial: Partial, limits: Limits, report: Callable[[int], None]) -> None:
        self.source = source
        self.client = source.client
        self.partial = partial
        self.limits = limits
        self.report = report
        self.hexdigest = ""
        self.failure: Exception | None = None
        self._ranges: list[Extent] = []
        self._working = 0
        self._lock = threading.Condition()
        self._stop = threading.Event()
        self._over = threading.Event()
        self._last_byte = time.monotonic()

    def run(self) -> str:
        """Download what is missing; returns the digest of the whole file."""
        todos = self._begin()
        # Its retries may have taken some time.
        self._last_byte = time.monotonic()
        # Each thread has a descriptor of its own: one that wakes late, after we gave up, can then
        # never write into a file opened since under the same number.
        recorder = self._thread(self._keep_record)
        threads = [self._thread(self._hash), *(self._thread(partial(self._work, todo)) for todo in todos)]
        try:
            while not self._over.wait(0.1):
                self._watch()
        finally:
            self._end(recorder, threads)
        self.report(amount(self.partial.done))
        if self.failure is not None:
            raise self.failure
        return self.hexdigest

    def _begin(self) -> list[_Todo | None]:
        """Request the first range; the response shows whether the server supports ranges."""
        size, done = self.partial.size, self.partial.done
        part = part_size(size - amount(done), self.limits.connections)
        self._ranges = plan_ranges(done, size, part)
        if not self._ranges:
            return []
        start, end = self._ranges.pop(0)
        answer, offset = self.client.patiently(lambda: self.source.open(start, end))
        if answer.status == 200 and (start, end) != (0, size):
            # The server ignores ranges: one connection, in file order, so that nothing is sent twice.
            self.partial.done = done[:1] if prefix(done) else []
            self._ranges, start, end = [], prefix(done), size
        self._working = min(self.limits.connections, len(self._ranges) + 1)
        return [_Todo(start, end, (answer, offset)), *[None] * (self._working - 1)]

    def _thread(self, job: Callable[[int], None]) -> threading.Thread:
        own = os.dup(self.partial.fd)

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

    def _watch(self) -> None:
        done = amount(self.partial.done)
        self.report(done)
        self.client.deadline.check()
        silence = time.monotonic() - self._last_byte
        if done < self.partial.size and silence > self.limits.stall_timeout:
            raise Stalled(
                f"{shown(self.source.url)}: no data for {self.limits.stall_timeout:g} s, with"
                f" {done} of {self.partial.size} downloaded; they are kept, run again to resume"
            )

    def _end(self, recorder: threading.Thread, threads: list[threading.Thread]) -> None:
        """Stop and keep what was downloaded; do not wait for threads that are blocked on a socket."""
        self._stop.set()
        with self._lock:
            self._lock.notify_all()
        end = time.monotonic() + _JOIN_SECONDS
        for thread in threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        # This one waits only for the disk, and the kernel reports a write error once: to it, and not to seal().
        recorder.join()
        if isinstance(self.failure, OSError):
            raise self.failure
        if not self.hexdigest:
            self.partial.save(self.partial.done, sync=True)

    def _keep_record(self, _fd: int) -> None:
        rounds = 0
        while not self._stop.wait(_RECORD_SECONDS):
            rounds += 1
            self.partial.save(self.partial.done, sync=rounds % _SYNC_ROUNDS == 0)

    def _hash(self, fd: int) -> None:
        """Hash in file order, close behind the writers, out of the page cache."""
        sha, position, flushed, size = hashlib.sha256(), 0, 0, self.partial.size
        view = memoryview(bytearray(_HASH_READ))
        while position < size:
            reached = self._wait_beyond(position)
            if reached == position:
                return
            while position < reached and not self._stop.is_set():
                got = os.preadv(fd, [view[: reached - position]], position)
                if got == 0:
                    raise OSError(errno.EIO, "the file is shorter than what was written", self.partial.path)
                sha.update(view[:got])
                position += got
                if position - flushed >= _FLUSH:
                    flushed = start_writing(fd, flushed, position)
        self.hexdigest = sha.hexdigest()
        self._over.set()

    def _wait_beyond(self, position: int) -> int:
        """The end of the contiguous bytes, once it is beyond position, or when the download stops."""
        with self._lock:
            while prefix(self.partial.done) <= position and not self._stop.is_set():
                self._lock.wait()
            return max(position, prefix(self.partial.done))

    def _work(self, todo: _Todo | None, fd: int) -> None:
        """One connection: download range after range."""
        worker = _Worker(fd)
        todo = todo or self._take()
        while todo is not None:
            try:
                self._fetch(todo, worker)
            except (ServerError, Cut, Offline):
                if not self._give_back(todo):
                    raise
                return
            todo = self._take()

    def _take(self) -> _Todo | None:
        with self._lock:
            if self._ranges and not self._stop.is_set():
                return _Todo(*self._ranges.pop(0))
            self._working -= 1
            return None

    def _give_back(self, todo: _Todo) -> bool:
        """Return a range to the others; False if there are none: some servers allow few connections."""
        with self._lock:
            if self._working <= 1:
                return False
            self._working -= 1
            bisect.insort(self._ranges, (todo.start, todo.end))
            return True

    def _fetch(self, todo: _Todo, worker: _Worker) -> None:
        """Download one range, with as many responses as it takes while data keeps arriving."""
        waits = iter(self.client.waits)
        while todo.start < todo.end:
            before = todo.start
            try:
                self._transfer(todo, worker)
            except (ServerError, Cut, Offline):
                if todo.start > before:
                    waits, wait = iter(self.client.waits), 0.0
                else:
                    wait = next(waits, -1.0)
                if wait < 0:
                    raise
                self._stop.wait(wait)
            if self._stop.is_set():
                return

    def _transfer(self, todo: _Todo, worker: _Worker) -> None:
        """Write one response to the file; updates todo.start."""
        answer, offset = todo.opened or self.source.open(todo.start, todo.end)
        todo.opened = None
        published, last = todo.start, time.monotonic()
        try:
            while todo.start < todo.end:
                upto = todo.end if offset >= todo.start else todo.start
                room = worker.buffer[: min(worker.size, upto - offset)]
                piece = self.client.read_into(answer, room, worker.slow)
                if self._stop.is_set():
                    return
                if not piece:
                    raise Cut(f"{shown(answer.url)} closed the connection after {offset} bytes")
                self._last_byte = worker.tick(len(piece))
                if offset >= todo.start:
                    write_all(worker.fd, piece, offset)
                    todo.start += len(piece)
                offset += len(piece)
                if todo.start - published >= _PUBLISH or self._last_byte - last >= _PUBLISH_SECONDS:
                    published, last = self._publish(published, todo.start), self._last_byte
        finally:
            answer.close()
            self._publish(published, todo.start)

    def _publish(self, start: int, end: int) -> int:
        with self._lock:
            self.partial.done = add_extent(self.partial.done, start, end)
            self._lock.notify_all()
        return end


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
            f"no space left in {folder} for blob {digest} ({source.size} bytes); the partial"
            " download was removed, free some space and run again"
        ) from error
    finally:
        held.close()
    return held.path


def check_space(disk: Disk, folder: str, todo: int) -> None:
    """Refuse to start if todo bytes plus a margin do not fit on the file system of folder."""
    needed = todo + todo // 100 + _MARGIN
    status = disk.file_system(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise NoSpace(
            f"no space left in {folder}: {free} bytes free, {needed} needed ({todo} to download plus a margin);"
            " nothing was downloaded; free some space (`prune` removes unused files) and run again"
        )


def held_bytes(disk: Disk, folder: str, digest: str) -> int:
    """What a partial file already occupies on disk, without holes."""
    status = disk.find(partial_path(folder, digest))
    return status.st_blocks * 512 if status is not None and stat.S_ISREG(status.st_mode) else 0


def no_space(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def start_writing(fd: int, start: int, end: int) -> int:
    """Have the kernel begin to write a range to disk, and go on; returns end.

    What Linux does first when told that pages are not needed; those still to be written stay cached all the same.
    """
    os.posix_fadvise(fd, start, end - start, os.POSIX_FADV_DONTNEED)
    return end
