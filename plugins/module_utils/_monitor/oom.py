# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts what the kernel killed for want of memory, so that the numbers never decrease. Pure and private.

Three sources know of a kill, and each loses some: the counter of a container's control group ends with the container;
the Engine forgets its events at 256 and when it restarts; an exit code shows the first process alone. Where something
may have been missed, that is counted as a gap.

The words: a life is one run of a container, from its start to its end. A restart begins another life of the same
container, with counters of its own.
"""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field, replace

# What a process ends with that was killed by signal 9.
KILLED = 137
# Signals with which the Engine stops a container: a death by one of them is not the kernel's doing.
_STOPPING = ("2", "3", "9", "15")
# Services that are gone are remembered, as a counter must not vanish, but not without end.
_MOST_SERVICES = 32
_SECOND = 1_000_000_000
# From the time up to which a look asks for events to its reading of the counters, in nanoseconds.
_READING = _SECOND // 5


@dataclass(frozen=True)
class Event:
    """One thing that happened to a container, as the Engine told it."""

    at: int
    container: str
    service: str
    action: str
    exit_code: int = 0
    signal: str = ""


@dataclass(frozen=True)
class Life:
    """A container as one look saw it."""

    id: str
    started: str
    running: bool
    # The counter of its control group; None if unknown.
    kills: int | None = None
    # How often the Engine has restarted it.
    restarts: int = 0
    exit_code: int = 0
    # Whether it is waiting to be restarted.
    restarting: bool = False
    oom_killed: bool = False


@dataclass(frozen=True)
class Count:
    """The numbers of one service, and its container as seen last; None where it is gone."""

    life: Life | None
    oom_kills: int = 0
    gaps: int = 0
    restarts: int = 0
    # Whether the last look has counted a kill in this life: its end may be the same kill.
    fresh: bool = False


@dataclass(frozen=True)
class Look:
    """Everything that one look saw."""

    # Nanoseconds since 1970.
    at: int
    boot: str
    engine: str
    lives: t.Mapping[str, Life]
    events: t.Sequence[Event] = ()
    # Whether the Engine still had all events since the last look.
    complete: bool = True


@dataclass(frozen=True)
class State:
    """What is kept between looks."""

    at: int = 0
    # When it was written last, also while the Engine did not answer.
    seen: int = 0
    boot: str = ""
    engine: str = ""
    counts: t.Mapping[str, Count] = field(default_factory=dict)


@dataclass(frozen=True)
class Happening:
    """One line for the history."""

    at: int
    event: str
    subject: str
    what: str


def count(state: State, look: Look) -> tuple[State, list[Happening]]:
    """The state after a look, and what has happened since the last one."""
    happened = []
    if state.boot and look.boot != state.boot:
        happened.append(Happening(look.at, "reboot", "host", "the host was started again"))
    whole = look.complete and look.boot == state.boot and look.engine == state.engine
    counts: dict[str, Count] = {}
    for service in [*look.lives, *(name for name in state.counts if name not in look.lives)][:_MOST_SERVICES]:
        events = sorted((one for one in look.events if one.service == service), key=lambda one: one.at)
        before, now = state.counts.get(service), look.lives.get(service)
        # At the very first look nothing is known to have been missed.
        events = [one for one in events if not _is_counted(one, before, state.at)]
        counts[service] = _count_one(before, now, events, whole or not state.at)
        happened += _tell(service, before or Count(None), counts[service], look.at, first=not state.at)
    return State(look.at, look.at, look.boot, look.engine, counts), sorted(happened, key=lambda one: one.at)


def _is_counted(one: Event, before: Count | None, since: int) -> bool:
    """Whether the last look's counter has shown this kill: it was read a moment after the time up to which it asked."""
    life = before.life if before is not None and before.fresh else None
    return life is not None and one.action == "oom" and one.container == life.id and one.at < since + _READING


def _count_one(before: Count | None, now: Life | None, events: t.Sequence[Event], whole: bool) -> Count:
    known = before or Count(None)
    old = known.life
    same = old is not None and now is not None and (old.id, old.started) == (now.id, now.started)
    # A counter that can be read knows all of its life; only of what has ended the events are needed.
    counter = now.kills if now is not None and now.running else None
    begun = moment(now.started) if now is not None else 0
    past = [one for one in events if counter is None or now is None or one.container != now.id or one.at < begun]
    ended = _kills_told(past, old.id if old is not None and known.fresh else "")
    growth = _growth(old if same else None, counter)
    gap = not whole and before is not None and not _is_seen(old, now, same, counter)
    if gap and now is not None and ended + growth == 0:
        ended = int(_died_of_it(old, now))
    return Count(
        life=now,
        oom_kills=known.oom_kills + ended + growth,
        gaps=known.gaps + int(gap),
        restarts=known.restarts + _new_restarts(old, now),
        fresh=growth > 0,
    )


def _growth(before: Life | None, counter: int | None) -> int:
    """What a counter has grown by; before is the same life as seen last, None for one that is new."""
    if counter is None:
        return 0
    seen = 0 if before is None else before.kills
    # A counter that could not be read before says nothing of since when it has this number.
    return 0 if seen is None else counter - seen if counter >= seen else counter


def _is_seen(old: Life | None, now: Life | None, same: bool, counter: int | None) -> bool:
    """Whether no kill can have been missed even without events."""
    idle = old is None or not old.running
    if now is None:
        return idle
    return same and (counter is not None or idle)


def _new_restarts(old: Life | None, now: Life | None) -> int:
    if now is None:
        return 0
    had = old.restarts if old is not None and old.id == now.id else 0
    # When somebody starts it by hand, the Engine counts from 0 again.
    return now.restarts - had if now.restarts >= had else now.restarts


def _kills_told(events: t.Sequence[Event], counted: str) -> int:
    """Kills in lives that have ended: the Engine's events, and a death by signal 9 that it did not ask for.

    Each container's events are cut into lives at its starts: the Engine may tell of an end before it tells the cause.
    counted is the container whose counter the last look has seen growing: its end may be that very kill.
    """
    kills = 0
    for container in dict.fromkeys(one.container for one in events):
        told, died, stopped, fresh = 0, False, False, container == counted
        for one in (one for one in events if one.container == container):
            if one.action == "start":
                kills += _kills_of(told, died, stopped, fresh)
                told, died, stopped, fresh = 0, False, False, False
            told += one.action == "oom"
            died = died or (one.action == "die" and one.exit_code == KILLED)
            stopped = stopped or (one.action == "kill" and one.signal in _STOPPING)
        kills += _kills_of(told, died, stopped, fresh)
    return kills


def _kills_of(told: int, died: bool, stopped: bool, fresh: bool) -> int:
    return told or int(died and not stopped and not fresh)


def _died_of_it(old: Life | None, now: Life) -> bool:
    """Whether what is left of a container shows a kill, where the events are lost."""
    restarted = now.restarting or (old is not None and old.id == now.id and now.restarts > old.restarts)
    return now.oom_killed or (now.exit_code == KILLED and restarted)


def _tell(service: str, before: Count, after: Count, at: int, first: bool) -> t.Iterator[Happening]:
    old, now = before.life, after.life
    changed = (old.id, old.started) != (now.id, now.started) if old and now else old is not now
    if old and old.running and (changed or (now and not now.running)):
        same = now is not None and now.id == old.id and not now.running
        code = f"ended with exit code {now.exit_code}" if now and same else "ended" if now else "container was removed"
        yield Happening(at, "stop", service, code)
    if after.oom_kills > before.oom_kills and not first:
        kills = after.oom_kills - before.oom_kills
        yield Happening(at, "oom", service, f"out of memory: the kernel killed {kills} of its processes")
    if after.gaps > before.gaps:
        yield Happening(at, "gap", service, "it was not watched at its end: kills may have been missed")
    if now and now.running and changed and not first:
        begun = min(moment(now.started) or at, at)
        yield Happening(begun, "start", service, "container was started")


def moment(text: str) -> int:
    """Nanoseconds since 1970 of a time as the Engine writes it; 0 where it is none."""
    try:
        whole = datetime.datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
    except ValueError:
        return 0
    fraction = text[20:].rstrip("Z")[:9] if text[19:20] == "." else ""
    return int(whole) * _SECOND + (int(fraction.ljust(9, "0")) if fraction.isdigit() else 0)


def with_gaps(state: State) -> State:
    """The same with one gap more for each service: for numbers that begin anew, because the old ones were lost."""
    return replace(state, counts={name: replace(one, gaps=one.gaps + 1) for name, one in state.counts.items()})


def plain(state: State) -> dict[str, t.Any]:
    """The state as JSON."""
    return {
        "at": state.at,
        "seen": state.seen,
        "boot": state.boot,
        "engine": state.engine,
        "services": {
            name: {**vars(one), "life": vars(one.life) if one.life else None} for name, one in state.counts.items()
        },
    }


def parse(document: t.Mapping[str, t.Any]) -> State:
    """The state from JSON; ValueError if it is none."""
    try:
        counts = {
            str(name): Count(**{**one, "life": Life(**one["life"]) if one["life"] else None})
            for name, one in document.get("services", {}).items()
        }
        state = State(
            at=int(document.get("at", 0)),
            seen=int(document.get("seen", 0)),
            boot=str(document.get("boot", "")),
            engine=str(document.get("engine", "")),
            counts=counts,
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("not a state") from error
    numbers = [value for one in counts.values() for value in (one.oom_kills, one.gaps, one.restarts)]
    if not all(isinstance(value, int) and value >= 0 for value in numbers) or not all(map(_is_sound, counts.values())):
        raise ValueError("not a state")
    return state


def _is_sound(one: Count) -> bool:
    life = one.life
    if life is None:
        return True
    numbers = (life.restarts, life.exit_code, 0 if life.kills is None else life.kills)
    return all(isinstance(value, str) for value in (life.id, life.started)) and all(
        isinstance(value, int) for value in numbers
    )
