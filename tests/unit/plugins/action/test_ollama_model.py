"""The action plugin in a real play: progress is told while it runs, the module's result comes through unchanged."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.action import ollama_model as action
from ansible_collections.archiv.ollama.plugins.module_utils._model.units import sized
from ansible_collections.archiv.ollama.plugins.plugin_utils import _background
from tests.unit.support.fake_registry import registry
from tests.unit.support.local_play import run_play
from tests.unit.support.stores import NAME, tiny_model

MODEL = tiny_model(weights=1_000_000)
TASKS: dict[str, dict[str, Any]] = {
    "predicted": {"check_mode": True},
    "refused": {"options": {"models": ["nosuch:1"]}, "when": "inventory_hostname == 'one'"},
    "mistaken": {"options": {"timeout": "soon"}, "when": "inventory_hostname == 'one'"},
    "installed": {"options": {"connections": 1}},
}


@dataclass(frozen=True)
class Played:
    """What people saw, and what each task registered on the first host."""

    output: str
    results: dict[str, dict[str, Any]]
    left: list[str]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One play on two hosts at once; ansible starts slowly, so all tests look at this one."""
    folder = tmp_path_factory.mktemp("play")
    with registry() as upstream:
        upstream.publish(f"library/{NAME}", MODEL)
        upstream.twist = lambda seen, reply: replace(reply, rate=180_000)
        output = play(folder, upstream.url)
    return Played(output, json.loads((folder / "results.json").read_text()), os.listdir(folder / "async"))


def play(folder: Path, url: str) -> str:
    defaults = {
        "models": [NAME],
        "store": f"{folder}/{{{{ inventory_hostname }}}}/models",
        "receipts_dir": f"{folder}/{{{{ inventory_hostname }}}}-receipts",
        "mirror": url,
        "insecure": True,
        "restart": False,
    }
    tasks: list[dict[str, Any]] = []
    for name, task in TASKS.items():
        options = {**defaults, **task.get("options", {})}
        settings = {key: value for key, value in task.items() if key != "options"}
        tasks.append({"archiv.ollama.ollama_model": options, "register": name, "ignore_errors": True, **settings})
    results = "{{ {" + ", ".join(f"'{name}': {name}" for name in TASKS) + "} | to_json }}"
    keep = {"content": results, "dest": f"{folder}/results.json"}
    tasks.append({"ansible.builtin.copy": keep, "when": "inventory_hostname == 'one'"})
    return run_play(folder, tasks, ["one", "two"])


def test_download_tells_its_progress_for_each_host(played: Played) -> None:
    total = sized(sum(map(len, MODEL.blobs.values())))
    lines = [line for line in played.output.splitlines() if f" of {total} (" in line]
    assert {line.split()[0] for line in lines} == {"[one]", "[two]"}
    # The first of a host may come before there is a speed to tell.
    told = [line for line in lines if "KiB/s" in line and line.endswith("left")]
    assert {line.split()[0] for line in told} == {"[one]", "[two]"}, lines
    assert len(lines) <= 6, "a line every few seconds, not at every poll"


def test_result_comes_through_unchanged(played: Played) -> None:
    installed, predicted = played.results["installed"], played.results["predicted"]
    assert installed["changed"] and installed["models"][0]["intact"] is True
    assert installed["models"] == predicted["models"] and installed["diff"] == predicted["diff"]
    assert set(installed) == set(predicted)


def test_error_comes_through_in_its_own_words(played: Played) -> None:
    refused, mistaken = played.results["refused"], played.results["mistaken"]
    assert (refused["failed"], refused["kind"]) == (True, "not_found")
    assert "check the name and the tag" in refused["msg"] and refused["msg"] in played.output.replace("\n", " ")
    assert mistaken["failed"] and "timeout" in mistaken["msg"]


@pytest.mark.parametrize("record", ["", '{"pid": 1, "note": "x"}'], ids=["never-told", "number-is-anothers"])
def test_module_that_a_reboot_took_is_not_followed_for_ever(monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        assert now[0] < 3600, "still polling"

    for module in (action, _background):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    plugin: Any = action.ActionModule.__new__(action.ActionModule)

    def execute(command: str) -> dict[str, str]:
        if "sleep" in command:
            sleep(2)
            return {"stdout": ""}
        return {"stdout": f"{record}\n"}

    plugin._low_level_execute_command = execute
    assert plugin._follow({"jid": "j1.2", "_async_dir": "/root/.ansible_async"}, {}, 1000)["kind"] == "gone"
    assert 1000 < now[0] < 1010


def test_neither_job_nor_progress_record_stays(played: Played) -> None:
    assert played.left == []
