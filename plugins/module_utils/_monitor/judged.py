# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at this host, judged: the facts of the metrics, and the stack as a deploy would look at it. Private."""

from __future__ import annotations

import os
import socket
import typing as t
from dataclasses import dataclass, replace

from .._engine.client import EngineError
from .._engine.compose import ComposeMissing, ComposeRefused, compose_version
from .._engine.sockets import EngineSocket
from .._stack.judge import judge_stack
from .._stack.look import observe
from .._stack.types import Query, Reason, Seen
from .collect import Facts, needs, sort_problems
from .history import Line, read_history
from .keep import look_once
from .models import ModelFacts, read_models
from .oom import State
from .troubles import Trouble, find_troubles, is_clean
from .wanted import to_query

OK, DIFFERS, UNKNOWN = 0, 1, 3
# Enough of the history to find each kill of the last day.
_MOST_LINES = 200
# A person waits longer than a timer.
_ENGINE_SECONDS = 20.0


@dataclass(frozen=True)
class Judged:
    """Everything that is shown."""

    host: str
    facts: Facts
    state: State
    seen: Seen | None
    models: t.Sequence[ModelFacts]
    troubles: t.Sequence[Trouble]
    lines: t.Sequence[Line]
    compose_version: str

    @property
    def code(self) -> int:
        """The exit code."""
        if self.seen is None or self.seen.engine_missing:
            return UNKNOWN
        return OK if is_clean(self.troubles) else DIFFERS


def judge_host(tokens: bool = False, finish: t.Callable[[Query, Seen], Seen] | None = None) -> Judged:
    """Look at this host once; with tokens each warm model is asked for one. finish may look longer."""
    facts, state = look_once()
    seen, reasons = None, list[Reason]()
    version = ""
    if facts.wanted is not None:
        query = replace(to_query(facts.wanted), tokens=tokens)
        seen, _document = observe(query, lambda docker_host: EngineSocket(docker_host, _ENGINE_SECONDS))
        seen = finish(query, seen) if finish else seen
        reasons = judge_stack(seen)
        version = seen.compose_version or _compose_version(query.docker_host)
    models = read_models(facts)
    if finish and seen is not None:
        # It has looked closer than the receipts.
        damaged, _missing = sort_problems(seen.models, facts.scrub.damaged)
        models = [
            replace(
                one,
                cached=state.cached,
                # But not closer than a scrub, which has read the disk and not the page cache.
                intact=False if needs(state, damaged) else state.intact,
                unproven=state.unproven,
            )
            for one, state in zip(models, seen.models)
        ]
    lines = read_history(_MOST_LINES)
    host = host_name()
    troubles = find_troubles(facts, state, models, reasons, lines, host)
    return Judged(host, facts, state, seen, models, troubles, lines, version)


def host_name() -> str:
    """The full name of this host, if a name server knows it at once."""
    os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:1")
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


def _compose_version(docker_host: str) -> str:
    try:
        return compose_version(docker_host)
    except (ComposeMissing, ComposeRefused, EngineError):
        return ""
