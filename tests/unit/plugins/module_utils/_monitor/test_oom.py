"""OOM kills are counted from what the kernel and the Engine tell, once each, and never backwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.oom import (
    Count,
    Event,
    Happening,
    Life,
    Look,
    State,
    count,
    moment,
    parse,
    plain,
    with_gaps,
)

SECOND = 1_000_000_000
# Look number N is at N minutes past this.
BASE = moment("2026-11-27T08:00:00Z")
FIRST = "2026-11-27T08:00:30.5Z"
A = Life("a", FIRST, True, kills=0)
STARTED_AGAIN = "2026-11-27T08:01:20.250000000Z"
# The same container, restarted by the Engine between the first look and the second.
AGAIN = replace(A, started=STARTED_AGAIN, restarts=1)
BY_HAND = replace(AGAIN, restarts=0)
B = Life("b", STARTED_AGAIN, True, kills=0)


def at(minute: int, second: float = 0) -> int:
    return BASE + minute * 60 * SECOND + int(second * SECOND)


def look(minute: int, life: Life | None, events: Sequence[Event] = (), **changes: object) -> Look:
    whole = Look(at(minute), "boot", "engine", {"ollama": life} if life else {}, tuple(events))
    return replace(whole, **changes)  # type: ignore[arg-type]


def event(action: str, second: float, container: str = "a", minute: int = 1, **values: object) -> Event:
    return Event(at(minute, second), container, "ollama", action, **values)  # type: ignore[arg-type]


def after(*looks: Look) -> tuple[Count, list[Happening]]:
    """The numbers after some looks, and all that happened."""
    state, told = State(), []
    for one in looks:
        state, happened = count(state, one)
        told += happened
    return state.counts["ollama"], told


def numbers(*looks: Look) -> tuple[int, int, int]:
    found, _ = after(*looks)
    return found.oom_kills, found.gaps, found.restarts


KILLED = event("die", 19, exit_code=137)
STARTED = event("start", 20.3)
OOM = event("oom", 18.9)
STOPPING = event("kill", 18, signal="15")
FORCED = event("kill", 18.9, signal="9")

CASES: dict[str, tuple[Life | None, list[Event], dict[str, Any], tuple[int, int, int]]] = {
    # Name: the life at the second look, what the Engine told, changes of the look -> kills, gaps, restarts.
    "nothing happens": (A, [], {}, (0, 0, 0)),
    "runner killed, container lives": (replace(A, kills=1), [], {}, (1, 0, 0)),
    # The counter knows of it already.
    "runner killed, and the Engine tells it": (replace(A, kills=1), [OOM], {}, (1, 0, 0)),
    "three runners killed, one event": (replace(A, kills=3), [OOM], {}, (3, 0, 0)),
    "runner killed, counter not readable": (replace(A, kills=None), [OOM], {}, (1, 0, 0)),
    "first process killed, with an event": (AGAIN, [OOM, KILLED, STARTED], {}, (1, 0, 1)),
    # The Engine may tell the cause after the end.
    "first process killed, event late": (AGAIN, [KILLED, event("oom", 19.5), STARTED], {}, (1, 0, 1)),
    "first process killed, only by its exit code": (AGAIN, [KILLED, STARTED], {}, (1, 0, 1)),
    "runner killed, then the first process": (AGAIN, [event("oom", 5), OOM, KILLED, STARTED], {}, (2, 0, 1)),
    "killed again after the restart": (replace(AGAIN, kills=1), [OOM, KILLED, STARTED], {}, (2, 0, 1)),
    "killed, not started again": (replace(A, running=False, kills=None, exit_code=137), [OOM, KILLED], {}, (1, 0, 0)),
    "crashed": (AGAIN, [event("die", 19, exit_code=1), STARTED], {}, (0, 0, 1)),
    "stopped and killed by the Engine": (
        replace(AGAIN, restarts=0),
        [STOPPING, FORCED, KILLED, STARTED],
        {},
        (0, 0, 0),
    ),
    "killed by the kernel while it was being stopped": (AGAIN, [STOPPING, OOM, KILLED, STARTED], {}, (1, 0, 1)),
    # A signal that ends nothing excuses nothing.
    "told to read its configuration, then killed": (
        AGAIN,
        [event("kill", 10, signal="1"), KILLED, STARTED],
        {},
        (1, 0, 1),
    ),
    "recreated": (B, [STOPPING, event("die", 18.5, exit_code=0), event("start", 20.3, "b")], {}, (0, 0, 0)),
    "recreated after a kill": (B, [OOM, KILLED, event("start", 20.3, "b")], {}, (1, 0, 0)),
    "recreated, and killed at once": (replace(B, kills=1), [event("start", 20.3, "b")], {}, (1, 0, 0)),
    "killed in a container between the two": (
        B,
        [event("start", 5, "c"), event("oom", 6, "c"), event("die", 7, "c", exit_code=137), event("start", 20.3, "b")],
        {},
        (1, 0, 0),
    ),
    "removed": (None, [STOPPING, event("die", 18.5)], {}, (0, 0, 0)),
    # What was not seen is not made up, but said.
    "rebooted": (AGAIN, [], {"boot": "another"}, (0, 1, 1)),
    "rebooted, and killed since": (replace(AGAIN, kills=2), [], {"boot": "another"}, (2, 1, 1)),
    "Engine restarted, container lives": (replace(A, kills=1), [], {"engine": "another"}, (1, 0, 0)),
    "Engine restarted, and the container": (AGAIN, [], {"engine": "another"}, (0, 1, 1)),
    "events lost, container lives": (replace(A, kills=1), [OOM], {"complete": False}, (1, 0, 0)),
    "events lost, container restarted": (AGAIN, [], {"complete": False}, (0, 1, 1)),
    "events lost, some are there": (AGAIN, [OOM, KILLED, STARTED], {"complete": False}, (1, 1, 1)),
    "events lost, it waits to be restarted": (
        replace(A, running=False, kills=None, exit_code=137, restarting=True),
        [],
        {"complete": False},
        (1, 1, 0),
    ),
    "events lost, the Engine has seen it": (
        replace(A, running=False, kills=None, exit_code=1, oom_killed=True),
        [],
        {"complete": False},
        (1, 1, 0),
    ),
    "events lost, container removed": (None, [], {"complete": False}, (0, 1, 0)),
    "another service's event": (A, [replace(OOM, service="backend")], {}, (0, 0, 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_between_two_looks(case: str) -> None:
    life, events, changes, expected = CASES[case]
    assert numbers(look(1, A), look(2, life, events, **changes)) == expected


def test_first_look_takes_the_counter_and_misses_nothing() -> None:
    assert numbers(look(1, replace(A, kills=3, restarts=2), complete=False)) == (3, 0, 2)
    assert after(look(1, replace(A, kills=3)))[1] == []


def test_only_the_growth_of_a_counter_counts() -> None:
    counters = (2, 2, 3, 3)
    assert numbers(*(look(minute, replace(A, kills=kills)) for minute, kills in enumerate(counters, 1))) == (3, 0, 0)
    # One that begins anew without a restart, and one that could not be read for a while.
    assert numbers(look(1, replace(A, kills=5)), look(2, replace(A, kills=2))) == (7, 0, 0)
    assert numbers(look(1, replace(A, kills=None)), look(2, replace(A, kills=2))) == (0, 0, 0)


def test_one_kill_seen_by_two_looks_counts_once() -> None:
    """The counter shows it while the container dies; its end is told to the next look."""
    dying = replace(A, kills=1)
    restarted = replace(AGAIN, started="2026-11-27T08:02:02Z")
    ended = [event("die", 1, minute=2, exit_code=137), event("start", 2, minute=2)]
    assert numbers(look(1, A), look(2, dying), look(3, restarted, ended)) == (1, 0, 1)
    # Another kill in its last moments is told by an event of its own.
    ended.insert(0, event("oom", 0.9, minute=2))
    assert numbers(look(1, A), look(2, dying), look(3, restarted, ended)) == (2, 0, 1)


def test_kill_between_the_events_and_the_counter_counts_once() -> None:
    """The counter of the second look shows it, and the Engine tells of it to the third."""
    late = [event("oom", 0.006, minute=2), event("die", 0.05, minute=2, exit_code=137)]
    restarted = replace(AGAIN, started="2026-11-27T08:02:02Z")
    assert numbers(look(1, A), look(2, replace(A, kills=1)), look(3, restarted, late)) == (1, 0, 1)


def test_kill_between_the_events_and_the_containers_is_told_to_the_next_look() -> None:
    """The second look sees the new life already, and the Engine tells of the old one's end to the third."""
    late = [event("oom", 59.9), event("die", 59.95, exit_code=137)]
    restarted = replace(AGAIN, started="2026-11-27T08:02:00.010Z")
    assert numbers(look(1, A), look(2, restarted), look(3, restarted, late)) == (1, 0, 1)


def test_one_shot_that_ended_before_misses_nothing() -> None:
    ended = replace(A, running=False, kills=None)
    assert numbers(look(1, ended), look(2, ended, complete=False, boot="another", engine="another")) == (0, 0, 0)
    assert numbers(look(1, ended), look(2, None, complete=False)) == (0, 0, 0)


def test_service_that_is_new_has_no_gap() -> None:
    state, _ = count(State(), look(1, A))
    state, _ = count(state, replace(look(2, A, complete=False), lives={"ollama": A, "gate": B}))
    assert state.counts["gate"].gaps == 0


def test_counters_of_a_service_that_is_gone_stay() -> None:
    assert numbers(look(1, A), look(2, replace(A, kills=4)), look(3, None), look(4, None)) == (4, 0, 0)


def test_services_are_not_remembered_without_end() -> None:
    state = State()
    for number in range(50):
        state, _ = count(state, replace(look(number + 1, None), lives={f"s{number}": A}))
    assert len(state.counts) == 32


def test_restarts_count_on_when_somebody_starts_it_by_hand() -> None:
    by_hand = replace(A, started="2026-11-27T08:02:10Z", restarts=0)
    assert numbers(look(1, replace(A, restarts=3)), look(2, replace(A, restarts=5)), look(3, by_hand))[2] == 5


def test_history_tells_each_thing_once() -> None:
    _, told = after(look(1, A), look(2, AGAIN, [OOM, KILLED, STARTED]), look(3, AGAIN), look(4, None))
    assert [(one.event, one.subject) for one in told] == [
        ("start", "ollama"),
        ("stop", "ollama"),
        ("oom", "ollama"),
        ("stop", "ollama"),
    ]
    assert told[0].at == moment(STARTED_AGAIN)


def test_history_tells_a_reboot_and_what_was_not_seen() -> None:
    _, told = after(look(1, A), look(2, AGAIN, boot="another"))
    assert {one.event for one in told} == {"reboot", "stop", "gap", "start"}


def test_state_is_read_as_it_was_written() -> None:
    state, _ = count(State(), look(1, replace(A, kills=2)))
    assert parse(json.loads(json.dumps(plain(state)))) == state
    assert parse({}) == State()
    assert with_gaps(state).counts["ollama"].gaps == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"services": []},
        {"services": {"ollama": {"life": None, "oom_kills": -1}}},
        {"services": {"ollama": {"life": {"id": "a"}}}},
        {"services": {"ollama": {"life": None, "oom_kills": "many"}}},
        {"at": "yesterday"},
    ],
)
def test_damaged_state_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        parse(damage)


def test_moments_of_the_engine() -> None:
    assert moment("2026-11-27T08:00:00.5Z") - moment("2026-11-27T08:00:00Z") == SECOND // 2
    assert moment("2026-11-27T08:00:00.000000001Z") - moment("2026-11-27T08:00:00Z") == 1
    assert moment("0001-01-01T00:00:00Z") < 0
    assert moment("") == 0


LIVES = st.one_of(
    st.none(),
    st.builds(
        Life,
        id=st.sampled_from("ab"),
        started=st.sampled_from([FIRST, STARTED_AGAIN]),
        running=st.booleans(),
        kills=st.one_of(st.none(), st.integers(0, 5)),
        restarts=st.integers(0, 5),
        exit_code=st.sampled_from([0, 1, 137]),
        restarting=st.booleans(),
        oom_killed=st.booleans(),
    ),
)
EVENTS = st.lists(
    st.builds(
        Event,
        at=st.integers(at(0), at(9)),
        container=st.sampled_from("abc"),
        service=st.just("ollama"),
        action=st.sampled_from(["oom", "die", "start", "kill"]),
        exit_code=st.sampled_from([0, 137]),
        signal=st.sampled_from(["", "9", "15"]),
    ),
    max_size=6,
)


@given(st.lists(st.tuples(LIVES, EVENTS, st.booleans(), st.sampled_from("xy"), st.sampled_from("xy")), max_size=6))
def test_no_number_ever_decreases(steps: list[tuple[Life | None, list[Event], bool, str, str]]) -> None:
    state, before = State(), (0, 0, 0)
    for number, (life, events, complete, boot, engine) in enumerate(steps, 1):
        state, _ = count(state, look(number, life, events, complete=complete, boot=boot, engine=engine))
        one = state.counts.get("ollama", Count(None))
        now = (one.oom_kills, one.gaps, one.restarts)
        assert all(new >= old for new, old in zip(now, before, strict=True))
        before = now
