# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look that is kept: the counters, the history and the samples after it. Private."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, replace

from .._engine.client import EngineError
from .._engine.sockets import EngineSocket
from . import history, oom, paths
from .collect import SERVER, Facts, collect
from .samples import add_sample, read_samples
from .state import StateError, changing, read_document, write_document
from .wanted import NotWanted, read_wanted

# When metrics were seen of which none could be written yet.
NEVER = 1
# In nanoseconds: a timer ends a look before.
_LONGEST_LOOK = 60 * 1_000_000_000


@dataclass(frozen=True)
class Kept:
    """What was kept after the last look."""

    state: oom.State
    # What a look remembers of the host for the next one.
    known: t.Mapping[str, str]
    # Whether it could not be read: the counters begin anew.
    lost: bool = False


def read_kept() -> Kept:
    """What was kept; nothing where it was never written, or is damaged."""
    document = read_document(paths.STATE)
    if document is not None:
        known = document.get("known")
        try:
            texts = {key: value for key, value in known.items() if isinstance(value, str)} if known else {}
            return Kept(oom.parse(document), texts)
        except (ValueError, AttributeError):
            pass
    return Kept(oom.State(), {}, lost=True)


def look_once() -> tuple[Facts, oom.State]:
    """What is seen now, with the counters as they would be; nothing is written."""
    kept = read_kept()
    facts = collect(kept.state.at, kept.known)
    # Nothing is written, so the time at which that happened last stays.
    return facts, replace(_advance(kept, facts)[0], seen=kept.state.seen)


def look_and_keep(publish: t.Callable[[Facts, oom.State], None]) -> None:
    """The same, and it is written down; StateError also where publish has failed, which ends nothing else.

    It is published by one process at a time: an older look must not replace a newer one, whose counters are higher.
    """
    kept = read_kept()
    facts = collect(kept.state.at, kept.known)
    with changing("ollama-stack metrics"):
        # Another look may have ended meanwhile.
        now = read_kept()
        state, happened = _advance(now, facts)
        failed, seen = None, int(facts.now * 1e9)
        try:
            publish(facts, state)
        except StateError as error:
            # Nobody has seen it, and doctor must not say that somebody has.
            failed, seen = error, now.state.seen or NEVER
        # A lost state stays lost until there is something to count.
        if facts.look is not None or not now.lost:
            _write(replace(state, seen=seen), facts.known)
        history.append([history.line(one.at / 1e9, one.event, one.subject, one.what) for one in happened])
        _keep_sample(facts)
    if failed is not None:
        raise failed


def forget_removed() -> None:
    """Forget the services that have no container: only after a deploy that ended well, which made all that are wanted.

    Else one that was taken out of the inventory would be told as down for ever.
    """
    try:
        wanted = read_wanted()
        with contextlib.closing(EngineSocket(wanted.docker_host)) as engine:
            there = {item.service for item in engine.containers(wanted.project)}
    except (NotWanted, EngineError):
        return
    with changing("ollama-stack record deploy"):
        kept = read_kept()
        counts = {service: one for service, one in kept.state.counts.items() if service in there}
        if len(counts) < len(kept.state.counts):
            _write(replace(kept.state, counts=counts), kept.known)


def _write(state: oom.State, known: t.Mapping[str, str]) -> None:
    write_document(paths.STATE, {**oom.plain(state), "known": dict(known)})


def _advance(kept: Kept, facts: Facts) -> tuple[oom.State, list[oom.Happening]]:
    # An older look than the one that is kept says nothing new. One that is older by far is none: the clock was set
    # back, and nothing would be counted until it has caught up.
    if facts.look is None or facts.look.at <= kept.state.at < facts.look.at + _LONGEST_LOOK:
        return kept.state, []
    events = [one for one in facts.look.events if one.at > kept.state.at]
    state, happened = oom.count(kept.state, oom.Look(**{**vars(facts.look), "events": events}))
    if not kept.lost:
        return state, happened
    lost = oom.Happening(facts.look.at, "gap", "host", f"{paths.STATE} could not be read: the counters begin anew")
    return oom.with_gaps(state), [*happened, lost]


def _keep_sample(facts: Facts) -> None:
    memory = facts.memory.get(SERVER)
    if memory is None or memory.unreclaimable is None:
        return
    samples = add_sample(read_samples(read_document(paths.SAMPLES)), facts.now, memory.unreclaimable)
    if samples is not None:
        write_document(paths.SAMPLES, {"memory": samples, "limit": memory.limit})
