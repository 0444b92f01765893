"""What the role's derived variables are, and what a task makes of them, by Ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
# ollama_stack depends on the other, and so has its variables.
ROLES = ("ollama_monitor", "ollama_stack")
Answers = dict[str, dict[str, Any]]


def evaluate(folder: Path, hosts: Mapping[str, Mapping[str, Any]], variable: str) -> Answers:
    """A variable of ollama_stack on hosts with these variables beside its defaults, all in one run."""
    return run(folder, hosts, {"ansible.builtin.debug": {"var": variable}})


def rendered(folder: Path, hosts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The compose file of each host, all in one run: each run costs more than a second."""
    (folder / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    needed = {"ollama_stack_backend_image": "archiv/backend:1.0.0"}
    told = evaluate(folder, {name: {**needed, **given} for name, given in hosts.items()}, "__ollama_stack_content")
    return {name: str(answer["__ollama_stack_content"]) for name, answer in told.items()}


def run(folder: Path, hosts: Mapping[str, Mapping[str, Any]], task: Mapping[str, Any]) -> Answers:
    """What each host answers to one task."""
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(ROOT / f"roles/{role}/vars/main.yml") for role in ROLES],
        "vars": {"role_path": str(ROOT / "roles/ollama_stack")},
        "tasks": [dict(task)],
    }
    defaults: dict[str, Any] = {}
    for role in ROLES:
        defaults |= yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text())
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": defaults, "hosts": dict(hosts)}}))
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    document = run_play(folder)
    told: Answers = document["plays"][0]["tasks"][0]["hosts"]
    return told


def run_play(folder: Path) -> dict[str, Any]:
    """What ansible-playbook says of play.yml on hosts.yml, both in this folder."""
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml"],
        cwd=folder,
        env={
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode in (0, 2), ended.stdout + ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout[ended.stdout.index("{") :])
    return document
