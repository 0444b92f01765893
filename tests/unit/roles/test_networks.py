"""Making a network anew: under one lock, and whatever fails, nobody is left without it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sanity import shell
from tests.unit.support.evaluate import ROOT, evaluate

NETWORK = "archiv_archiv-net"
BACK = [
    f"network connect --alias=api --alias=backend {NETWORK} archiv-backend-1",
    f"network connect --alias=ollama {NETWORK} archiv-ollama-1",
]
OFF = [f"network disconnect --force {NETWORK} archiv-{service}-1" for service in ("backend", "ollama")]
REMOVED = f"network rm {NETWORK}"
LABELS = "--label com.docker.compose.project=archiv-unit --label com.docker.compose.network=archiv-net"
INTERNAL = f"network create --internal=true {LABELS} {NETWORK}"
AS_BEFORE = f"network create --internal=false {LABELS} {NETWORK}"
DOCKER = """#!/bin/sh
echo "$*" >>{folder}/asked
# Who holds the lock does so for all of them.
flock --nonblock "$(readlink /proc/self/fd/9)" true && echo "the lock is free" >&2
case "$*" in {fails}) echo "Error response from daemon: no" >&2; exit 1 ;; esac
exit 0
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("networks")
    (folder / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    network: dict[str, Any] = {
        "name": NETWORK,
        "key": "archiv-net",
        "internal": True,
        "containers": [
            {"name": "archiv-backend-1", "aliases": ["api", "backend"]},
            {"name": "archiv-ollama-1", "aliases": ["ollama"]},
        ],
    }
    host = {
        "__ollama_stack_network": network,
        "ollama_stack_project": "archiv-unit",
        "text": "{{ lookup('ansible.builtin.template', 'network.sh.j2') }}",
    }
    return str(evaluate(folder, {"one": host}, "text")["one"]["text"])


def work(script: str, folder: Path, fails: str) -> tuple[int, list[str], str]:
    """How it ends where docker fails at these commands, and what it asked for."""
    (folder / "docker").write_text(DOCKER.format(folder=folder, fails=fails))
    (folder / "docker").chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-s"], input=script, env=env, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, (folder / "asked").read_text().splitlines(), done.stderr


def test_shellcheck_finds_nothing_in_it(script: str, tmp_path: Path) -> None:
    # The wrapper of every docker command is in it as well. The lint gate sees only what is shell before it is rendered.
    (tmp_path / "network.sh").write_text(script)
    said = shell.complaints(tmp_path, ["network.sh"]).splitlines()
    # Functions that are called by a name put together count as never called.
    assert [line for line in said if "SC2329" not in line] == []


def test_network_is_made_anew_under_one_lock_with_every_name(script: str, tmp_path: Path) -> None:
    assert work(script, tmp_path, "never") == (0, [*OFF, REMOVED, INTERNAL, *BACK], "")


@pytest.mark.parametrize(
    ("fails", "asked"),
    [
        ("*disconnect*ollama-1", [*OFF, BACK[0]]),
        ("*rm*", [*OFF, REMOVED, *BACK]),
        ("*internal=true*", [*OFF, REMOVED, INTERNAL, AS_BEFORE, *BACK]),
        # The others are connected all the same; the next look finds the one that is not.
        ("*\\ connect*backend-1", [*OFF, REMOVED, INTERNAL, *BACK]),
    ],
)
def test_network_that_cannot_be_made_anew_is_given_back(
    script: str, tmp_path: Path, fails: str, asked: list[str]
) -> None:
    code, said, error = work(script, tmp_path, fails)
    assert (code, said) == (1, asked)
    assert "Error response from daemon: no" in error
