"""gameday.yml breaks one host that is named, is not production's and is well, and no fault comes before its undo."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
TASKS = ROOT / "playbooks/tasks"
# In place of the host's commands: they note what they are told, and the asker's record is of a fault that was survived.
TOOLS = {
    "systemd-run": """
case "$*" in
*archiv-gameday-asker*)
    for status in 503 ${ANSWER:-200}; do for asked in health question; do
        [ $asked = health ] && told=200 || told=$status
        echo "{\\"asked\\": \\"$asked\\", \\"at\\": 9000000000, \\"status\\": $told, \\"seconds\\": 0.1}"
    done; done >"$(dirname "$LOG")/run/record" ;;
*) touch "$LOG.armed" ;;
esac""",
    "systemctl": """
case "$1" in
is-active) [ -e "$LOG.other" ] || [ -e "$LOG.armed" ] || exit 3 ;;
start) [ -e "$LOG.armed" ] || exit 5 ;;
stop) case "$2" in *undo.timer) rm -f "$LOG.armed" ;; esac ;;
esac""",
    "docker": '[ "$1" != inspect ] || echo false',
    # A way that nothing closes.
    "ip": "[ $2 != get ] || echo $3 via 192.0.2.1",
    "getent": "echo 192.0.2.7 STREAM; echo 192.0.2.8 STREAM",
}
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >>"$LOG"\n'
VERDICT = {
    "clean": "{{ well | default(true) }}",
    "report": ["archiv differs", "- ollama: gone"],
    "services": [{"service": "ollama", "name": "archiv-ollama-1"}],
    "healthy": {"version": "0.34.2"},
}


class Staging:
    """Hosts on this machine, and what was done to them in its order."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.groups = {"staging": ["one"]}
        self.of_hosts: dict[str, dict[str, Any]] = {}
        self.environment: dict[str, str] = {}
        collection = folder / "ansible_collections/archiv/ollama"
        for part in ("playbooks", "plugins"):
            shutil.copytree(ROOT / part, collection / part)
        self.playbook = collection / "playbooks/gameday.yml"
        role = collection / "roles/ollama_stack"
        for name in ("defaults", "vars"):
            shutil.copytree(ROOT / "roles/ollama_stack" / name, role / name)
        (role / "tasks").mkdir()
        look = [{"ansible.builtin.set_fact": {"__ollama_stack_verdict": VERDICT}}]
        (role / "tasks/check.yml").write_text(yaml.safe_dump(look))
        (folder / "stack/.archiv").mkdir(parents=True)
        (folder / "bin").mkdir()
        for name, does in TOOLS.items():
            tool = folder / ("stack/.archiv" if name == "docker" else "bin") / name
            tool.write_text(NOTE + does)
            tool.chmod(0o755)

    def hold(self, *options: str, code: int = 0, confirmed: str | None = "one", **variables: Any) -> list[str]:
        """What the host was told, once the run has ended so."""
        self.log.write_text("")
        told = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "ollama_stack_backend_image": "archiv/backend:1.0.0",
            "ollama_stack_dir": str(self.folder / "stack"),
            **variables,
        }
        extra = {
            "__gameday_dir": str(self.folder / "run"),
            **({} if confirmed is None else {"gameday_confirmed": confirmed}),
        }
        short = {"gameday_exercises": ["stop"], "gameday_hold": 1, "gameday_recover_within": 2}
        hosts = {
            group: {"hosts": {name: self.of_hosts.get(name, short) for name in names}}
            for group, names in self.groups.items()
        }
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"ollama_hosts": {"children": hosts, "vars": told}}))
        command = ["ansible-playbook", "-i", "hosts.yml", "-e", json.dumps(extra), *options, str(self.playbook)]
        ran = subprocess.run(
            command,
            env={
                **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
                "ANSIBLE_COLLECTIONS_PATH": str(self.folder),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
                "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
                "ANSIBLE_NOCOLOR": "1",
                "LOG": str(self.log),
                "PATH": f"{self.folder}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
                **self.environment,
            },
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.said = " ".join(ran.stdout.replace('\\"', '"').split())
        assert ran.returncode == code, ran.stdout + ran.stderr
        return self.log.read_text().splitlines()

    @property
    def report(self) -> str:
        return (self.folder / "gameday-one.md").read_text()


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path)


def test_name_of_the_host_is_asked_for(staging: Staging) -> None:
    assert staging.hold(code=2, confirmed=None) == []
    assert "Nothing was changed: the confirmation does not match the name of the host, one." in staging.said


def test_what_must_not_be_broken_is_refused_before_it_is_asked(staging: Staging) -> None:
    # Each in its own words, beside what is wrong with all of them: the name of one, and that there are so many.
    refused: dict[str, tuple[dict[str, Any], str]] = {
        "a-production": ({}, "a-production is in the group production"),
        "both": ({}, "both is in the group production"),
        "unknown": ({"gameday_exercises": "stop,flood"}, "gameday_exercises has flood, and there are stop, cut, "),
        "too-early": ({"gameday_undo_after": 1, "gameday_hold": 1}, "gameday_undo_after is 1 s"),
        "no-backend": ({"ollama_stack_backend": False}, "questions are asked through the backend"),
        "dev": ({"ollama_stack_variant": "dev"}, "does not come back after a reboot"),
        "proxy": ({"ollama_stack_https_proxy": "http://proxy:3128"}, "name in gameday_registries what is to be cut"),
    }
    staging.groups = {"Production": ["a-production"], "production": ["both"], "staging": list(refused)[1:]}
    staging.of_hosts = {name: given for name, (given, _) in refused.items()}
    assert staging.hold(code=2) == []
    told = dict(re.findall(r"fatal: \[(\S+)\]: FAILED! => (.*?)(?= \[ERROR\]| fatal:| PLAY RECAP)", staging.said))
    assert told.keys() == refused.keys()
    for name, (_, why) in refused.items():
        assert "Nothing was changed: " in told[name] and why in told[name], told[name]
        assert f"this run has {len(refused)}: name one with -l" in told[name]
        assert f"does not match the name of the host, {name}" in told[name], told[name]
        others = [other for other, (_, their) in refused.items() if their in told[name] and other != name]
        assert others == [], told[name]


def test_host_that_is_not_well_is_refused(staging: Staging) -> None:
    assert staging.hold(code=2, well=False) == []
    assert "Nothing was changed: " in staging.said and "- ollama: gone" in staging.said


def test_host_on_which_a_fault_is_in_force_is_refused(staging: Staging) -> None:
    staging.log.with_name("log.other").touch()
    assert staging.hold(code=2) == ["systemctl is-active archiv-gameday-undo.timer"]
    assert "a fault of another game day is in force" in staging.said


def test_check_mode_shows_the_plan_and_needs_no_name(staging: Staging) -> None:
    assert staging.hold("--check", confirmed=None) == ["systemctl is-active archiv-gameday-undo.timer"]
    assert "Ollama is stopped for 1 s" in staging.said and not (staging.folder / "gameday-one.md").exists()


def test_undo_is_set_before_the_fault_and_run_after_it(staging: Staging) -> None:
    done = staging.hold()
    [armed] = [line for line in done if line.startswith("systemd-run --unit=archiv-gameday-undo")]
    assert "--on-active=125" in armed and armed.endswith(".archiv/docker start archiv-ollama-1")
    order = [armed, "docker stop archiv-ollama-1", "systemctl start archiv-gameday-undo.service"]
    places = [done.index(line) for line in [*order, "systemctl stop archiv-gameday-undo.timer"]]
    assert places == sorted(places)
    assert "| Ollama stopped | yes | " in staging.report and "| 1 | 1 |" in staging.report


@pytest.mark.parametrize("exercise", ["stop", "cut"])
def test_first_step_of_each_fault_is_its_undo(exercise: str) -> None:
    first = yaml.safe_load((TASKS / f"gameday_{exercise}.yml").read_text())[0]
    assert first["ansible.builtin.include_tasks"] == "gameday_arm.yml" and first["vars"]["__gameday_command"].strip()


def test_host_that_does_not_recover_fails_after_the_undo_and_is_not_broken_further(staging: Staging) -> None:
    staging.environment = {"ANSWER": "503"}
    # Never "reboot" in a test on this machine.
    done = staging.hold("-e", '{"gameday_exercises": ["stop", "stop"]}', code=2)
    assert done.count("docker stop archiv-ollama-1") == done.count("systemctl start archiv-gameday-undo.service") == 1
    assert "| Ollama stopped | NO | never | 0 | 2 |" in staging.report
    assert "DID NOT HOLD: no question was answered afterwards" in staging.report
    assert "no question was answered afterwards" in staging.said


def test_undo_that_came_by_its_own_timer_is_told(staging: Staging) -> None:
    tool = staging.folder / "stack/.archiv/docker"
    tool.write_text(tool.read_text() + '\n[ "$1" != stop ] || rm "$LOG.armed"\n')
    staging.hold(code=2)
    assert "undone by its own timer" in staging.report


@pytest.mark.parametrize("exercise", ["stop", "cut"])
def test_nothing_is_broken_without_the_timer_of_the_undo(staging: Staging, exercise: str) -> None:
    """Where the connection was lost while it was set, the play goes on: a host that is gone is what a report tells."""
    tool = staging.folder / "bin/systemd-run"
    tool.write_text(tool.read_text().replace('touch "$LOG.armed"', ":"))
    given = {"gameday_exercises": [exercise], "gameday_registries": ["127.0.0.1:9"]}
    with socket.create_server(("127.0.0.1", 0)) as registry:
        given["gameday_registries"] = [f"127.0.0.1:{registry.getsockname()[1]}"]
        done = staging.hold("-e", json.dumps(given), code=2)
    assert [line for line in done if line.startswith(("docker stop", "ip route add", "docker compose"))] == []
    assert "the timer of its undo is not set, so nothing was broken" in staging.report
    assert "undone by its own timer" not in staging.report


def test_fault_that_cannot_be_made_is_undone_and_told(staging: Staging) -> None:
    tool = staging.folder / "stack/.archiv/docker"
    tool.write_text(tool.read_text() + '\n[ "$1" != stop ] || { echo no such container >&2; exit 1; }\n')
    done = staging.hold(code=2)
    assert "systemctl start archiv-gameday-undo.service" in done
    assert re.search(r"DID NOT HOLD: gameday_stop \| Stop Ollama: .*: no such container", staging.report)


def test_cut_that_does_not_cut_is_undone_and_told(staging: Staging) -> None:
    with socket.create_server(("127.0.0.1", 0)) as registry:
        name = f"127.0.0.1:{registry.getsockname()[1]}"
        given = {"gameday_exercises": ["cut"], "gameday_registries": [name]}
        done = staging.hold("-e", json.dumps(given), code=2)
    assert f"DID NOT HOLD: gameday_cut | Fail if they are not cut: {name} can still be reached" in staging.report
    [armed] = [line for line in done if line.startswith("systemd-run --unit=archiv-gameday-undo")]
    undo = "ip route del unreachable 192.0.2.7; ip route del unreachable 192.0.2.8; "
    assert undo in armed and armed.endswith(f"-f {staging.folder}/stack/docker-compose.prod.yml start")
    order = [armed, "ip route add unreachable 192.0.2.7", "systemctl start archiv-gameday-undo.service"]
    places = [done.index(line) for line in order]
    assert places == sorted(places) and "docker compose" not in " ".join(done[: places[-1]]).replace(armed, "")


@pytest.mark.parametrize(
    ("registry", "ssh", "why"),
    [
        (
            "127.0.0.1:9",
            "192.0.2.8 50000 192.0.2.1 22",
            "the registry is at 192.0.2.8, from where this host is logged in",
        ),
        ("nowhere.invalid", "", "no answer from nowhere.invalid, so that a cut would show nothing"),
    ],
)
def test_what_cannot_be_cut_is_refused(staging: Staging, registry: str, ssh: str, why: str) -> None:
    staging.environment = {"SSH_CONNECTION": ssh}
    done = staging.hold("-e", json.dumps({"gameday_exercises": ["cut"], "gameday_registries": [registry]}), code=2)
    assert "Nothing was changed: " in staging.said and why in staging.said
    assert [line for line in done if line.startswith("systemd-run")] == []


def test_report_is_written_where_it_is_wanted(staging: Staging) -> None:
    staging.hold(report_file="elsewhere.md")
    assert (staging.folder / "elsewhere.md").read_text().startswith("# Game day on one\n")
