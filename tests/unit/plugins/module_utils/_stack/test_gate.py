"""The gate: what it cannot be told, when it reads its files anew, and that one that nobody wants any more goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Container, HostImage
from ansible_collections.archiv.ollama.plugins.module_utils._engine.compose import ComposeFile, Service
from ansible_collections.archiv.ollama.plugins.module_utils._entry.report import write_verdict
from ansible_collections.archiv.ollama.plugins.module_utils._serve.gate import Loaded
from ansible_collections.archiv.ollama.plugins.module_utils._stack.actions import find_orphans
from ansible_collections.archiv.ollama.plugins.module_utils._stack.files import look_at_wanted
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import judge_stack, time_may_mend
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import File, Seen
from tests.unit.support.deploys import refusals
from tests.unit.support.recorded_stack import TODAY, clean

GATE = {"ollama_stack_gate": True, "ollama_stack_gate_clients": {"archive": True}}
OURS = {"Mounts": [{"Source": "/opt/archiv/.archiv/gate", "Destination": "/usr/local/etc/haproxy"}]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ollama_stack_gate_answer_seconds": 57}, "use at most 56"),
        ({"ollama_stack_backend_timeout": 4}, "raise ollama_stack_backend_timeout to 5 or more"),
        ({"ollama_stack_gate_tokens": "require", "ollama_stack_gate_clients": {}}, "nobody can ask"),
        ({"ollama_stack_gate_tokens": "report", "ollama_stack_gate_clients": {}}, "nobody can ask"),
        ({"ollama_stack_gate_clients": {"archive": False}}, "the token of archive will not do: use 32 or more"),
        ({"ollama_stack_gate_clients": {"a b": True}}, "it stands in logs"),
        ({"ollama_stack_gate_image": "haproxy:latest"}, "can change under a running archive"),
        ({"ollama_stack_gate_rate": -1}, "from 0 to"),
        ({"ollama_stack_gate_body_kib": 4096}, "from 16 to 1024"),
        ({"ollama_stack_extra_services": ["gate"]}, "choose another"),
        ({"ollama_stack_extra_networks": ["inference"]}, "choose another"),
    ],
)
def test_what_the_gate_cannot_do_is_refused(given: dict[str, Any], says: str) -> None:
    [refusal] = refusals(**{**GATE, **given})
    assert refusal.split()[0].rstrip(":") in ("ollama_stack_gate_answer_seconds", *given)
    assert says in refusal


@pytest.mark.parametrize(
    "given",
    [
        {**GATE, "ollama_stack_gate_answer_seconds": 56},
        {**GATE, "ollama_stack_gate_tokens": "require"},
        # Without the gate its inputs and its names mean nothing.
        {"ollama_stack_gate_answer_seconds": 59, "ollama_stack_gate_tokens": "require"},
        {"ollama_stack_extra_services": ["gate"], "ollama_stack_extra_networks": ["inference"]},
    ],
)
def test_what_the_gate_can_do_is_not_refused(given: dict[str, Any]) -> None:
    assert refusals(**given) == []


def gated(loaded: Loaded | None, wanted: str = "mark", **changed: Any) -> Seen:
    """A clean stack with a gate that has loaded this."""
    seen = clean(TODAY)
    service = Service("gate", image="haproxy:3.0.11", config_hash="h")
    fields: dict[str, Any] = {"state": "running", "health": "healthy", "config_hash": "h", "raw": OURS, **changed}
    gate = Container("archiv-gate-1", "gate", **fields)
    file = replace(seen.wanted, services={**seen.wanted.services, "gate": service})
    images = {**seen.images, "haproxy:3.0.11": HostImage(frozenset(["sha256:gate"]))}
    return replace(
        seen, wanted=file, images=images, containers=(*seen.containers, gate), gate_wanted=wanted, gate=loaded
    )


def told(seen: Seen) -> list[tuple[str, str, str]]:
    return [(reason.kind, reason.subject, reason.action) for reason in judge_stack(seen)]


def test_gate_that_has_loaded_its_files_is_clean() -> None:
    assert told(gated(Loaded(mark="mark"))) == []


def test_gate_with_other_files_loaded_reads_them_anew() -> None:
    seen = gated(Loaded(mark="of before"))
    assert told(seen) == [("gate_outdated", "gate", "reload")]
    verdict = write_verdict("archiv", seen, judge_stack(seen), {}, [])
    assert verdict["reload"] == ["archiv-gate-1"]
    assert verdict["start"]
    # After a start it may still be reading.
    assert time_may_mend(judge_stack(seen), after_start=True)
    assert not time_may_mend(judge_stack(seen), after_start=False)


def test_gate_that_does_not_answer_once_is_not_restarted_for_that() -> None:
    silent = Loaded(problem="does not answer on port 8405: refused")
    assert told(gated(silent)) == [("gate_silent", "gate", "wait")]
    assert [kind for kind, _, _ in told(gated(silent, health="starting"))] == ["container_starting"]
    assert told(gated(silent, health="unhealthy")) == [("container_unhealthy", "gate", "restart")]


@pytest.mark.parametrize("changed", [{"health": "starting"}, {"swaps": True}])
def test_gate_that_goes_on_running_reads_its_files_anew_whatever_else_is_the_matter(changed: dict[str, Any]) -> None:
    seen = gated(Loaded(mark="of before"), **changed)
    assert ("gate_outdated", "gate", "reload") in told(seen)
    assert write_verdict("archiv", seen, judge_stack(seen), {}, [])["reload"] == ["archiv-gate-1"]


@pytest.mark.parametrize(
    ("changed", "action"),
    [
        ({"config_hash": "other"}, "recreate"),
        ({"state": "paused"}, "restart"),
        ({"health": "unhealthy"}, "restart"),
    ],
)
def test_gate_that_is_started_anew_anyway_is_not_told_to_read(changed: dict[str, Any], action: str) -> None:
    seen = gated(Loaded(mark="of before"), **changed)
    assert [one for _, _, one in told(seen)] == [action]
    assert write_verdict("archiv", seen, judge_stack(seen), {}, [])["reload"] == []


def test_gate_that_nobody_wants_any_more_is_removed() -> None:
    gate = gated(None).containers[-1]
    seen = replace(clean(TODAY), containers=(*clean(TODAY).containers, gate))
    assert told(seen) == [("container_unwanted", "archiv-gate-1", "remove")]
    assert write_verdict("archiv", seen, judge_stack(seen), {}, [])["remove"] == ["archiv-gate-1"]
    assert find_orphans(seen) == []


def test_service_of_the_archive_that_is_called_gate_is_left_alone() -> None:
    gate = replace(gated(None).containers[-1], raw={"Mounts": [{"Source": "/srv/gate"}]})
    seen = replace(clean(TODAY), containers=(*clean(TODAY).containers, gate))
    assert told(seen) == []
    assert find_orphans(seen) == ["archiv-gate-1 (running)"]


def test_nothing_is_said_of_a_gate_where_compose_could_not_read_the_file() -> None:
    seen = replace(gated(None), wanted=ComposeFile())
    assert "container_unwanted" not in [kind for kind, _, _ in told(seen)]


def test_file_is_known_by_its_digest_and_must_have_its_owner(tmp_path: Any) -> None:
    wanted = {"path": "tokens.map", "content": None, "sha256": "aa", "mode": "0400", "owner": 99}
    assert look_at_wanted(str(tmp_path), wanted) == File(f"{tmp_path}/tokens.map", "aa", "0400", wanted_owner=99)
