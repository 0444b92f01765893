"""What the sweep makes of its rounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.reliability.judging import (
    AT_ONCE,
    LATER,
    LATER_SECONDS,
    MIDST,
    OLLAMA,
    OURS,
    Seen,
    disk_of,
    false_claims,
    faults,
    is_red,
    left_of,
    line,
    plan_cut,
    space_complaints,
    table,
    verdict,
)

GOOD = Seen(
    number=4,
    target=OURS,
    moment=LATER,
    said_ok=True,
    disk="whole",
    claims={"receipt": None, "full": True},
    rerun_ok=True,
    rerun_disk="whole",
    settled=True,
)
FOOLED = replace(GOOD, number=5, target=OLLAMA, disk="bad", claims={"list": True, "show": False}, rerun_disk="bad")


def look(manifest: str, *blobs: str) -> dict[str, Any]:
    return {"manifest": manifest, "blobs": dict(enumerate(blobs)), "strays": [], "held_locks": []}


@pytest.mark.parametrize(
    ("manifest", "blobs", "disk"),
    [
        ("right", ("right", "right"), "whole"),
        ("right", ("right", "missing"), "bad"),
        ("right", ("right", "wrong"), "bad"),
        ("wrong", ("right", "right"), "bad"),
        ("missing", ("wrong", "missing"), "bad"),
        ("missing", ("right", "missing"), "parts"),
        ("missing", ("missing", "missing"), "absent"),
    ],
)
def test_disk_is_bad_where_a_name_promises_what_is_not_there(manifest: str, blobs: tuple[str, ...], disk: str) -> None:
    assert disk_of(look(manifest, *blobs)) == disk


def test_left_are_strays_and_held_locks_but_not_the_mark_of_a_due_restart() -> None:
    seen = {"strays": ["/a/.archiv/stale", "/a/.archiv/partials/x"], "held_locks": ["/a/.archiv/lock"]}
    assert left_of(seen) == ("/a/.archiv/partials/x", "/a/.archiv/lock")


def test_cuts_are_the_same_for_a_seed_and_spread_over_targets_and_moments() -> None:
    cuts = [plan_cut("7", number) for number in range(30)]
    assert cuts == [plan_cut("7", number) for number in range(30)] != [plan_cut("8", number) for number in range(30)]
    spread = Counter((cut.target, cut.moment) for cut in cuts)
    assert spread == {(target, moment): 5 for target in (OURS, OLLAMA) for moment in (MIDST, AT_ONCE, LATER)}
    assert {cut.receipts for cut in cuts} == {"on the disk", "elsewhere"}
    waits = {cut.moment: cut.wait for cut in cuts}
    assert waits[AT_ONCE] == waits[MIDST] == 0.0 and LATER_SECONDS[0] <= waits[LATER] <= LATER_SECONDS[1]


def test_good_round_has_no_fault() -> None:
    assert faults(GOOD) == [] and not is_red(GOOD) and "<<<" not in line(GOOD)


@pytest.mark.parametrize(
    ("difference", "fault"),
    [
        ({"disk": "absent", "claims": {}}, "it said ok, and the disk is absent"),
        ({"said_ok": False, "disk": "bad", "claims": {}}, "not what its name says"),
        ({"said_ok": False, "disk": "parts", "claims": {"receipt": True}}, "receipt claims a whole model"),
        ({"claims": {"full": None}}, "does not see that the model is whole"),
        ({"rerun_ok": False}, "the next run failed"),
        ({"rerun_disk": "bad"}, "the next run said ok, and the disk is bad"),
        ({"settled": False}, "still found something to do"),
        ({"left": ("/a/partial",)}, "/a/partial"),
        ({"complaints": ("a complaint",)}, "a complaint"),
    ],
)
def test_each_fault_is_found_and_shown(difference: dict[str, Any], fault: str) -> None:
    seen = replace(GOOD, **difference)
    found = faults(seen)
    assert len(found) == 1 and fault in found[0]
    assert fault in line(seen)
    assert verdict([seen], must_be_red=False) == [f"round 4, {OURS}, {LATER}: {found[0]}"]


def test_damage_that_was_there_before_is_no_fault_until_it_is_called_whole() -> None:
    killed = replace(GOOD, said_ok=False, disk="bad", may_be_bad=True, claims={"receipt": None, "full": False})
    assert faults(killed) == []
    assert faults(replace(killed, claims={"receipt": True, "full": False})) != []


def test_removal_wants_nothing_there() -> None:
    removed = replace(GOOD, wanted="absent", disk="absent", rerun_disk="absent", claims={"full": False})
    assert faults(removed) == []
    assert "disk is whole" in " ".join(faults(replace(removed, rerun_disk="whole")))


def test_upstream_is_red_by_bad_bytes_or_by_a_lie() -> None:
    honest = replace(FOOLED, disk="absent", claims={"list": False}, rerun_disk="whole")
    assert not is_red(honest)
    assert is_red(replace(honest, disk="bad")) and is_red(replace(honest, rerun_disk="bad"))
    assert is_red(replace(honest, claims={"list": True})) and false_claims(FOOLED) == ["list"]


def test_sweep_that_never_saw_upstream_red_failed() -> None:
    assert verdict([GOOD, FOOLED], must_be_red=True) == []
    assert "never seen red" in verdict([GOOD], must_be_red=True)[0]
    assert verdict([GOOD], must_be_red=False) == []


def test_table_counts_per_target_and_moment() -> None:
    rows = table([GOOD, GOOD, FOOLED, replace(GOOD, disk="bad", claims={})]).splitlines()
    assert rows[2:] == [
        "| our install | seconds later | 3 | 1 | 1 | 0 | 0 | 1 |",
        "| ollama pull | seconds later | 1 | 1 | 1 | 1 | 1 | - |",
    ]


def test_full_disk_is_answered_by_one_sentence_and_the_old_model() -> None:
    result = {"kind": "no_space", "msg": "/store has 1 bytes free, 2 needed; free some space and run again"}
    assert space_complaints(result, "whole", True, ()) == []
    assert space_complaints({"changed": True, "msg": "installed"}, "whole", True, ())
    assert space_complaints({**result, "msg": "Traceback ...\nfree some space"}, "whole", True, ())
    assert space_complaints(result, "bad", False, ())
    assert space_complaints(result, "whole", None, ())
    assert "/store/partial" in space_complaints(result, "whole", True, ("/store/partial",))[0]
