"""A run that holds a host's lease renews it from the controller: before each long step, and while it waits for it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.archiv.ollama.plugins.action import in_background, ollama_stack_info
from ansible_collections.archiv.ollama.plugins.plugin_utils import _background
from tests.unit.support.local_play import run_play

LEASE = {"id": "a1", "project": "archiv", "folder": "/run/archiv-ollama"}
MODULE = "archiv.ollama.ollama_lease"


class Host:
    """A module that runs there for some seconds, and when the lease was renewed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float, answer: dict[str, Any] | None = None) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.renewed: list[float] = []
        self.started: list[str | None] = []
        self.answer = answer or {}
        clock = SimpleNamespace(sleep=self._sleep, monotonic=lambda: self.now)
        monkeypatch.setattr(_background, "time", clock)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def plugin(self, kind: Any, check: bool = False, **args: Any) -> Any:
        plugin: Any = kind.ActionModule.__new__(kind.ActionModule)
        plugin._task = SimpleNamespace(check_mode=check, async_val=0, args=args)
        plugin._execute_module = self._execute
        plugin._async_dir = lambda: "/root/.ansible_async"
        plugin._look = lambda *_: True
        plugin._low_level_execute_command = self._wait
        return plugin

    def _wait(self, _command: str) -> dict[str, str]:
        ends = min(self.now + 2, max(self.now, self.seconds))
        self.now = ends
        return {"stdout": "ended" if ends >= self.seconds else ""}

    def _execute(self, name: str | None = None, args: Any = None, wrap_async: bool = False, **_: Any) -> dict[str, Any]:
        if name == MODULE:
            assert args == {**LEASE, "host": "one"}
            self.renewed.append(self.now)
            return self.answer
        if wrap_async:
            self.started.append(name)
            return {"ansible_job_id": "j1.2"}
        if name is None:
            return {"in": "foreground"}
        return {"finished": self.now >= self.seconds, "stdout": "done"}


def variables(lease: dict[str, Any] | None) -> dict[str, Any]:
    return {"inventory_hostname": "one", **({} if lease is None else {"__ollama_stack_lease": lease})}


def test_lease_is_renewed_before_the_step_and_often_enough_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, seconds=200)
    host.plugin(in_background)._run_by_itself(variables(LEASE), {}, 3600, "ping")
    assert host.renewed[0] == 0 and host.renewed[-1] > 180
    gaps = [after - before for before, after in zip(host.renewed, host.renewed[1:], strict=False)]
    assert min(gaps) > 10 and max(gaps) < 20


def test_worker_of_a_play_that_was_killed_renews_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL ends the play alone, and the process that follows the step lives on."""
    host = Host(monkeypatch, seconds=10**9)
    monkeypatch.setattr(os, "getppid", lambda: 1 if host.now > 40 else 77)
    with pytest.raises(AnsibleError):
        host.plugin(in_background)._run_by_itself(variables(LEASE), {}, 10**9, "ping")
    assert 40 < host.now < 43 and max(host.renewed) <= 40


@pytest.mark.parametrize("lease", [None, {}, {"skipped": True}, {"id": "", "refused": 1.0}])
def test_run_without_a_lease_renews_none(monkeypatch: pytest.MonkeyPatch, lease: dict[str, Any] | None) -> None:
    host = Host(monkeypatch, seconds=100)
    host.plugin(in_background)._run_by_itself(variables(lease), {}, 3600, "ping")
    assert host.renewed == [] and host.started == ["ping"]


def test_step_of_a_run_that_has_lost_its_lease_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {"failed": True, "msg": "this run has lost its lease"}
    host = Host(monkeypatch, seconds=100, answer=lost)
    assert host.plugin(in_background)._run_by_itself(variables(LEASE), {}, 3600, "ping") == lost
    assert host.started == []


def test_long_look_of_a_run_with_a_lease_is_followed_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, seconds=100)
    plugin = host.plugin(ollama_stack_info, wait=600, wait_for="clean")
    assert plugin._act(variables(LEASE)) == {"stdout": "done"} and len(host.renewed) > 4


@pytest.mark.parametrize(
    ("lease", "check", "wait_for"), [(None, False, "clean"), (LEASE, True, "clean"), (LEASE, False, "settled")]
)
def test_any_other_look_is_one_call(
    monkeypatch: pytest.MonkeyPatch, lease: dict[str, Any] | None, check: bool, wait_for: str
) -> None:
    host = Host(monkeypatch, seconds=100)
    plugin = host.plugin(ollama_stack_info, check=check, wait=600, wait_for=wait_for)
    assert plugin._act(variables(lease)) == {"in": "foreground"} and not (host.renewed or host.started)


def test_play_holds_it_from_its_first_step_to_its_last(tmp_path: Path) -> None:
    """The real modules, the real file."""
    folder = tmp_path / "lease/run"
    folder.parent.mkdir()
    lease = {"project": "archiv", "folder": str(folder)}
    seen = {
        "archiv.ollama.in_background": {
            "module": "ansible.builtin.command",
            "args": {"argv": ["cat", f"{folder}/archiv.lease"]},
            "timeout": 60,
        },
    }
    tasks: list[dict[str, Any]] = [
        {"archiv.ollama.ollama_lease": {**lease, "user": "mia"}, "register": "__ollama_stack_lease"},
        {"ansible.builtin.set_fact": {"taken": "{{ __ollama_stack_lease }}"}},
        {"ansible.builtin.command": {"argv": ["cat", f"{folder}/archiv.lease"]}, "register": "first"},
        {**seen, "register": "later"},
        {
            "archiv.ollama.ollama_lease": {**lease, "state": "released", "id": "{{ __ollama_stack_lease.id }}"},
            "register": "__ollama_stack_lease",
        },
        {**seen, "register": "after", "ignore_errors": True},
    ]
    names = ("taken", "first", "later", "after")
    told = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"
    tasks.append({"ansible.builtin.copy": {"content": told, "dest": f"{tmp_path}/results.json"}})
    run_play(tmp_path, tasks, ["one"])
    found = json.loads((tmp_path / "results.json").read_text())
    first, later = (json.loads(found[name]["stdout"]) for name in ("first", "later"))
    assert first["id"] == later["id"] == found["taken"]["id"] and first["user"] == "mia"
    assert later["until"] > first["until"] and later["since"] == first["since"]
    assert found["after"]["failed"] is True and "No such file" in found["after"]["stderr"]
