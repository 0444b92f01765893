"""The lock file binds models to digests, gives way to the inventory, and is never half understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.support.evaluate import Answers, evaluate

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
LOCK = (
    f'---\n# Written by hand or not.\n- name: "a:1b"\n  digest: {ONE}\n- name: reg:5000/x/b:latest\n  digest: {OTHER}\n'
)
MODELS: list[dict[str, Any]] = [{"name": "a:1b", "warm": False}, {"name": "reg:5000/x/b"}, {"name": "c:1"}]

# What stands in each host's file; None is no file.
FILES = {
    "whole": LOCK,
    "without": None,
    "nothing": "---\n",
    "own": LOCK,
    "blank": LOCK,
    "idle": LOCK,
    "conflict": f"<<<<<<< HEAD\n{LOCK}=======\n",
    "mapping": f"a:1b: {ONE}\n",
    "short": "- name: a:1b\n  digest: sha256:12\n",
    "nameless": f"- digest: {ONE}\n",
    "hashes": "#" * 200 + "\n- name: a\n",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What each host makes of its file, all in one run."""
    folder = tmp_path_factory.mktemp("locks")
    hosts: dict[str, dict[str, Any]] = {}
    for host, text in FILES.items():
        if text is not None:
            (folder / host).write_text(text)
        hosts[host] = {
            "ollama_stack_lock_file": str(folder / host),
            "ollama_stack_models": MODELS,
            "ollama_stack_keep_alive": "5m" if host == "idle" else "-1",
        }
    hosts["own"]["ollama_stack_models"] = [{"name": "a:1b", "digest": OTHER}]
    hosts["blank"]["ollama_stack_models"] = [{"name": "a:1b", "digest": ""}, {"name": "reg:5000/x/b", "digest": None}]
    return evaluate(folder, hosts, "__ollama_stack_pinned")


def test_models_are_bound_to_the_digests_of_the_file(answers: Answers) -> None:
    assert answers["whole"]["__ollama_stack_pinned"] == [
        {"name": "a:1b", "digest": ONE, "warm": False},
        {"name": "reg:5000/x/b:latest", "digest": OTHER, "warm": True},
        {"name": "c:1", "warm": True},
    ]


@pytest.mark.parametrize("host", ["without", "nothing"])
def test_models_without_a_lock_are_as_the_inventory_says(answers: Answers, host: str) -> None:
    told = answers[host]["__ollama_stack_pinned"]
    assert told == [
        {"name": "a:1b", "warm": False},
        {"name": "reg:5000/x/b:latest", "warm": True},
        {"name": "c:1", "warm": True},
    ]


def test_models_that_need_not_stay_loaded_are_bound_as_well(answers: Answers) -> None:
    told = answers["idle"]["__ollama_stack_pinned"]
    assert [(model.get("digest"), model["warm"]) for model in told] == [(ONE, False), (OTHER, False), (None, False)]


def test_digest_of_the_inventory_goes_first(answers: Answers) -> None:
    assert answers["own"]["__ollama_stack_pinned"] == [{"name": "a:1b", "digest": OTHER, "warm": True}]


def test_digest_that_is_empty_leaves_the_model_locked(answers: Answers) -> None:
    told = answers["blank"]["__ollama_stack_pinned"]
    assert [model["digest"] for model in told] == [ONE, OTHER]


@pytest.mark.parametrize("host", ["conflict", "mapping", "short", "nameless", "hashes"])
def test_file_in_another_form_is_refused_by_its_path(answers: Answers, host: str) -> None:
    told = json.dumps(answers[host])
    assert f"locks0/{host} is not in the format of playbooks/lock.yml" in told
