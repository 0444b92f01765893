# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `record`: what a deploy or a verification tells this host about itself. Private."""

from __future__ import annotations

import argparse
import math
import os
import pwd
import time
import typing as t

from .._store.disk import read_kernel
from . import history, paths
from .keep import forget_removed
from .state import changing, read_document, write_document

# Other events have a line in the history alone.
_KEPT = ("deploy", "verify", "rollback")
_MOST_MODELS = 64
_MOST_PARENTS = 64
_ENVIRONMENT = 128 * 1024
# As the kernel writes that nobody has logged in.
_NOBODY = (1 << 32) - 1


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack record`; the exit code."""
    record(
        arguments.event,
        ok=arguments.result == "ok",
        who=who_runs_this(arguments.who),
        subject=arguments.subject,
        what=arguments.what,
        answers=dict(arguments.answer),
    )
    if arguments.event == "deploy" and arguments.result == "ok":
        forget_removed()
    return 0


def record(
    event: str, ok: bool, who: str, subject: str = "", what: str = "", answers: t.Mapping[str, float] | None = None
) -> None:
    """Write a line into the history, when it was, and how long the models took to answer."""
    now = round(time.time(), 3)
    with changing(f"ollama-stack record {event}"):
        if event in _KEPT:
            kept = read_document(paths.RECORDS) or {}
            answered = {name: {"seconds": round(value, 3), "time": now} for name, value in (answers or {}).items()}
            known = {**_known(kept.get("answers")), **answered}
            last = dict(sorted(known.items(), key=lambda item: float(item[1]["time"]))[-_MOST_MODELS:])
            write_document(paths.RECORDS, {**kept, event: {"time": now, "ok": ok}, "answers": last})
        result: str = "ok" if ok else "failed"
        history.append([history.line(now, event, subject=subject, what=what, who=who, result=result)])


def _known(told: object) -> dict[str, dict[str, t.Any]]:
    items = told.items() if isinstance(told, dict) else ()
    return {name: one for name, one in items if isinstance(one, dict) and isinstance(one.get("time"), (int, float))}


def read_answer(text: str) -> tuple[str, float]:
    """MODEL=SECONDS, as an argument."""
    name, _, seconds = text.rpartition("=")
    try:
        number = float(seconds)
    except ValueError:
        number = math.nan
    if not name or not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not MODEL=SECONDS, such as qwen2.5:7b=1.4")
    return name, number


def who_runs_this(told: str = "") -> str:
    """The login that is told, or that behind sudo, as the kernel keeps it; and the address it came from if known."""
    name = told or _login() or os.environ.get("SUDO_USER") or _name_of(os.geteuid())
    address = came_from(os.getpid())
    return f"{name} from {address}" if address else name


def came_from(process: int) -> str:
    """The address of the SSH connection that a process is in; sudo takes it out of the environment of those below."""
    for _ in range(_MOST_PARENTS):
        try:
            variables = read_kernel(f"/proc/{process}/environ", _ENVIRONMENT).split("\0")
            # PID (NAME) STATE PARENT; the name may have blanks and brackets.
            process = int(read_kernel(f"/proc/{process}/stat", _ENVIRONMENT).rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return ""
        found = [value for name, _, value in (one.partition("=") for one in variables) if name == "SSH_CONNECTION"]
        if found or process <= 1:
            return found[0].partition(" ")[0] if found else ""
    return ""


def _login() -> str:
    try:
        with open("/proc/self/loginuid", encoding="ascii") as file:
            uid = int(file.read(20))
    except (OSError, ValueError):
        return ""
    return "" if uid == _NOBODY else _name_of(uid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
