"""The units of the monitoring: what systemd says of them, and what they and the command must agree on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._monitor import paths, scrub
from tests.unit.support.evaluate import ROOT, run_play

TEMPLATES = ROOT / "roles/ollama_monitor/templates"
NAMES = sorted(path.stem for path in TEMPLATES.glob("ollama-stack-*.j2") if path.suffixes[0] in (".service", ".timer"))
SERVICES = [name for name in NAMES if name.endswith(".service")]
MOST_EXPOSED = 2.5
VARIABLES: dict[str, Any] = {
    "__ollama_monitor_command": "/usr/local/bin/ollama-stack",
    "__ollama_monitor_home": paths.HOME,
    "__ollama_monitor_python": "/usr/bin/python3",
    "ollama_monitor_interval": 30,
    "ollama_monitor_scrub": "weekly",
    "ollama_monitor_textfile_dir": paths.TEXTFILE_DIR,
    "ollama_stack_dir": "/opt/archiv",
    "ollama_stack_models_dir": "",
}
ELSEWHERE = {"ollama_stack_models_dir": "/home/archive/models"}
# What systemd-analyze says of a unit whose command is not installed here, and of a line for newer versions.
KNOWN = re.compile(r"is not executable: No such file|Unknown key (name )?'WantsMountsFor'")
has_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")  # Debian has it


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Each unit by its name, of a host as most are and of one with its models in a home, rendered by Ansible."""
    folder = tmp_path_factory.mktemp("units")
    looked_up = {name: f"{{{{ lookup('ansible.builtin.template', '{TEMPLATES / name}.j2') }}}}" for name in NAMES}
    task = {"ansible.builtin.debug": {"msg": looked_up}}
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    hosts = {"plain": {}, "elsewhere": ELSEWHERE}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": VARIABLES, "hosts": hosts}}))
    told = run_play(folder)["plays"][0]["tasks"][0]["hosts"]
    return {host: answer["msg"] for host, answer in told.items()}


def values(unit: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith(f"{key}=")]


@has_systemd
@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("host", ["plain", "elsewhere"])
def test_service_is_not_exposed(units: dict[str, dict[str, str]], tmp_path: Path, name: str, host: str) -> None:
    (tmp_path / name).write_text(units[host][name])
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(tmp_path / name)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", said.stdout)
    assert found, said.stderr
    print(f"{name}: {found.group(1)}")
    assert float(found.group(1)) <= MOST_EXPOSED


@has_systemd
def test_systemd_understands_every_line(units: dict[str, dict[str, str]], tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(units["plain"][name])
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in NAMES)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert [line for line in said.splitlines() if "ollama-stack" in line and not KNOWN.search(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_line_runs_into_another(units: dict[str, dict[str, str]], name: str) -> None:
    """What is included ends with a line of its own."""
    for line in units["plain"][name].splitlines():
        assert not line or re.match(r"#|\[[A-Z][a-z]+\]$|[A-Z][A-Za-z]+=", line), line
    assert units["plain"][name].endswith("\n")


def test_mark_is_taken_before_docker_and_written_after_it(units: dict[str, dict[str, str]]) -> None:
    unit = units["plain"]["ollama-stack-mark.service"]
    # Not docker.socket: a service comes after sockets, so that would be a circle.
    assert values(unit, "Before") == ["docker.service containerd.service"]
    assert values(unit, "RemainAfterExit") == ["yes"]
    assert [line.split()[1:] for key in ("ExecStart", "ExecStop") for line in values(unit, key)] == [
        ["mark", "start"],
        ["mark", "stop"],
    ]
    # Docker does not wait for network file systems that others mount.
    assert values(unit, "After") == ["local-fs.target"]
    # Where the disk is missing, the host's mark must be taken away all the same.
    assert not values(unit, "RequiresMountsFor")


@pytest.mark.parametrize("result", ["success", "exit-code", "timeout", "signal"])
def test_mark_that_was_not_taken_away_is_removed(units: dict[str, dict[str, str]], tmp_path: Path, result: str) -> None:
    """systemd runs this line also where the command could not run."""
    (line,) = values(units["plain"]["ollama-stack-mark.service"], "ExecStopPost")
    assert paths.MARK in line
    mark = tmp_path / "mark.json"
    mark.touch()
    script = re.sub(r"^/bin/sh -c '(.*)'$", r"\1", line).replace("$$", "$").replace(paths.STATE_DIR, str(tmp_path))
    subprocess.run(["sh", "-c", script], env={**os.environ, "SERVICE_RESULT": result}, check=True)
    assert mark.exists() is (result == "success")


def test_scrub_that_has_not_ended_is_gone_on_with(units: dict[str, dict[str, str]]) -> None:
    unit = units["plain"]["ollama-stack-scrub.service"]
    for key in ("SuccessExitStatus", "RestartForceExitStatus"):
        assert values(unit, key) == [str(scrub.NOT_ENDED)]
    # systemd refuses to start a oneshot that restarts.
    assert values(unit, "Type") == ["exec"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_the_command_needs_is_left(units: dict[str, dict[str, str]], name: str) -> None:
    unit = units["plain"][name]
    assert paths.HOME in values(unit, "ReadWritePaths")[0].split()
    # The boot's identity stands in /proc.
    assert not values(unit, "ProtectProc") and not values(unit, "ProcSubset")
    assert "AF_UNIX" in values(unit, "RestrictAddressFamilies")[0].split()
    assert values(unit, "ProtectHome") == ["yes"]
    assert values(units["elsewhere"][name], "ProtectHome") == ["read-only"]


@pytest.mark.parametrize("name", ["ollama-stack-mark.service", "ollama-stack-scrub.service"])
def test_lock_of_the_store_can_be_taken(units: dict[str, dict[str, str]], name: str) -> None:
    assert "-/var/lib/docker/volumes" in values(units["plain"][name], "ReadWritePaths")[0].split()
    assert "-/home/archive/models" in values(units["elsewhere"][name], "ReadWritePaths")[0].split()
