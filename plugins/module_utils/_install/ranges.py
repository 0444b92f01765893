# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The downloaded and missing bytes of a blob. Extents are half-open, sorted, and never adjacent. Private."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterable

Extent = tuple[int, int]

# Every part costs a connection, and the hash waits for the lowest one: small enough that the hash
# runs along, large enough that a TLS handshake over a slow link stays below a few percent.
_PART_MIN = 16 * 1024 * 1024
_PART_MAX = 64 * 1024 * 1024


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


class RangeQueue:
    """The downloaded and missing ranges of a blob, shared by the threads that download, hash and watch it."""

    def __init__(self, done: list[Extent], ranges: list[Extent], working: int) -> None:
        # Replaced, never modified: a reader without the lock sees the old or the new list.
        self.done = done
        self.stopped = threading.Event()
        self.last_byte = time.monotonic()
        self._ranges = ranges
        # The number of downloading threads.
        self._working = working
        self._changed = threading.Condition()

    def take(self) -> Extent | None:
        """The next range in file order; None if there is none, and the caller is done."""
        with self._changed:
            if self._ranges and not self.stopped.is_set():
                return self._ranges.pop(0)
            self._working -= 1
            return None

    def give_back(self, start: int, end: int) -> bool:
        """Return a range to the others; False if there are none: some servers allow few connections."""
        with self._changed:
            if self._working <= 1:
                return False
            self._working -= 1
            bisect.insort(self._ranges, (start, end))
            return True

    def publish(self, start: int, end: int) -> None:
        """Mark these bytes as downloaded."""
        with self._changed:
            self.done = add_extent(self.done, start, end)
            self._changed.notify_all()

    def wait_beyond(self, position: int) -> int:
        """The end of the contiguous bytes, once it is beyond position, or when the download stops."""
        with self._changed:
            while prefix(self.done) <= position and not self.stopped.is_set():
                self._changed.wait()
            return max(position, prefix(self.done))

    def stop(self) -> None:
        self.stopped.set()
        with self._changed:
            self._changed.notify_all()
