"""deploy.yml looks at all hosts at once, and changes those that differ batch by batch, none after one that failed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# Roles in place of ours: the inventory tells what a host looks like and what its change does; they note what they do.
NOTE = "echo {} {{{{ inventory_hostname }}}} >>{{{{ log }}}}"
VERDICT = {
    "clean": "{{ state == 'matches' or (changed_already | default(false)) }}",
    "prove": "{{ ['a:1b'] if state == 'unproven' else [] }}",
    "refusals": "{{ ['no'] if state == 'refused' or state == 'bare' and engine_is_there is undefined else [] }}",
    "engine": "{{ state != 'bare' or engine_is_there | default(false) }}",
    "report": ["archiv differs", "- ollama: differs (deploy will recreate the container)"],
    "reasons": [{"subject": "ollama", "action": "recreate"}],
    "recreate": ["ollama"],
    "lasted": {"ollama": 12.5},
    "services": [{"service": "ollama"}, {"service": "backend"}],
}
LOOK = [
    {"ansible.builtin.shell": NOTE.format("look")},
    {"ansible.builtin.set_fact": {"__ollama_stack_verdict": VERDICT}},
]
APPLY = [
    {"ansible.builtin.meta": "end_role", "when": "__ollama_stack_verdict.clean and not __ollama_stack_verdict.prove"},
    {"ansible.builtin.fail": {"msg": "refused"}, "when": "__ollama_stack_verdict.refusals | length > 0"},
    {"ansible.builtin.shell": NOTE.format("begin"), "changed_when": True},
    {"ansible.builtin.fail": {"msg": "broken"}, "when": "state == 'breaks'"},
    {"ansible.builtin.shell": NOTE.format("end"), "changed_when": True},
    {"ansible.builtin.set_fact": {"__ollama_stack_done": True, "changed_already": True}},
    {
        "ansible.builtin.set_fact": {
            f"__ollama_stack_{name}": f"{{{{ ended['{name}'] }}}}" for name in ("before", "release_after", "lease")
        },
        "when": "ended is defined",
    },
]
ENGINE = [
    {"ansible.builtin.shell": NOTE.format("engine")},
    {"ansible.builtin.set_fact": {"engine_is_there": True}},
]


class Fleet:
    """Hosts on this machine, deploy.yml run on them, and what each did in its order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.said = ""
        self.answer = ""
        playbooks = folder / "ansible_collections/archiv/ollama/playbooks"
        shutil.copytree(ROOT / "playbooks", playbooks)
        self.playbook = playbooks / "deploy.yml"
        for role, files in {"ollama_stack": {"look": LOOK, "apply": APPLY}, "docker_engine": {"main": ENGINE}}.items():
            tasks = folder / f"ansible_collections/archiv/ollama/roles/{role}/tasks"
            tasks.mkdir(parents=True)
            for name, steps in files.items():
                (tasks / f"{name}.yml").write_text(yaml.safe_dump(steps))

    def deploy(self, states: dict[str, str], *options: str, code: int = 0, **variables: Any) -> list[str]:
        """What was done, once the run has ended so."""
        self.log.write_text("")
        local = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "log": str(self.log),
        }
        hosts = {name: {"state": state} for name, state in states.items()}
        for host in hosts.values():
            if host["state"] == "lost":
                host["ansible_connection"] = "nonexistent.connection.plugin"
            if host["state"] == "bare":
                host["docker_engine_manage"] = True  # type: ignore[assignment]
        group = {"ollama_hosts": {"hosts": hosts, "vars": {**local, **variables}}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(group))
        tool = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [tool, "-i", str(self.folder / "hosts.yml"), *options, str(self.playbook)]
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": f"{self.folder}",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORKS": "1",
        }
        if self.answer:
            # A terminal, where something is to be typed at one.
            command = ["script", "--quiet", "--return", "--command", shlex.join(command)]
        with subprocess.Popen(
            ["timeout", "--foreground", "120", *command],
            env=env,
            cwd=self.folder,
            text=True,
            # Never the terminal of who runs the tests.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as ran:
            self.said = "".join(self._read(ran))
        assert ran.returncode == code, self.said
        return self.log.read_text().splitlines()

    def _read(self, ran: subprocess.Popen[str]) -> Iterator[str]:
        """What it prints; its question is answered once it is asked."""
        assert ran.stdin and ran.stdout
        for line in ran.stdout:
            yield line
            if self.answer and "Type yes" in line:
                threading.Thread(target=self._type, args=(ran, ran.stdin), daemon=True).start()
        ran.stdin.close()

    def _type(self, ran: subprocess.Popen[str], terminal: IO[str]) -> None:
        """Again and again: Ansible throws away what was typed before it reads, and says nothing when it does."""
        while ran.poll() is None:
            with contextlib.suppress(OSError, ValueError):
                terminal.write(self.answer)
                terminal.flush()
            time.sleep(0.5)

    @property
    def batches(self) -> int:
        return self.said.count("PLAY [Change the hosts that differ]")

    def results(self) -> dict[str, str]:
        """What became of each host, by the table at the end."""
        return {host: cells[-1] for host, cells in self.table().items()}

    def table(self) -> dict[str, list[str]]:
        """All that the table says of each host."""
        shown = re.findall(r'"msg": (\[\n.*?\n    \])', self.said, re.DOTALL)
        assert len(shown) == 1, self.said
        head, *rows = (re.split(r"\s{2,}", line) for line in json.loads(shown[0]))
        assert head == ["HOST", "BEFORE", "AFTER", "REFUSED", "RESULT"]
        return {host: cells for host, *cells in rows}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_hosts_that_match_are_looked_at_once_and_nothing_else(fleet: Fleet) -> None:
    assert sorted(fleet.deploy({"a": "matches", "b": "matches"})) == ["look a", "look b"]
    assert "skipped=0" in fleet.said and "Say what became" not in fleet.said and "[WARNING]" not in fleet.said


def test_only_hosts_that_differ_are_changed_the_first_alone_and_the_others_by_halves(fleet: Fleet) -> None:
    done = fleet.deploy({"a": "matches", "b": "differs", "c": "differs", "d": "unproven", "e": "differs"})
    assert done[:5] == [f"look {host}" for host in "abcde"]
    # What was seen is used while it is fresh, and later batches are looked at again.
    assert done[5:7] == ["begin b", "end b"]
    # Of one step, all hosts of a batch answer in any order.
    steps = [sorted(done[at : at + 2]) for at in (7, 9, 11)]
    assert steps == [[f"{step} c", f"{step} d"] for step in ("look", "begin", "end")]
    assert done[13:] == ["look e", "begin e", "end e"]
    assert fleet.batches == 3
    assert fleet.results() == {"a": "as wanted", **dict.fromkeys("bcde", "changed")}


def test_nobody_is_touched_after_a_first_host_that_failed(fleet: Fleet) -> None:
    done = fleet.deploy({"a": "breaks", "b": "differs", "c": "differs"}, code=2)
    assert done == ["look a", "look b", "look c", "begin a"]
    assert fleet.results() == {"a": "FAILED", **dict.fromkeys("bc", "not reached, and not changed")}


def test_batch_in_which_a_host_failed_is_brought_to_its_end_and_is_the_last(fleet: Fleet) -> None:
    states = {"a": "differs", "b": "breaks", "c": "differs", "d": "differs", "e": "differs"}
    done = fleet.deploy(states, code=2)
    assert done[5:7] == ["begin a", "end a"] and done[-1] == "end c"
    assert sorted(done[7:-1]) == ["begin b", "begin c", "look b", "look c"]
    assert fleet.results() == {
        "a": "changed",
        "b": "FAILED",
        "c": "changed",
        **dict.fromkeys("de", "not reached, and not changed"),
    }
    assert re.search(r"(?m)^d .* failed=0 ", fleet.said) and re.search(r"(?m)^b .* failed=1 ", fleet.said)


def test_last_batch_that_failed_is_told(fleet: Fleet) -> None:
    fleet.deploy({"a": "differs", "b": "breaks"}, code=2)
    assert fleet.results() == {"a": "changed", "b": "FAILED"}


def test_what_is_refused_on_one_host_is_refused_before_any_is_changed(fleet: Fleet) -> None:
    done = fleet.deploy({"a": "differs", "b": "differs", "c": "refused"}, code=2)
    assert done == ["look a", "look b", "look c"]
    assert fleet.results() == {
        **dict.fromkeys("ab", "not reached, and not changed"),
        "c": "REFUSED, and not changed",
    }


def test_host_that_cannot_be_asked_keeps_no_other_from_its_change(fleet: Fleet) -> None:
    done = fleet.deploy({"a": "lost", "b": "differs"}, code=2)
    assert done == ["look b", "begin b", "end b"]
    assert fleet.results() == {"a": "NO ANSWER, and not changed", "b": "changed"}


@pytest.mark.parametrize("by_option", [False, True])
def test_inventory_says_how_many_at_once(fleet: Fleet, by_option: bool) -> None:
    states = dict.fromkeys("abcd", "differs")
    serial: dict[str, Any] = {"ollama_stack_serial": ["3"]}
    if by_option:
        fleet.deploy(states, "-e", json.dumps(serial), ollama_stack_serial=["1"])
    else:
        fleet.deploy(states, **serial)
    assert fleet.batches == 2


def test_engine_of_a_bare_host_comes_before_its_stack_and_a_managed_host_takes_its_turn(fleet: Fleet) -> None:
    done = fleet.deploy({"a": "matches", "b": "bare"})
    assert done == ["look a", "look b", "engine b", "look b", "begin b", "end b"]
    again = fleet.deploy({"a": "matches", "b": "matches"}, docker_engine_manage=True)
    assert again[2:] == ["engine a", "look a", "engine b", "look b"]
    assert fleet.results() == dict.fromkeys("ab", "as wanted")


def test_check_mode_predicts_for_all_hosts(fleet: Fleet) -> None:
    fleet.deploy({"a": "differs", "b": "breaks", "c": "differs", "d": "differs"}, "--check", code=2)
    assert fleet.batches == 3


def test_only_the_hosts_of_the_limit_are_deployed_to(fleet: Fleet) -> None:
    done = fleet.deploy(dict.fromkeys("abc", "differs"), "-l", "b")
    assert done == ["look b", "begin b", "end b"] and fleet.results() == {"b": "changed"}


def test_second_deploy_of_the_same_run_takes_nobody_again(fleet: Fleet) -> None:
    both = fleet.playbook.with_name("both.yml")
    both.write_text(yaml.safe_dump([{"import_playbook": "deploy.yml"}, {"import_playbook": "deploy.yml"}]))
    fleet.playbook = both
    done = fleet.deploy({"a": "differs", "b": "differs"})
    assert done.count("begin a") == done.count("begin b") == 1
    assert [line for line in done if line == "look a"] == ["look a", "look a"]


def test_second_deploy_for_others_leaves_alone_whom_the_first_did_not_reach(fleet: Fleet) -> None:
    both = fleet.playbook.with_name("both.yml")
    deploys = [{"import_playbook": "deploy.yml", "vars": {"target": target}} for target in ("a:b:c:d", "e:f")]
    both.write_text(yaml.safe_dump(deploys))
    fleet.playbook = both
    states = {name: "breaks" if name == "b" else "differs" for name in "abcdef"}
    done = fleet.deploy(states, code=2)
    assert sorted(line for line in done if line.startswith("begin")) == [f"begin {name}" for name in "abcef"]


def test_summary_has_the_releases_and_the_seconds_of_refused_service(fleet: Fleet) -> None:
    ended = {"before": {"release": 3}, "release_after": 4, "lease": {"id": "", "refused": 2.345}}
    fleet.deploy({"a": "differs"}, ended=ended)
    assert fleet.table() == {"a": ["3", "4", "2.3s", "changed"]}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"ended": {"before": {}, "release_after": 0, "lease": {"id": "", "refused": None}}},
        {"ended": {"before": {"release": 0}, "release_after": 0, "lease": {"skipped": True}}},
    ],
)
def test_summary_has_a_dash_for_what_nobody_knows(fleet: Fleet, variables: dict[str, Any]) -> None:
    fleet.deploy({"a": "differs", "b": "matches"}, **variables)
    assert fleet.table() == {"a": ["-", "-", "-", "changed"], "b": ["-", "-", "-", "as wanted"]}


def test_plan_is_shown_and_nothing_done_without_a_terminal(fleet: Fleet) -> None:
    done = fleet.deploy({"a": "differs", "b": "matches"}, "-e", "plan=ask", code=2)
    assert sorted(done) == ["look a", "look b"] and "Nothing was changed: plan=ask" in fleet.said
    assert "deploy will recreate the container" in fleet.said and "stays: backend" in fleet.said
    assert "restarts: ollama, which did not serve for 12.5 s the last time" in fleet.said


@pytest.mark.parametrize(("answer", "done"), [("yes\r", ["look a", "begin a", "end a"]), ("no\r", [])])
def test_plan_is_carried_out_after_a_yes(fleet: Fleet, answer: str, done: list[str]) -> None:
    fleet.answer = answer
    assert fleet.deploy({"a": "differs"}, "-e", "plan=ask", code=0 if done else 2) == ["look a", *done]


def test_plan_of_hosts_that_match_asks_nothing(fleet: Fleet) -> None:
    assert fleet.deploy({"a": "matches"}, "-e", "plan=ask") == ["look a"]
