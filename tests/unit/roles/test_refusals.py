"""What a teardown refuses, in a sentence with the way out, and what a deploy tells the module to refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render import render
from tests.unit.support.evaluate import ROOT, Answers, evaluate, run

DEV = {"ollama_stack_variant": "dev"}
ALONE: dict[str, Any] = {"__ollama_stack_other": {"rc": 2}, "__ollama_stack_left": {"skipped": True}}
SHARED = {**ALONE, "__ollama_stack_other": {"rc": 0}}
FILELESS = {**ALONE, "__ollama_stack_left": {"stdout": "a\nb", "stdout_lines": ["a", "b"]}}
REFUSALS = [
    task
    for task in yaml.safe_load((ROOT / "roles/ollama_stack/tasks/remove.yml").read_text())
    if "ansible.builtin.fail" in task
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> list[Answers]:
    """What each host answers to each refusal of a teardown."""
    hosts = {"alone": ALONE, "shared": SHARED, "shared_dev": {**SHARED, **DEV}, "fileless_dev": {**FILELESS, **DEV}}
    return [run(tmp_path_factory.mktemp("refused"), hosts, task) for task in REFUSALS]


@pytest.mark.parametrize(
    ("host", "theirs"),
    [("shared", "/opt/archiv/docker-compose.yml"), ("shared_dev", "/opt/archiv/docker-compose.prod.yml")],
)
def test_teardown_leaves_a_folder_alone_that_both_variants_use(refused: list[Answers], host: str, theirs: str) -> None:
    assert refused[0][host]["failed"]
    assert refused[0][host]["msg"].startswith(f"{theirs} belongs to the other ollama_stack_variant")
    assert "choose another ollama_stack_dir" in refused[0][host]["msg"]


def test_teardown_without_its_file_names_the_containers_that_would_run_on(refused: list[Answers]) -> None:
    answer = refused[1]["fileless_dev"]
    assert answer["failed"] and answer["msg"].startswith("/opt/archiv/docker-compose.yml is missing")
    assert "project archiv-dev has the containers a, b:" in answer["msg"]


def test_teardown_of_a_stack_alone_is_not_refused(refused: list[Answers]) -> None:
    assert [answers["alone"].get("failed", False) for answers in refused] == [False, False]


@pytest.mark.parametrize("name", ["ollama_stack_adopt", "ollama_stack_mirror_insecure"])
def test_module_is_told_a_switch_that_came_as_text(tmp_path: Path, name: str) -> None:
    # From the command line it does, and any text but an empty one is true in Python.
    hosts = {"asked": {name: "true"}, "unasked": {name: "no"}}
    more = {"ollama_stack_backend_image": "b:1"}
    told = evaluate(tmp_path, {host: {**given, **more} for host, given in hosts.items()}, "__ollama_stack_inputs")
    assert {host: answer["__ollama_stack_inputs"][name] for host, answer in told.items()} == {
        "asked": True,
        "unasked": False,
    }


def test_stack_without_models_renders_so_that_the_preflight_can_refuse_it() -> None:
    assert "ollama-warm" not in render("staging-1", {"ollama_stack_models": []})
