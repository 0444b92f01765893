# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every module ends: with one sentence whatever happens, and before its deadline. Private."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import typing as t

from .._store.disk import of_disk

# Time for the clean-up of a module after its deadline, before it is killed.
LAST_SECONDS = 20.0
# The largest deadline an operator may set: a month.
_MOST_SECONDS = 30 * 86400.0

Fail = t.Callable[[str, str], t.Any]


class TimeIsUp(BaseException):
    """The deadline has passed; a BaseException, so that no other code handles it."""


@contextlib.contextmanager
def bounded(seconds: float, fail: Fail) -> t.Iterator[None]:
    """Limit the time of the block; fail(kind, sentence) is called for a timeout or an unexpected error."""
    late = f"timed out after {seconds:.0f} s: check the host's load, disk and network"
    try:
        with _alarm(seconds, lambda: fail("deadline", late)):
            yield
    except TimeIsUp:
        fail("deadline", late)
    except Exception as error:
        fail(*told(error))


def told(error: Exception) -> tuple[str, str]:
    """The kind of an unexpected error, and a sentence about it."""
    if isinstance(error, OSError):
        return "disk", of_disk(error)
    if isinstance(error, MemoryError):
        return "memory", "out of memory on the host: free some memory, or give the host more"
    where, frame = "", error.__traceback__
    while frame is not None:
        where, frame = f"{os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}", frame.tb_next
    return "defect", (
        f"unexpected {type(error).__name__} at {where}: {error}; this is a bug in archiv.ollama, please report it with"
        " this message"
    )


@contextlib.contextmanager
def _alarm(seconds: float, last_word: t.Callable[[], t.Any]) -> t.Iterator[None]:
    """Raise TimeIsUp at the deadline; if the block has not ended some seconds later, call last_word and exit."""
    if threading.current_thread() is not threading.main_thread():
        # Signals are only handled in the main thread; tests run modules in others.
        yield
        return
    rung = False

    def ring(_signal: int, _frame: object) -> None:
        nonlocal rung
        if rung:
            with contextlib.suppress(SystemExit):
                last_word()
            sys.stdout.flush()
            os._exit(1)
        rung = True
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds if 0 < seconds < _MOST_SECONDS else _MOST_SECONDS, LAST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
