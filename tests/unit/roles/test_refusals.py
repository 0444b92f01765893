"""What the role refuses beside the module's own reasons, each in a sentence with the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.render import render
from tests.unit.roles.evaluate import Answers, evaluate

DEV = {"ollama_stack_variant": "dev"}
ALONE: dict[str, Any] = {"__ollama_stack_shared": {"rc": 2}, "__ollama_stack_left": {"skipped": True}}
SHARED = {**ALONE, "__ollama_stack_shared": {"rc": 0}}
FILELESS = {**ALONE, "__ollama_stack_left": {"stdout": "a\nb", "stdout_lines": ["a", "b"]}}
VERDICT = {"refusals": [], "engine": True, "reasons": [], "foreign": []}


@pytest.fixture(scope="module")
def objections(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    hosts = {"alone": ALONE, "shared": SHARED, "shared_dev": {**SHARED, **DEV}, "fileless_dev": {**FILELESS, **DEV}}
    return evaluate(tmp_path_factory.mktemp("objections"), hosts, "__ollama_stack_objections")


@pytest.mark.parametrize(
    ("host", "theirs"),
    [("shared", "/opt/archiv/docker-compose.yml"), ("shared_dev", "/opt/archiv/docker-compose.prod.yml")],
)
def test_teardown_leaves_a_folder_alone_that_both_variants_use(objections: Answers, host: str, theirs: str) -> None:
    [refusal] = objections[host]["__ollama_stack_objections"]
    assert refusal.startswith(f"{theirs} belongs to the other ollama_stack_variant")
    assert "choose another ollama_stack_dir" in refusal


def test_teardown_without_its_file_names_the_containers_that_would_run_on(objections: Answers) -> None:
    [refusal] = objections["fileless_dev"]["__ollama_stack_objections"]
    assert refusal.startswith("/opt/archiv/docker-compose.yml is missing")
    assert "project archiv-dev has the containers a, b:" in refusal
    assert objections["alone"]["__ollama_stack_objections"] == []


def test_deploy_is_refused_the_folder_of_the_other_variant(tmp_path: Path) -> None:
    hosts = {name: {**host, "__ollama_stack_verdict": VERDICT} for name, host in (("a", ALONE), ("b", SHARED))}
    told = evaluate(tmp_path, hosts, "__ollama_stack_refusals")
    assert told["a"]["__ollama_stack_refusals"] == []
    [refusal] = told["b"]["__ollama_stack_refusals"]
    assert "belongs to the other ollama_stack_variant" in refusal


def test_stack_without_models_renders_so_that_the_preflight_can_refuse_it() -> None:
    assert "ollama-warm" not in render("staging-1", {"ollama_stack_models": []})
