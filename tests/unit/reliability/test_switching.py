"""What the sweep over switches makes of its rounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.reliability.switching import (
    DEPLOYED,
    RETURN,
    ROLLBACK,
    ROLLED_BACK,
    SWITCH,
    Look,
    Seen,
    Wanted,
    changed,
    lacking,
    plan,
    strays,
    table,
    verdict,
)

ONCE = ("ollama-model-init",)
COUNT = 24


def container(**other: Any) -> dict[str, Any]:
    return {"status": "running", "health": "healthy", "image": "sha256:a", "started": True, **other}


def release(number: int, state: str, image: str = "sha256:a") -> dict[str, Any]:
    return {"number": number, "state": state, "images": {"ollama": image}}


GOOD = Seen(cut=plan("1", 0, COUNT), midst=True, how="at 10 %, start | Bring", interrupted=True, said_interrupted=True)
RUNS = Look({"ollama": container()}, [release(1, "good", "sha256:old"), release(2, "good")])


def test_every_kind_of_run_is_cut_and_each_kind_from_its_begin_to_its_end() -> None:
    cuts = [plan("7", number, COUNT) for number in range(COUNT)]
    assert cuts == [plan("7", number, COUNT) for number in range(COUNT)]
    assert Counter(cut.target for cut in cuts) == {SWITCH: 12, ROLLBACK: 6, RETURN: 6}
    for target, count in ((SWITCH, 12), (ROLLBACK, 6), (RETURN, 6)):
        places = sorted(int(cut.share * count) for cut in cuts if cut.target == target)
        assert places == list(range(count))
        assert {cut.next_run for cut in cuts if cut.target == target} == {DEPLOYED, ROLLED_BACK}
    assert len({cut.change for cut in cuts if cut.target == SWITCH}) == 4


def test_change_made_twice_is_none() -> None:
    all_of_it = Wanted(newer_image=True, other_backend=True, more_models=True)
    assert changed(changed(Wanted(other_backend=True), all_of_it), all_of_it) == Wanted(other_backend=True)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, []),
        ({"health": None}, []),
        ({"health": "unhealthy"}, ["ollama is running, unhealthy"]),
        ({"status": "exited", "health": None}, ["ollama is exited, None"]),
        # Made by a switch that was cut before it started it: there is nothing that could come back.
        ({"status": "created", "health": None, "started": False}, []),
    ],
)
def test_container_that_had_run_must_run_again(other: dict[str, Any], told: list[str]) -> None:
    assert lacking(Look({"ollama": container(**other)}, []), ONCE) == told


def test_what_ends_by_itself_need_not_run() -> None:
    assert lacking(Look({"ollama-model-init": container(status="exited")}, []), ONCE) == []


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (RUNS, 0),
        (Look({"ollama": container(image="sha256:b")}, RUNS.releases), 1),
        (Look({}, RUNS.releases), 1),
        # Nothing is promised of a host whose switch is open.
        (Look({}, [*RUNS.releases, release(3, "begun")]), 0),
        (Look({}, []), 0),
    ],
)
def test_good_release_is_what_runs(look: Look, told: int) -> None:
    assert len(strays(look)) == told


def test_round_is_at_fault_where_status_says_otherwise_than_the_disk() -> None:
    assert GOOD.faults == []
    assert len(replace(GOOD, said_interrupted=False).faults) == 1
    assert len(replace(GOOD, interrupted=False).faults) == 1
    assert replace(GOOD, complaints=["a question was answered with 503"]).faults == ["a question was answered with 503"]


def test_sweep_that_cuts_nothing_in_the_midst_fails() -> None:
    assert verdict([GOOD]) == []
    assert verdict([replace(GOOD, midst=False)]) == ["no cut came in the midst of a switch"]
    assert verdict([replace(GOOD, complaints=["lost"])]) == ["round 0: lost"]


def test_table_counts_by_kind() -> None:
    rounds = [replace(GOOD, cut=plan("1", number, COUNT), releases_started=2) for number in range(4)]
    [_, _, switch, rollback, back] = table([*rounds, replace(rounds[0], gone=["ollama"], midst=False)]).splitlines()
    assert switch == "| switch | 3 | 2 | 3 of 3 | 1 | 6 | 0 |"
    assert rollback == "| rollback | 1 | 1 | 1 of 1 | 0 | 2 | 0 |"
    assert back == "| return | 1 | 1 | 1 of 1 | 0 | 2 | 0 |"
