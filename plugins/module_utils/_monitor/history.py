# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The history of a host: one line of JSON for each thing that happened, the last ones kept. Private."""

from __future__ import annotations

import argparse
import json
import time
import typing as t

from .._store.disk import printable
from . import paths
from .state import is_time, read_json, read_lines, write_file

_MOST_LINES = 2000
_LONGEST = 300
_TEXTS = ("event", "who", "subject", "what", "result")
Line = dict[str, t.Any]


def line(at: float, event: str, subject: str = "", what: str = "", who: str = "", result: str = "") -> Line:
    """One line; what comes from elsewhere is cut and printable."""
    texts = {"event": event, "who": who, "subject": subject, "what": what, "result": result}
    return {"time": round(at, 3), **{name: _short(text) for name, text in texts.items()}}


def append(lines: t.Sequence[Line]) -> None:
    """Add lines and drop the oldest; the caller holds the lock."""
    if not lines:
        return
    added = [json.dumps(one, ensure_ascii=False).encode() for one in lines]
    kept = [*read_lines(paths.HISTORY), *added][-_MOST_LINES:]
    write_file(paths.HISTORY, b"\n".join(kept) + b"\n")


def read_history(most: int) -> list[Line]:
    """The last lines, the newest first; a line that cannot be read is left out."""
    found: list[Line] = []
    for raw in reversed(read_lines(paths.HISTORY)):
        if len(found) >= most:
            break
        one = _parse(raw)
        if one is not None:
            found.append(one)
    return found


def _parse(raw: bytes) -> Line | None:
    try:
        document: t.Any = read_json(raw)
        return (
            None
            if not is_time(document["time"])
            else line(document["time"], **{name: str(document.get(name, "")) for name in _TEXTS})
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack history`; the exit code."""
    for one in read_history(arguments.most):
        print(json.dumps(one, ensure_ascii=False) if arguments.json else show(one))
    return 0


def show(one: Line) -> str:
    """One line for a terminal, in the time of this host."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["time"]))
    who = f" by {one['who']}" if one["who"] else ""
    words = [one["event"], one["result"], one["subject"]]
    told = " ".join(word for word in words if word)
    return f"{when}  {told}{who}" + (f": {one['what']}" if one["what"] else "")
