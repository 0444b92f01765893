"""A deploy or verification that fails still fails, and the host's history tells it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.local_play import ROOT

COMMAND = '#!/bin/sh\nprintf "%s\\n" "$*" >>{log}\nexit {code}\n'


class Host:
    """This machine as a host without an Engine, where the command only notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.command = folder / "ollama-stack"

    def has_the_command(self, code: int = 0) -> None:
        self.command.write_text(COMMAND.format(log=self.log, code=code))
        self.command.chmod(0o755)

    def run(self, playbook: str, *options: str, **variables: Any) -> str:
        """What a playbook prints that fails."""
        told = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "ollama_stack_backend_image": "archiv/backend:1.0.0",
            "ollama_stack_dir": str(self.folder / "stack"),
            "ollama_stack_health_timeout": 0,
            "ollama_stack_lock_file": str(self.folder / "none.yml"),
            "ollama_stack_models": [{"name": "a:1b"}],
            "ollama_stack_models_dir": str(self.folder / "store"),
            "ollama_stack_monitor": True,
            "__ollama_stack_ask": False,
            "__ollama_stack_engine": f"unix://{self.folder}/none.sock",
            "__ollama_monitor_command": str(self.command),
            **variables,
        }
        command = ["ansible-playbook", "-i", "one,", "-e", "target=all", "-e", json.dumps(told), *options]
        ran = subprocess.run(
            [*command, str(ROOT / f"playbooks/{playbook}.yml")],
            env={
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
                "HOME": str(self.folder),
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "USER": "mia",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 2, ran.stdout + ran.stderr
        return ran.stdout

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_refused_deploy_fails_with_its_reasons_and_is_told(host: Host) -> None:
    host.has_the_command()
    printed = host.run("deploy")
    assert (
        "failed=1" in printed
        and "rescued=0" in printed
        and "TASK [archiv.ollama.ollama_stack : change | Run the pre" in printed
    )
    [line] = host.lines()
    assert line.startswith("record deploy --result=failed --who=mia --what=")
    assert str(host.folder / "stack") in line


def test_command_that_fails_does_not_hide_why_a_deploy_did(host: Host) -> None:
    host.has_the_command(code=1)
    printed = host.run("deploy")
    assert len(host.lines()) == 1 and printed.count("fatal:") == 1 and "failed=1" in printed


def test_first_deploy_that_is_refused_has_no_command_to_tell_it(host: Host) -> None:
    assert "failed=1" in host.run("deploy") and host.lines() == []


@pytest.mark.parametrize("variables", [{"ollama_stack_monitor": False}, {"ollama_stack_variant": "dev"}])
def test_host_that_is_not_watched_is_told_nothing(host: Host, variables: dict[str, Any]) -> None:
    host.has_the_command()
    host.run("deploy", **variables)
    assert host.lines() == []


def test_check_mode_tells_nothing(host: Host) -> None:
    host.has_the_command()
    host.run("verify", "--check")
    assert host.lines() == []


def test_verification_is_told_with_its_result(host: Host) -> None:
    host.has_the_command()
    assert "failed=1" in host.run("verify")
    [line] = host.lines()
    assert line.startswith("record verify --result=failed --who=mia --what=")


def test_verification_without_the_command_only_says_what_it_saw(host: Host) -> None:
    printed = host.run("verify")
    assert f"{host.command}: is missing (deploy will install it)" in printed and host.lines() == []
