"""The lock file binds models to digests, gives way to the inventory, and is never half understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.filter.read_lock import read_lock
from tests.unit.support.evaluate import ROOT, Answers, evaluate, run

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
LOCK = (
    f'---\n# Written by hand or not.\n- name: "a:1b"\n  digest: {ONE}\n- name: reg:5000/x/b:latest\n  digest: {OTHER}\n'
)
IMAGES = f"""- image: "reg:5000/x/i:1"
  digest: {ONE}
- image: reg:5000/x/i:1
  digest: {OTHER}
# For the way back.
- image: archive:0.9
  digest: "{ONE}"
"""
MODELS: list[dict[str, Any]] = [{"name": "a:1b", "warm": False}, {"name": "reg:5000/x/b"}, {"name": "c:1"}]

# What stands in each host's file; None is no file.
FILES = {
    "whole": LOCK,
    "without": None,
    "nothing": "---\n",
    "images": LOCK + IMAGES,
    "twins": f"- image: a:1\n  name: a:1\n  digest: {ONE}\n",
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


def test_images_stand_beside_the_models_each_with_all_that_will_do(answers: Answers) -> None:
    assert answers["images"]["__ollama_stack_pinned"] == answers["whole"]["__ollama_stack_pinned"]
    assert read_lock(LOCK + IMAGES, "lock.yml")["images"] == {"reg:5000/x/i:1": [ONE, OTHER], "archive:0.9": [ONE]}


def test_file_of_before_binds_no_image() -> None:
    assert read_lock(LOCK, "lock.yml") == {"models": {"a:1b": ONE, "reg:5000/x/b:latest": OTHER}, "images": {}}


def test_written_lock_is_read_back_with_what_it_had(tmp_path: Path) -> None:
    (tmp_path / "lock.yml").write_text(LOCK + IMAGES)
    (tmp_path / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    newer = {"name": "a:1b", "digest": OTHER}
    host = {
        "ollama_stack_lock_file": str(tmp_path / "lock.yml"),
        "__ollama_stack_seen": {"models": [newer]},
        "__ollama_stack_verdict": {"images": {"archive:1.0": [OTHER], "reg:5000/x/i:1": [OTHER], "loaded:1": []}},
    }
    message = {"msg": "{{ lookup('ansible.builtin.template', 'lock.yml.j2') }}"}
    told = run(tmp_path, {"host": host}, {"ansible.builtin.debug": message})["host"]["msg"]
    assert read_lock(told, "lock.yml") == {
        "models": {"a:1b": OTHER, "reg:5000/x/b:latest": OTHER},
        "images": {"archive:0.9": [ONE], "archive:1.0": [OTHER], "reg:5000/x/i:1": [OTHER]},
    }


def test_hosts_with_other_images_are_told_apart(tmp_path: Path) -> None:
    seen: dict[str, Any] = {"__ollama_stack_seen": {"models": []}}
    hosts = {
        host: {**seen, "__ollama_stack_verdict": {"images": {"i:1": [digest]}}}
        for host, digest in {"one": ONE, "other": OTHER}.items()
    }
    (tmp_path / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    told = run(tmp_path, hosts, {"ansible.builtin.debug": {"var": "__ollama_stack_disagreement"}})["one"]
    first, *lines, last = told["__ollama_stack_disagreement"].splitlines()
    assert first == "Nothing was locked, because the hosts have different digests for the same image:"
    assert lines == [f"- i:1  {ONE}  on one", f"- i:1  {OTHER}  on other"]
    assert last.startswith("Lock the correct hosts with -l")


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


@pytest.mark.parametrize("host", ["conflict", "mapping", "short", "nameless", "hashes", "twins"])
def test_file_in_another_form_is_refused_by_its_path(answers: Answers, host: str) -> None:
    told = json.dumps(answers[host])
    assert f"locks0/{host} is not in the format of playbooks/lock.yml" in told
