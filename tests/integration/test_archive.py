"""The built archive alone, as an operator gets it: installed into an empty path, it deploys the lab's staging host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.settings import ROOT

TOOLS = Path(sys.executable).parent


def run(*command: str, cwd: Path, collections: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=cwd,
        env={**environment, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    collections = tmp_path / "collections"
    run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), cwd=ROOT, collections=collections)
    archive = next(tmp_path.glob("archiv-ollama-*.tar.gz"))
    # Galaxy may be out of reach; community.docker comes with the `ansible` package.
    options = ["--no-deps", "--collections-path", str(collections)]
    run("ansible-galaxy", "collection", "install", str(archive), *options, cwd=tmp_path, collections=collections)
    return collections


def test_archive_deploys_by_its_full_name_and_a_second_run_changes_nothing(installed: Path, tmp_path: Path) -> None:
    deploy = ["ansible-playbook", "archiv.ollama.deploy", "-i", str(ROOT / "inventory/lab"), "-l", "staging"]
    run(*deploy, cwd=tmp_path, collections=installed)
    again = run(*deploy, cwd=tmp_path, collections=installed)
    assert re.search(r"staging-1 .* changed=0 .* failed=0", again), again
