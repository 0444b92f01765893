"""Locks that only root can open, and that nobody waits on for ever."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.render import render

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


@pytest.fixture(scope="module")
def init() -> str:
    """The init service's script as a shell gets it."""
    document = yaml.safe_load(render("staging-1", {}))
    return str(document["services"]["ollama-model-init"]["command"][0]).replace("$$", "$")


def start(init: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it over a store of its own, with an Ollama that serves and has no model."""
    (folder / "bin").mkdir(exist_ok=True)
    ollama = folder / "bin/ollama"
    ollama.write_text('#!/bin/sh\ncase "$1" in serve) exec sleep 5 ;; list) exit 0 ;; *) exit 1 ;; esac\n')
    ollama.chmod(0o755)
    script = init.replace("/tmp/", f"{folder}/").replace("/ollama-models/", f"{folder}/")
    script = script.replace("flock -w 600", "flock -w 0.3")
    env = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "OLLAMA_MODELS": f"{folder}/models", "ARCHIV_MODELS": "m:1"}
    return subprocess.run(
        ["sh", "-c", f"trap 'kill $server' EXIT\n{script}"],
        env=env,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )


def test_init_waits_for_the_stores_lock_no_longer_than_told(init: str, tmp_path: Path) -> None:
    (tmp_path / ".archiv").mkdir()
    with (tmp_path / ".archiv/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = start(init, tmp_path)
    assert done.returncode == 1
    assert re.search(r"another writer has held the models' lock for 600 s", done.stdout)


def test_init_does_not_wait_at_a_pipe_in_the_locks_place(init: str, tmp_path: Path) -> None:
    (tmp_path / ".archiv").mkdir()
    os.mkfifo(tmp_path / ".archiv/lock")
    done = start(init, tmp_path)
    assert done.returncode == 1 and f"{tmp_path}/.archiv/lock is not a file" in done.stdout


def test_init_makes_the_locks_folder_for_root_alone(init: str, tmp_path: Path) -> None:
    start(init, tmp_path)
    assert stat.S_IMODE((tmp_path / ".archiv").stat().st_mode) == 0o700
