# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bar on a terminal, for work that reads many bytes. Private."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._model.units import sized

_WIDTH = 30
_DRAW_SECONDS = 0.2


class Bar:
    """How much of the work is done; draws nothing where nobody watches."""

    def __init__(self, stream: t.TextIO, wanted: bool, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if wanted and stream.isatty() else None
        self._clock = clock
        self._began = self._drawn = clock()
        self._done = self._total = self._before = 0

    def expect(self, total: int, before: int = 0) -> None:
        """All bytes of the work, and those of them that an earlier run has done."""
        self._total, self._done, self._before = total, before, before

    def add(self, count: int) -> None:
        """Called for each piece; draws a few times a second."""
        self._done += count
        now = self._clock()
        if self._stream is not None and now - self._drawn >= _DRAW_SECONDS:
            self._drawn = now
            self._draw(bar_line(self._done, self._total, self._done - self._before, now - self._began))

    def clear(self) -> None:
        """Make room for a line of text."""
        self._draw("")

    def _draw(self, line: str) -> None:
        if self._stream is not None:
            # A terminal that is gone must not end the work.
            with contextlib.suppress(OSError):
                self._stream.write(f"\r{line}\x1b[K")
                self._stream.flush()


def bar_line(done: int, total: int, now_done: int, seconds: float) -> str:
    """The line of a bar: now_done bytes took these seconds."""
    share = min(done / total, 1.0) if total else 1.0
    line = f"[{'#' * int(share * _WIDTH):{_WIDTH}}] {share:4.0%}  {sized(done)} of {sized(total)}"
    speed = now_done / seconds if seconds > 0 else 0.0
    if speed > 0:
        minutes, rest = divmod(int(max(total - done, 0) / speed + 0.999), 60)
        line += f", {sized(speed)}/s, {minutes}:{rest:02d} left"
    return line
