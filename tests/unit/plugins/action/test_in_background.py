"""The action plugin in a real play, and a host that dies under it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.archiv.ollama.plugins.action import in_background as action
from ansible_collections.archiv.ollama.plugins.plugin_utils import _background
from tests.unit.support.local_play import run_play

TASKS: dict[str, dict[str, Any]] = {
    "done": {"argv": ["cat"], "stdin": "by itself"},
    "failed": {"argv": ["sh", "-c", "echo why >&2; exit 3"]},
    # As a reboot would: no result is left, and nobody to write one. The whole session, because luck decides which of it
    # shares a process group.
    "killed": {"argv": ["pkill", "-KILL", "--session", "0"]},
}
Results = dict[str, dict[str, Any]]
JOB = {"jid": "j1.2", "_async_dir": "/root/.ansible_async"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """What each task registered; ansible starts slowly, so all tests look at this one play."""
    folder = tmp_path_factory.mktemp("play")
    tasks: list[dict[str, Any]] = [
        {
            "archiv.ollama.in_background": {"module": "ansible.builtin.command", "args": args, "timeout": 60},
            "register": name,
            "ignore_errors": True,
        }
        for name, args in TASKS.items()
    ]
    told = "{{ {" + ", ".join(f"'{name}': {name}" for name in TASKS) + "} | to_json }}"
    tasks.append({"ansible.builtin.copy": {"content": told, "dest": f"{folder}/results.json"}})
    run_play(folder, tasks, ["one"])
    found: Results = json.loads((folder / "results.json").read_text())
    return found


def test_result_is_the_modules_own(results: Results) -> None:
    done, failed = results["done"], results["failed"]
    assert (done["stdout"], done["rc"], done["changed"]) == ("by itself", 0, True)
    assert "ansible_job_id" not in done
    assert failed["failed"] is True and (failed["rc"], failed["stderr"]) == (3, "why")


def test_module_that_is_no_more_is_not_waited_for(results: Results) -> None:
    killed = results["killed"]
    assert (killed["failed"], killed["kind"]) == (True, "gone")
    assert "deploy again" in killed["msg"]


def test_dead_host_is_given_up_long_before_the_task_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def unreachable(*_args: object, **_named: object) -> None:
        # What a connection that is not answered takes.
        now[0] += 10
        raise AnsibleConnectionFailure("no route to host")

    monkeypatch.setattr(_background, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    plugin: Any = action.ActionModule.__new__(action.ActionModule)
    plugin._low_level_execute_command = unreachable
    with pytest.raises(AnsibleConnectionFailure):
        plugin._follow(JOB, {}, 3600)
    assert 180 < now[0] < 220


def test_host_that_comes_back_in_time_is_followed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(
        _background,
        "time",
        SimpleNamespace(sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), monotonic=lambda: now[0]),
    )
    plugin: Any = action.ActionModule.__new__(action.ActionModule)

    def look(_command: str) -> dict[str, str]:
        if now[0] < 60:
            raise AnsibleConnectionFailure("no route to host")
        return {"stdout": "ended\n"}

    plugin._low_level_execute_command = look
    plugin._execute_module = lambda *_args, **_named: {"finished": True, "stdout": "done"}
    assert plugin._follow(JOB, {}, 3600)["stdout"] == "done"


def test_result_is_asked_for_once_it_is_there() -> None:
    """Each question is a module's run, on a host that starts the services meanwhile."""
    said = iter(["", "alive", "", "alive", "ended\n"])
    asked: list[str] = []

    def ask(module: str, *_args: object, **_named: object) -> dict[str, Any]:
        asked.append(module)
        return {"finished": True}

    plugin: Any = action.ActionModule.__new__(action.ActionModule)
    plugin._next_line = float("inf")
    plugin._low_level_execute_command = lambda _command: {"stdout": next(said)}
    plugin._execute_module = ask
    assert plugin._follow(JOB, {}, 3600) == {"finished": True}
    assert asked == ["ansible.legacy.async_status"] and next(said, None) is None


def test_what_nobody_expected_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise KeyError("stat")

    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    plugin: Any = action.ActionModule.__new__(action.ActionModule)
    plugin._act = stumble
    result = plugin.run()
    assert result["failed"] is True and result["msg"].startswith("unexpected KeyError at test_in_background.py:")
