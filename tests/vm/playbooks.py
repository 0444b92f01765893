"""The project's own playbooks, run against the virtual machine as an operator runs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.plays import Played, Started
from tests.vm.settings import HOST, INVENTORY, MEMORY_LIMIT, MODEL, VM_DIR

# A translated processor is ten to twenty times slower, and other work makes it slower still.
SLOW_SECONDS = 600
PLAY_SECONDS = 3600

DEPLOY = "playbooks/deploy.yml"
VERIFY = "playbooks/verify.yml"
INVARIANT = "molecule/shared/verify.yml"
PUBLISH = "molecule/memory/prepare.yml"
MEMORY = "molecule/memory/side_effect.yml"


def write_inventory(ssh_port: int, web_port: int) -> None:
    (VM_DIR / "group_vars").unlink(missing_ok=True)
    (VM_DIR / "group_vars").symlink_to("../../inventory/lab/group_vars")
    INVENTORY.write_text(yaml.safe_dump(inventory(ssh_port, web_port), explicit_start=True))


def inventory(ssh_port: int, web_port: int) -> dict[str, Any]:
    """Host variables; the lab's own stand in group_vars beside the file, as for every other host."""
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    # Patient where the lab is not: a busy machine that is translated may not answer for a while.
    options += ["ServerAliveInterval=30", "ServerAliveCountMax=20"]
    host = {
        "ansible_host": "127.0.0.1",
        "ansible_port": ssh_port,
        "ansible_user": "root",
        "ansible_ssh_timeout": SLOW_SECONDS,
        "ansible_ssh_common_args": " ".join(f"-o {option}" for option in options),
        "question_port": web_port,
        "question_within": SLOW_SECONDS,
        "ready_within": SLOW_SECONDS,
        # Measured: 90 s for eight tokens, by the same runner as before.
        "warm_within": 300,
        # A model takes longer until it is too large; in that time the keeper tries twice more.
        "memory_patience": 150,
        "memory_kills": 7,
        "ollama_stack_models": [{"name": MODEL}],
        "ollama_stack_mem_limit": MEMORY_LIMIT,
        "ollama_stack_backend_timeout": 300,
        "ollama_stack_health_timeout": SLOW_SECONDS,
        "invariant_models": [MODEL],
        "ollama_stack_monitor": True,
        # What costs 0.2 s elsewhere costs seconds here.
        "ollama_monitor_interval": 120,
    }
    return {"ollama_hosts": {"hosts": {HOST: host}}}


def command(playbook: str) -> list[str]:
    return [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(INVENTORY), playbook]


def start(playbook: str, name: str) -> Started:
    """Its whole output is kept under the name."""
    return Started(command(playbook), VM_DIR / f"{name}.log")


def play(playbook: str, name: str) -> Played:
    """Run it to its end."""
    return start(playbook, name).finish(PLAY_SECONDS)
