"""The lock of deploys, which only root can open and nobody waits on for ever."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles/ollama_stack"


@pytest.fixture
def wrapper(tmp_path: Path) -> str:
    """The wrapper of a project archiv, the folder of its lock not there yet, and a docker that tells its umask."""
    loaded: dict[str, Any] = DataLoader().load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True)
    own = {"__ollama_stack_run": f"{tmp_path}/run/locks", "__ollama_stack_project": "archiv"}
    text = (ROLE / "templates/docker.sh.j2").read_text()
    templar = Templar(loader=DataLoader(), variables={**loaded, **own, "ollama_stack_registries": []})
    command = tmp_path / "docker"
    command.write_text("#!/bin/sh\numask\n")
    command.chmod(0o755)
    return str(templar.template(trust_as_template(text))).replace("--timeout 600", "--timeout 0.2")


def run(wrapper: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["sh", "-c", "umask 022; exec sh -s ps"]
    return subprocess.run(command, input=wrapper, env=env, capture_output=True, text=True, timeout=20, check=False)


def test_deploy_lock_is_roots_alone_and_docker_keeps_its_umask(wrapper: str, tmp_path: Path) -> None:
    for _ in range(2):
        assert run(wrapper, tmp_path).stdout == "0022\n"
    lock = tmp_path / "run/locks/archiv-deploy.lock"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lock, lock.parent)] == [0o600, 0o700]


def test_deploy_lock_is_not_in_a_folder_that_all_may_write_to() -> None:
    variables = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    assert variables["__ollama_stack_run"] == "/run/archiv-ollama"


def test_deploy_lock_that_is_held_is_told_for_what_it_is(wrapper: str, tmp_path: Path) -> None:
    lock = tmp_path / "run/locks/archiv-deploy.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(wrapper, tmp_path)
    assert done.returncode == 75 and done.stdout == ""
    assert done.stderr.startswith(f"a docker command of another deploy has held {lock} for")
