"""A deploy makes up for what is not recorded of a host's releases, and for images that nothing holds."""

from __future__ import annotations

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Container
from ansible_collections.archiv.ollama.plugins.module_utils._stack.releases import judge_releases
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import ACTIONS, RELEASES, Kept, Seen

RUNNING = (Container("archiv-ollama-1", "ollama", "running"),)


def told(kept: Kept | None, containers: tuple[Container, ...] = RUNNING) -> list[str]:
    reasons = list(judge_releases(Seen(kept=kept, containers=containers)))
    assert all(reason.kind in RELEASES and reason.action in ACTIONS for reason in reasons)
    return [str(reason) for reason in reasons]


def test_nothing_is_told_where_all_is_kept_or_nobody_asked() -> None:
    assert told(Kept(good=3)) == told(None) == []


def test_empty_host_has_nothing_to_record() -> None:
    assert told(Kept(), ()) == []


def test_what_runs_without_a_record_gets_one() -> None:
    [text] = told(Kept())
    assert text.startswith("release: what runs is not recorded") and text.endswith("(deploy will record it)")


def test_unfinished_and_failed_switches_are_told() -> None:
    assert told(Kept(good=2, begun=3)) == ["release 3: its switch was interrupted (deploy will record it)"]
    assert told(Kept(good=2, failed=3)) == ["release 3: its switch had failed and stayed (deploy will record it)"]


def test_image_that_could_be_pruned_is_told_with_its_release() -> None:
    [text] = told(Kept(good=2, loose=((1, "ollama/ollama:0.34.2"),)))
    assert text == "release 1: nothing keeps image ollama/ollama:0.34.2 from being pruned (deploy will hold it)"
