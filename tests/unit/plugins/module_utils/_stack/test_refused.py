"""How long a stack did not serve, from what the Engine tells of its containers."""

from __future__ import annotations

from typing import Any

from ansible_collections.archiv.ollama.plugins.module_utils._stack.refused import count_refused

SERVING = ("backend", "ollama")
HEALTHY = "health_status: healthy"


def event(at: float, service: str, action: str, **labels: str) -> dict[str, Any]:
    label = "com.docker.compose."
    attributes = {f"{label}project": "archiv", f"{label}service": service, **labels}
    return {"Type": "container", "Action": action, "timeNano": int(at * 1e9), "Actor": {"Attributes": attributes}}


def count(*events: dict[str, Any], until: float = 100) -> float:
    return count_refused(events, "archiv", SERVING, {"ollama"}, int(until * 1e9))


def test_server_is_down_from_its_end_until_the_next_is_healthy() -> None:
    assert count(event(10, "ollama", "die"), event(11, "ollama", "start"), event(14.5, "ollama", HEALTHY)) == 4.5


def test_service_without_a_check_is_down_until_it_was_started() -> None:
    assert count(event(10, "backend", "die"), event(11.25, "backend", "start")) == 1.25


def test_times_that_overlap_count_once_and_gaps_do_not() -> None:
    assert (
        count(
            event(10, "backend", "die"),
            event(11, "ollama", "die"),
            event(12, "backend", "start"),
            event(14, "ollama", HEALTHY),
            event(20, "backend", "die"),
            event(21, "backend", "start"),
        )
        == 5
    )


def test_each_restart_counts_from_its_first_end() -> None:
    """It may die again before it was healthy."""
    assert count(event(10, "ollama", "die"), event(12, "ollama", "die"), event(15, "ollama", HEALTHY)) == 5


def test_what_is_down_at_the_end_is_counted_until_then() -> None:
    assert count(event(90, "ollama", "die"), event(91, "ollama", "start")) == 10


def test_nothing_that_did_not_serve_is_counted() -> None:
    assert count(event(10, "ollama", "start"), event(15, "ollama", HEALTHY)) == 0
    assert count(event(10, "ollama-model-init", "die")) == 0
    assert count(event(10, "ollama", "die", **{"com.docker.compose.project": "other"})) == 0
    assert count(event(10, "backend", "die", **{"com.docker.compose.oneoff": "True"})) == 0


def test_order_of_the_events_does_not_matter() -> None:
    assert count(event(14, "ollama", HEALTHY), event(10, "ollama", "die")) == 4
