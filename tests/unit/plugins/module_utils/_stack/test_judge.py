"""A stack recorded with each Compose is clean; each single thing that differs is told by its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import HostImage, plain_image
from ansible_collections.archiv.ollama.plugins.module_utils._entry.report import write_verdict
from ansible_collections.archiv.ollama.plugins.module_utils._stack.actions import (
    find_orphans,
    find_restarts,
)
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import (
    age_of,
    is_clean,
    judge_stack,
    time_may_mend,
)
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import Action, File, Reason, Seen
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import ModelState, Problem
from tests.unit.support.recorded_stack import FILE, OLD, TODAY, UNPROVEN, WHOLE, change, clean, recorded, told, without


@pytest.mark.parametrize("by", [OLD, TODAY])
def test_recorded_stack_is_clean(by: str) -> None:
    assert told(clean(by)) == []
    assert {item.service for item in clean(by).containers} == {"backend", "ollama", "ollama-model-init", "ollama-warm"}


def test_index_that_was_published_again_is_the_same_image() -> None:
    raw = recorded("images.json", TODAY)
    seen = clean(TODAY)
    assert {item.image for item in seen.containers}.isdisjoint(image["Id"] for image in raw.values())
    again = {name: plain_image({**image, "Id": "sha256:another"}) for name, image in raw.items()}
    assert told(replace(seen, images=again)) == []


def test_platform_that_is_not_on_the_host_and_an_attestation_are_not_what_runs() -> None:
    for raw in recorded("images.json", TODAY).values():
        runs = [item["Descriptor"]["digest"] for item in raw["Manifests"] if item["Available"]]
        assert len(raw["Manifests"]) == 3
        assert plain_image(raw).runs == {raw["Id"], runs[0]}


@pytest.mark.parametrize("by", [OLD, TODAY])
def test_name_that_means_another_image_is_noticed(by: str) -> None:
    seen = clean(by)
    [backend] = (name for name in seen.images if "backend" in name)
    others = {**seen.images, backend: HostImage(frozenset(["sha256:another"]))}
    assert told(replace(seen, images=others)) == [("image_retagged", "backend", "recreate")]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (without("backend"), ("container_missing", "backend", "create")),
        (without("ollama-model-init"), ("container_missing", "ollama-model-init", "create")),
        (change("ollama", state="exited", exit_code=137), ("container_stopped", "ollama", "start")),
        (change("ollama", state="created"), ("container_stopped", "ollama", "start")),
        (change("ollama", state="paused"), ("container_paused", "ollama", "restart")),
        (change("ollama", health="unhealthy"), ("container_unhealthy", "ollama", "restart")),
        (change("ollama", health="starting"), ("container_starting", "ollama", "wait")),
        (change("backend", state="restarting"), ("container_restarting", "backend", "wait")),
        (change("ollama-warm", health="unhealthy"), ("container_unhealthy", "ollama-warm", "wait")),
        (change("ollama-model-init", exit_code=1), ("one_shot_failed", "ollama-model-init", "start")),
        (change("ollama-model-init", state="running"), ("container_starting", "ollama-model-init", "wait")),
        (change("ollama-model-init", state="dead"), ("container_stopped", "ollama-model-init", "start")),
        (change("backend", image="sha256:other"), ("image_retagged", "backend", "recreate")),
        (change("ollama", memory=16777216), ("limit_changed", "ollama", "recreate")),
        (change("ollama", swaps=True), ("swap_allowed", "ollama", "forbid")),
        (change("backend", outdated=("db_password",)), ("secret_rotated", "backend", "restart")),
        (change("backend", networks={}), ("network_detached", "backend", "connect")),
        (
            change("ollama-model-init", networks={"archiv_egress": "old"}),
            ("network_gone", "ollama-model-init", "recreate"),
        ),
    ],
    ids=lambda value: value[0] + " " + value[1] if isinstance(value, tuple) else "",
)
def test_container_that_differs_is_named(seen: Seen, expected: tuple[str, str, str]) -> None:
    assert {reason for reason in told(seen) if reason[1] == expected[1]} == {expected}


@pytest.mark.parametrize(("memory", "words"), [(16 << 20, "16.0 MiB"), (0, "none")])
def test_other_memory_limit_is_told_in_an_operators_units(memory: int, words: str) -> None:
    (reason,) = judge_stack(change("ollama", memory=memory))
    assert reason.why.startswith(f"memory limit is {words}, expected ")
    assert " bytes" not in reason.why


@pytest.mark.parametrize(
    ("version", "kind"),
    [("2.26.1-4", "config_changed"), ("2.26.1", "config_changed"), ("5.5.0", "compose_upgraded")],
)
def test_changed_hash_is_told_by_its_cause(version: str, kind: str) -> None:
    seen = change("backend", config_hash="another")
    assert told(replace(seen, compose_version=version)) == [(kind, "backend", "recreate")]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (replace(FILE, sha256=""), ("file_missing", FILE.path, "write")),
        (replace(FILE, sha256="bb"), ("file_differs", FILE.path, "write")),
        (replace(FILE, sha256="bb", ours=False), ("file_foreign", FILE.path, "write")),
        (replace(FILE, mode="0600"), ("file_mode", FILE.path, "write")),
        (replace(FILE, wanted_owner=1000, owner=0), ("file_owner", FILE.path, "write")),
    ],
)
def test_file_that_differs_is_named(file: File, expected: tuple[str, str, str]) -> None:
    assert told(replace(clean(), files=(file,))) == [expected]


def test_missing_volume_is_named() -> None:
    assert told(replace(clean(), volumes=frozenset())) == [("volume_missing", "archiv_ollama-models", "create")]


def test_container_of_an_unknown_service_is_reported_and_left_alone() -> None:
    seen = clean()
    other = replace(seen.containers[0], name="archiv-db-1", service="db")
    seen = replace(seen, containers=(*seen.containers, other))
    assert told(seen) == []
    assert find_orphans(seen) == ["archiv-db-1 (running)"]


def test_another_persons_unhealthy_service_is_not_restarted() -> None:
    seen = clean()
    sick = replace(seen.containers[0], service="db", health="unhealthy", state="running")
    seen = replace(seen, containers=(*seen.containers, sick))
    services = {**seen.wanted.services, "db": replace(seen.wanted.services["backend"], name="db")}
    seen = replace(seen, wanted=replace(seen.wanted, services=services))
    assert ("container_unhealthy", "db", "ask") in told(seen)
    assert find_restarts(seen, judge_stack(seen)) == []


@pytest.mark.parametrize(
    ("model", "kind", "action"),
    [
        (
            replace(WHOLE, cached=False, intact=None, problems=(Problem("missing", "manifest", "", "m", "a", "b"),)),
            "model_missing",
            "install",
        ),
        (
            replace(WHOLE, cached=False, intact=False, problems=(Problem("pin", "manifest", "", "m", "a", "b"),)),
            "model_other",
            "install",
        ),
        (
            replace(
                WHOLE, cached=False, intact=None, problems=(Problem("missing", "weights", "sha256:1", "m", "a", "b"),)
            ),
            "model_damaged",
            "install",
        ),
        (
            replace(WHOLE, cached=False, intact=None, problems=(Problem("empty", "manifest", "", "m", "a", "b"),)),
            "model_damaged",
            "install",
        ),
        (
            replace(WHOLE, intact=False, problems=(Problem("content", "weights", "", "w", "a", "b"),)),
            "model_damaged",
            "install",
        ),
        (replace(WHOLE, intact=None, unproven=("weights: it was never hashed",)), "model_unproven", "prove"),
    ],
)
def test_model_that_is_not_whole_is_named(model: ModelState, kind: str, action: str) -> None:
    assert told(replace(clean(), models=(model,))) == [(kind, WHOLE.name.display, action)]


@pytest.mark.parametrize("problem", ["store_problem", "models_problem"])
def test_models_nobody_could_look_at_are_not_clean(problem: str) -> None:
    values: dict[str, Any] = {problem: "x", "models": ()}
    assert told(replace(clean(), **values)) == [("models_unknown", "models", "ask")]


@pytest.mark.parametrize(("killed", "says"), [(True, "at its memory limit"), (False, "last exit code 137")])
def test_container_that_restarts_for_memory_says_so(killed: bool, says: str) -> None:
    seen = change("ollama", state="restarting", exit_code=137, oom_killed=killed)
    [reason] = [one for one in judge_stack(seen) if one.kind == "container_restarting"]
    assert says in reason.why


def test_first_doubt_about_a_models_bytes_is_told() -> None:
    model = replace(UNPROVEN, unproven=("weights: it was never hashed", "template: another doubt"))
    [reason] = judge_stack(replace(clean(), models=(model,)))
    assert reason.why.endswith(" not verified; weights: it was never hashed")


def test_model_that_is_neither_verified_nor_loaded_is_told_for_both() -> None:
    name = UNPROVEN.name.display
    problem = {"kind": "not_loaded", "subject": name, "found": "x", "action": "y"}
    seen = replace(clean(), models=(UNPROVEN,), healthy={"problems": [problem], "warnings": []})
    assert told(seen) == [("model_unproven", name, "prove"), ("not_loaded", name, "wait")]


@pytest.mark.parametrize(
    ("kind", "action"), [("not_loaded", "wait"), ("not_pinned", "wait"), ("no_answer", "restart"), ("stale", "restart")]
)
def test_health_is_mended_by_waiting_or_by_its_server(kind: str, action: str) -> None:
    problem = {"kind": kind, "subject": WHOLE.name.display, "found": "x", "action": "y"}
    seen = replace(clean(), healthy={"problems": [problem], "warnings": []})
    assert told(seen) == [(kind, WHOLE.name.display, action)]
    restarts = find_restarts(seen, judge_stack(seen))
    assert restarts == (["archiv-ollama-1"] if action == "restart" else [])


@pytest.mark.parametrize(("version", "kinds"), [("0.17.0", ["image_too_old"]), ("0.17.1", []), ("0.0.0", [])])
def test_server_below_the_floor_is_not_clean(version: str, kinds: list[str]) -> None:
    seen = replace(clean(), healthy={"version": version, "problems": [], "warnings": []})
    assert [reason[0] for reason in told(seen)] == kinds


def test_health_is_not_judged_twice_while_the_server_starts() -> None:
    problem = {"kind": "api", "subject": "archiv-ollama-1", "found": "x", "action": "y"}
    seen = replace(change("ollama", health="starting"), healthy={"problems": [problem], "warnings": []})
    assert told(seen) == [("container_starting", "ollama", "wait")]


@pytest.mark.parametrize(
    ("actions", "settled", "after_start"),
    [([], True, True), (["wait"], True, True), (["wait", "restart"], False, True), (["install"], False, False)],
)
def test_time_is_given_only_to_what_it_may_mend(actions: list[Action], settled: bool, after_start: bool) -> None:
    reasons = [Reason("input", "subject", "why", action) for action in actions]
    assert time_may_mend(reasons, after_start=False) is settled
    assert time_may_mend(reasons, after_start=True) is after_start


def test_bytes_that_are_not_proven_do_not_keep_from_waiting_and_are_no_fault() -> None:
    # As after a boot, while the containers are starting.
    seen = replace(change("ollama", health="starting"), models=(UNPROVEN,))
    reasons = judge_stack(seen)
    assert [reason.action for reason in reasons] == ["wait", "prove"]
    assert time_may_mend(reasons, after_start=False) and not is_clean(reasons)
    reasons = judge_stack(replace(clean(), models=(UNPROVEN,)))
    assert [reason.action for reason in reasons] == ["prove"] and is_clean(reasons)


def test_file_that_was_touched_since_it_was_hashed_is_a_fault_that_a_deploy_looks_into() -> None:
    doubts = ("config: it was never hashed", "weights: the file was changed or replaced since it was hashed")
    seen = replace(clean(), models=(replace(UNPROVEN, unproven=doubts),))
    [reason] = judge_stack(seen)
    assert (reason.kind, reason.action) == ("model_changed", "check")
    assert reason.why == doubts[1]
    verdict = write_verdict("archiv", seen, [reason], {}, [])
    assert (verdict["clean"], verdict["prove"], verdict["start"]) == (False, [], False)


def test_age_is_that_of_the_container_that_was_started_last() -> None:
    started = {"2026-11-26T20:00:00.123456789Z": 1795723200.0, "2026-11-26T20:01:00Z": 1795723260.0, "never": 0.0}
    for text, moment in started.items():
        assert age_of(change_all(text), moment + 5) == 5
    seen = change_all("2026-11-26T20:00:00Z")
    later = replace(seen.containers[0], started="2026-11-26T20:00:30Z", state="running")
    assert age_of(replace(seen, containers=(later, *seen.containers[1:])), 1795723240.0) == 10
    # One that has ended is of no age.
    ended = replace(later, state="exited")
    assert age_of(replace(seen, containers=(ended, *seen.containers[1:])), 1795723240.0) == 40


def change_all(started: str) -> Seen:
    seen = clean()
    return replace(seen, containers=tuple(replace(item, started=started) for item in seen.containers))
