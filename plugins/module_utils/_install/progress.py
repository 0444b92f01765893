# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The progress line of a download: made by the module on the host, shown by the action plugin. Private."""

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t
from collections import deque

from .._model.units import sized

# Short enough to follow a link that changes, long enough not to jump with every part.
_WINDOW_SECONDS = 10.0
_WRITE_SECONDS = 0.5


class Progress:
    """Counts what was downloaded and updates the record at path, if there is one."""

    def __init__(self, path: str | None = None, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._written = float("-inf")
        self._recent: deque[tuple[float, int]] = deque()
        self.total = 0
        self._before = 0

    def expect(self, total: int) -> None:
        """Set the total bytes of this run, including those that an earlier run left."""
        self.total = total

    def blob_done(self, size: int) -> None:
        self._before += size
        self._recent.clear()

    def say(self, note: str) -> None:
        """What happens while nothing is downloaded."""
        self._write({"pid": os.getpid(), "note": note})

    def update(self, model: str, done_of_blob: int) -> None:
        """Called often; writes seldom."""
        now, done = self._clock(), self._before + done_of_blob
        self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[0][0] > _WINDOW_SECONDS:
            self._recent.popleft()
        if now - self._written >= _WRITE_SECONDS:
            self._written = now
            speed = rate(self._recent)
            self._write({"pid": os.getpid(), "model": model, "done": done, "total": self.total, "rate": speed})

    def _write(self, record: dict[str, t.Any]) -> None:
        if self._path is None:
            return
        temporary = f"{self._path}.new"
        # Progress is optional: a full disk here must not fail the download.
        with contextlib.suppress(OSError):
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(record, file)
            os.replace(temporary, self._path)

    def close(self) -> None:
        if self._path is not None:
            for path in (self._path, f"{self._path}.new"):
                with contextlib.suppress(OSError):
                    os.unlink(path)


def rate(recent: t.Sequence[tuple[float, int]]) -> float:
    """Bytes a second over the samples, 0 while there is nothing to divide."""
    if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
        return 0.0
    return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])


def progress_line(host: str, raw: str) -> str | None:
    """One line for people; None when the record says nothing (yet)."""
    try:
        record = json.loads(raw)
        if "note" in record:
            return f"[{host}] {record['note']}"
        model, done, total = str(record["model"]), int(record["done"]), int(record["total"])
        speed = float(record["rate"])
    except (ValueError, TypeError, KeyError):
        return None
    if total <= 0:
        return None
    line = f"[{host}] {model}: {sized(done)} of {sized(total)} ({done * 100 // total} %)"
    if speed > 0:
        line += f", {sized(speed)}/s, {_clock_face((total - done) / speed)} left"
    return line


def worker_pid(raw: str) -> int:
    """The process that writes the record, 0 if unknown."""
    try:
        return int(json.loads(raw)["pid"])
    except (ValueError, TypeError, KeyError):
        return 0


def _clock_face(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.999), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
