"""A deploy that cannot be finished changes nothing: all is fetched before the switch, and what failed says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.support.evaluate import ROOT, evaluate, run

TASKS = ROOT / "roles/ollama_stack/tasks"
AFTERMATH = ROOT / "roles/ollama_stack/templates/aftermath.txt.j2"
INIT = {"name": "archiv-ollama-model-init-1", "service": "ollama-model-init", "started": "1", "state": "exited"}
SERVER = {"name": "archiv-ollama-1", "service": "ollama", "started": "2", "state": "running"}
BACKEND = {"name": "archiv-backend-1", "service": "backend", "started": "3", "state": "running"}


def steps(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((TASKS / f"{name}.yml").read_text())
    return found


def included(name: str) -> list[str]:
    """The files of tasks that a file includes, in their order."""
    found = []
    for task in steps(name):
        parts = [task, *task.get("block", ()), *task.get("rescue", ())]
        found += [
            part["ansible.builtin.include_tasks"].removesuffix(".yml")
            for part in parts
            if "ansible.builtin.include_tasks" in part
        ]
    return found


def test_release_is_begun_when_all_is_fetched_and_good_when_it_is_verified() -> None:
    [begun] = [task for task in steps("change") if task["name"] == "change | Begin a release"]
    good = steps("switch")[-1]
    assert (begun["vars"], good["vars"]) == ({"__ollama_stack_step": "begun"}, {"__ollama_stack_step": "good"})
    assert begun["when"] == good["when"] == "__ollama_stack_switching"


def test_nothing_comes_from_outside_in_a_switch() -> None:
    [compose] = [task for task in steps("compose_up") if "archiv.ollama.in_background" in task]
    assert compose["archiv.ollama.in_background"]["args"]["pull"] == "never"
    [fetch] = [task for task in steps("download") if task["name"] == "download | Fetch the models"]
    assert fetch["vars"] == {"__ollama_stack_models_state": "fetched"}


def test_everything_is_judged_and_fetched_before_the_switch() -> None:
    remember, refuse = steps("change")[:2]
    assert "ansible.builtin.set_fact" in remember and refuse["when"] == "__ollama_stack_verdict.refusals | length > 0"
    assert included("change") == ["download", "release", "switch", "give_up"]
    assert included("download") == ["prepare", "models", "pull", "models", "engine"]
    assert included("switch") == [
        "models",
        "configure",
        "start",
        "models",
        "verify",
        "note",
        "secrets_unwanted",
        "release",
    ]


def test_plan_that_is_no_longer_true_is_not_carried_out(tmp_path: Path) -> None:
    """Another run was faster while the question stood there."""
    shown = [
        {"kind": "image_moved", "subject": "ollama", "why": "a minute ago", "action": "recreate"},
        {"kind": "starting", "subject": "ollama", "why": "", "action": "wait"},
    ]
    hosts = {
        "not-asked": ([], [{**shown[0], "subject": "gate"}]),
        "same": (shown, [{**shown[0], "why": "two minutes ago"}]),
        "other-service": (shown, [{**shown[0], "subject": "gate"}]),
        "other-action": (shown, [{**shown[0], "action": "restart"}]),
        "one-more": (shown, [shown[0], {**shown[0], "subject": "backend"}]),
    }
    [stop] = [task for task in steps("change") if task["name"] == "change | Stop if it is no longer what was shown"]
    given = {
        name: {"__ollama_stack_shown": before, "__ollama_stack_verdict": {"reasons": now}}
        for name, (before, now) in hosts.items()
    }
    told = run(tmp_path, given, stop)
    stopped = {name for name, answer in told.items() if answer.get("failed")}
    assert stopped == {"other-service", "other-action", "one-more"}
    assert told["one-more"]["msg"].startswith("Nothing was changed: one-more is no longer as plan=ask has shown it")


def test_return_writes_secrets_for_the_user_of_its_day(tmp_path: Path) -> None:
    [again] = [task for task in steps("go_back") if task["name"] == "go_back | Run it again"]
    uid = {"ollama_stack_backend_uid": again["vars"]["ollama_stack_backend_uid"]}
    task = {"ansible.builtin.debug": {"var": "ollama_stack_backend_uid"}, "vars": uid}
    old = {"__ollama_stack_old": {"release": {"note": {"owner": 1000}}}, "ollama_stack_backend_uid": 1001}
    assert int(run(tmp_path, {"host": old}, task)["host"]["ollama_stack_backend_uid"]) == 1000


def test_return_to_what_is_no_number_is_refused_first(tmp_path: Path) -> None:
    refuse = steps("rollback")[0]
    given: dict[str, dict[str, Any]] = {
        "none": {},
        "empty": {"release": ""},
        "number": {"release": 3},
        "typed": {"release": "12"},
    }
    wrong: dict[str, dict[str, Any]] = {name: {"release": name} for name in ("v3", "1O", "2.5", "-1", "0")}
    told = run(tmp_path, {**given, **wrong}, refuse)
    assert {name for name, answer in told.items() if answer.get("failed")} == {*wrong}
    assert "release is '1O', and must be one of the numbers" in told["1O"]["msg"]
    [failed] = [task for task in steps("roll_back")[0]["rescue"] if task["name"].endswith("Write down that it failed")]
    assert failed["when"] == "__ollama_stack_begun"


def test_only_the_switch_writes_what_is_to_run() -> None:
    writes = {
        path.stem
        for path in TASKS.glob("*.yml")
        if any(word in path.read_text() for word in ('dest: "{{ __ollama_stack_path }}"', "include_tasks: secrets.yml"))
    }
    assert writes == {"configure"}


@pytest.mark.parametrize("name", ["pull", "engine"])
def test_what_fetches_takes_the_new_file_from_the_deploy_and_not_from_the_host(name: str) -> None:
    task = next(task for task in steps(name)[0]["block"] if "archiv.ollama.in_background" in task)
    args = task["archiv.ollama.in_background"]["args"]
    assert args["stdin"] == "{{ __ollama_stack_content }}" and args["argv"].startswith("{{ __ollama_stack_new + ")


def test_failed_fetch_says_why_in_its_last_words_and_that_nothing_was_changed(tmp_path: Path) -> None:
    hosts = {
        "refused": {"rc": 1, "stderr_lines": ["ollama Pulling", "manifest unknown."], "stdout_lines": []},
        "said": {"rc": 1, "stderr_lines": ["Network archiv_egress  Created"], "stdout_lines": ["model-init: no such"]},
        "gone": {"msg": "it ended on the host without a result"},
        "silent": {"rc": 1, "stderr_lines": [], "stdout_lines": []},
    }
    pulling = steps("pull")[0]["rescue"][0]
    told = run(
        tmp_path,
        {name: {"__ollama_stack_fetched": found} for name, found in hosts.items()},
        {**pulling, "vars": {"__ollama_stack_verdict": {"pull": ["db:16"]}}},
    )
    whys = {name: answer["msg"] for name, answer in told.items()}
    starts = "The images db:16 could not be pulled: "
    for name, why in {
        "refused": "manifest unknown",
        "said": "model-init: no such",
        "gone": "it ended on the host without a result",
        "silent": "no reason given",
    }.items():
        assert whys[name].startswith(f"{starts}{why}. Nothing was changed: the compose file and the containers")


def test_failure_after_the_switch_says_what_is_old_and_what_is_new(tmp_path: Path) -> None:
    was = {"services": [INIT, SERVER, BACKEND], "start": True}
    now = {"services": [{**INIT, "started": "9", "state": "running"}, SERVER], "start": True}
    variables = {"__ollama_stack_before": was, "__ollama_stack_verdict": now}
    lines = f"lookup('ansible.builtin.template', '{AFTERMATH}').splitlines()"
    [told] = run(tmp_path, {"one": variables}, {"ansible.builtin.debug": {"msg": f"{{{{ {lines} }}}}"}}).values()
    assert told["msg"] == [
        "/opt/archiv/docker-compose.prod.yml is the new version",
        "archiv-ollama-model-init-1 was recreated or restarted: running",
        "archiv-ollama-1 is unchanged: running",
        "archiv-backend-1 was removed",
    ]


def failures(name: str) -> list[dict[str, Any]]:
    """The tasks of a file that fail in words."""
    listed = [part for task in steps(name) for part in (task, *task.get("block", []))]
    return [task for task in listed if "ansible.builtin.fail" in task]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("change", ["no root", "no disk"]),
        ("compose_up", ["no port", "stop web-1", "ollama is gone", "archiv:", "- backend"]),
        ("verify", ["archiv:", "- backend", "ollama is gone"]),
    ],
)
def test_failure_is_one_text_with_a_line_for_each_reason(tmp_path: Path, name: str, lines: list[str]) -> None:
    # Of a list Ansible would print how Python writes it.
    verdict = {"refusals": ["no root", "no disk"], "report": ["archiv:", "- backend"], "advice": ["stop web-1"]}
    variables = {"__ollama_stack_verdict": {**verdict, "clean": False}, "__ollama_stack_up": {"msg": "no port"}}
    task = failures(name)[0]
    told = run(tmp_path, {"one": variables}, {**task, "vars": {"__ollama_stack_aftermath": "ollama is gone"}})
    assert told["one"]["msg"] == "\n".join(lines)


def test_init_service_that_is_made_anew_is_not_borrowed(tmp_path: Path) -> None:
    verdict: dict[str, Any] = {"services": [INIT], "recreate": []}
    hosts = {
        "stays": {"__ollama_stack_verdict": verdict},
        "anew": {"__ollama_stack_verdict": {**verdict, "recreate": ["ollama-model-init"]}},
        "none": {"__ollama_stack_verdict": {**verdict, "services": [SERVER]}},
    }
    told = evaluate(tmp_path, hosts, "__ollama_stack_init_stays")
    assert {name: answer["__ollama_stack_init_stays"] for name, answer in told.items()} == {
        "stays": True,
        "anew": False,
        "none": False,
    }


def test_port_is_bound_to_the_address_as_compose_reads_it(tmp_path: Path) -> None:
    bound = {"": "", "127.0.0.1": "127.0.0.1:", "::1": "[::1]:", "fe80::1": "[fe80::1]:"}
    hosts = {f"host-{number}": {"ollama_stack_backend_address": address} for number, address in enumerate(bound)}
    told = evaluate(tmp_path, hosts, "__ollama_stack_backend_bind")
    assert [told[name]["__ollama_stack_backend_bind"] for name in hosts] == list(bound.values())


def test_fetch_tells_the_registry_which_ollama_it_is_for() -> None:
    [task] = [task for task in steps("models") if "archiv.ollama.ollama_model" in task]
    version = task["archiv.ollama.ollama_model"]["ollama_version"]
    assert version == "{{ __ollama_stack_verdict.ollama_version | default(omit, true) }}"
