"""Every playbook runs on the group ollama_hosts, or on what `-e target=` names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("playbooks/*.yml"))
EVERY = ["archive-1.example.org", "archive-2.example.org", "archive-staging.example.org"]


def hosts_of(*options: str) -> list[list[str]]:
    """The hosts of each playbook."""
    tool = Path(sys.executable).with_name("ansible-playbook")
    command = [str(tool), "--list-hosts", "-i", "inventory/example", *options, *PLAYBOOKS]
    env = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    said = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout
    return [sorted(re.findall(r"(?m)^      (\S+)$", part)) for part in said.split("playbook: ")[1:]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param((), EVERY, id="the-group"),
        pytest.param(("-e", "target=staging"), EVERY[2:], id="named"),
    ],
)
def test_playbooks_run_on_the_target(options: tuple[str, ...], expected: list[str]) -> None:
    assert PLAYBOOKS
    assert hosts_of(*options) == [expected] * len(PLAYBOOKS)
