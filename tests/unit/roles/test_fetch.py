"""Fetching ahead does what a deploy does before its switch, and nothing of what comes after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.support.bare_host import BareHost
from tests.unit.support.fake_registry import registry
from tests.unit.support.local_play import ROOT
from tests.unit.support.stores import tiny_model

TASKS = ROOT / "roles/ollama_stack/tasks"
INCLUDE = "ansible.builtin.include_tasks"


def steps(name: str) -> list[dict[str, Any]]:
    """With those of a block in its place."""
    found: list[dict[str, Any]] = yaml.safe_load((TASKS / f"{name}.yml").read_text())
    return found if name == "pull" else [step for task in found for step in task.get("block", [task])]


def test_only_steps_before_the_switch_are_taken_and_refusals_come_first() -> None:
    taken = [task.get(INCLUDE, "") for task in steps("fetch")]
    assert [name for name in taken if name] == ["lease.yml", "prepare.yml", "models.yml", "pull.yml"]
    refuse = next(n for n, task in enumerate(steps("fetch")) if "ansible.builtin.fail" in task)
    assert refuse < taken.index("lease.yml")


def test_server_sees_nothing_of_the_models() -> None:
    [task] = [task for task in steps("fetch") if task.get(INCLUDE) == "models.yml"]
    assert task["vars"] == {"__ollama_stack_models_state": "fetched"}
    [module] = [task["archiv.ollama.ollama_model"] for task in steps("models") if "archiv.ollama.ollama_model" in task]
    assert module["state"] == "{{ __ollama_stack_models_state | default('present') }}"


def test_images_are_on_the_disk_before_a_switch_relies_on_them() -> None:
    pull, flush = steps("pull")[0]["block"]
    assert "pull" in pull["archiv.ollama.in_background"]["args"]["argv"]
    assert flush["archiv.ollama.in_background"]["args"]["argv"] == ["sync"] and flush["changed_when"] is False


def without_docker(folder: Path) -> str:
    """The commands of this machine, but not the one that it may or may not have."""
    folder.mkdir()
    for command in Path("/usr/bin").iterdir():
        if command.name != "docker":
            (folder / command.name).symlink_to(command)
    return str(folder)


@pytest.mark.parametrize(
    ("method", "told"),
    [("registry", "fetched ahead, 3 blobs"), ("engine", "the deploy downloads a:1b: Ollama")],
)
def test_check_mode_says_what_is_missing_on_a_host_that_has_nothing(tmp_path: Path, method: str, told: str) -> None:
    with registry() as upstream:
        upstream.publish("library/a:1b", tiny_model())
        printed = BareHost(tmp_path / "host", tools=without_docker(tmp_path / "bin")).run(
            "fetch",
            "--check",
            "--diff",
            "-v",
            code=0,
            __ollama_stack_ask=method == "registry",
            ollama_stack_mirror=upstream.url,
            ollama_stack_mirror_insecure=True,
            ollama_stack_model_method=method,
            ollama_stack_monitor=False,
        )
        asked = [seen.path for seen in upstream.seen if "/blobs/" in seen.path]
    assert told in " ".join(printed.split()) and "failed=0" in printed and "changed=0" not in printed
    assert asked == [] and not (tmp_path / "host/stack").exists() and not (tmp_path / "host/store").exists()


def test_what_a_deploy_refuses_is_refused(tmp_path: Path) -> None:
    printed = BareHost(tmp_path).run("fetch")
    assert "TASK [archiv.ollama.ollama_stack : fetch | Refuse what a deploy would refuse]" in printed
    assert not (tmp_path / "stack").exists() and not (tmp_path / "store").exists()
