"""The lab's staging host: a playbook run on it, a command typed on it as root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from tests.lab import containers, engine
from tests.lab.settings import ROOT, container_name

Typed = Callable[[str], str]


class Play(Protocol):
    """A playbook's output, once its exit code is as expected."""

    def __call__(self, name: str, *options: str, code: int = 0, env: Mapping[str, str] | None = None) -> str: ...


@pytest.fixture
def play() -> Play:
    def call(name: str, *options: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
        tool = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [str(tool), f"playbooks/{name}.yml", "-l", "staging", *options],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    return call


@pytest.fixture
def typed() -> Typed:
    def call(command: str) -> str:
        host = containers.find(engine.require(), container_name("staging-1"))
        assert host is not None
        done = host.exec_run(["sh", "-ec", command])
        assert isinstance(done.output, bytes)
        assert done.exit_code == 0, f"{command}: {done.output.decode()}"
        return done.output.decode()

    return call
