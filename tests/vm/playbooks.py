"""The project's own playbooks, run against the virtual machine as an operator runs them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.gates import environment
from tests.lab.settings import ROOT, LabError
from tests.vm.settings import HOST, INVENTORY, MEMORY_LIMIT, MODEL, VM_DIR

# A translated processor is ten to twenty times slower, and other work makes it slower still.
SLOW_SECONDS = 600
PLAY_SECONDS = 3600

DEPLOY = "playbooks/deploy.yml"
VERIFY = "playbooks/verify.yml"
INVARIANT = "molecule/shared/verify.yml"
PUBLISH = "molecule/memory/prepare.yml"
MEMORY = "molecule/memory/side_effect.yml"


@dataclass(frozen=True)
class Played:
    """What a run of ansible-playbook came to."""

    code: int
    output: str
    log: Path

    @property
    def recap(self) -> dict[str, int]:
        return recap_of(self.output)

    @property
    def last_task(self) -> str:
        tasks = re.findall(r"^TASK \[(.*)\] \*", self.output, re.MULTILINE)
        return tasks[-1].rpartition(" : ")[2] if tasks else ""

    def must_pass(self) -> Played:
        # A play that matched no host ends with 0 too.
        if self.code or not self.recap.get("ok"):
            raise LabError(f"It ended with {self.code} at «{self.last_task}»; {self.log} shows why.")
        return self

    def must_change_nothing(self) -> Played:
        self.must_pass()
        if changed := self.recap["changed"]:
            raise LabError(f"It changed {changed} things where nothing was to be done (see {self.log}).")
        return self


def recap_of(output: str) -> dict[str, int]:
    """The last line of counts that Ansible prints for our host; empty where it printed none."""
    lines = re.findall(rf"^{re.escape(HOST)} +: (ok=.*)$", output, re.MULTILINE)
    return {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", lines[-1])} if lines else {}


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


def play(playbook: str, name: str) -> Played:
    """Run it to its end; its whole output is kept under the name."""
    log = VM_DIR / f"{name}.log"
    with log.open("wb") as kept:
        try:
            done = subprocess.run(
                command(playbook),
                cwd=ROOT,
                env=environment({}),
                stdin=subprocess.DEVNULL,
                stdout=kept,
                stderr=kept,
                timeout=PLAY_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{playbook} did not end within {PLAY_SECONDS} s (see {log}).") from None
    return Played(done.returncode, log.read_text(errors="replace"), log)


class Started:
    """A run of ansible-playbook that something will happen to."""

    def __init__(self, playbook: str, name: str) -> None:
        self.log = VM_DIR / f"{name}.log"
        with self.log.open("wb") as kept:
            self.process = subprocess.Popen(
                command(playbook),
                cwd=ROOT,
                env=environment({}),
                stdin=subprocess.DEVNULL,
                stdout=kept,
                stderr=kept,
                start_new_session=True,
            )

    def runs(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self) -> Played:
        """End it if it still runs: Ansible goes on asking a dead host for a job as long as the job may take."""
        if self.runs():
            # ansible-core 2.20 and later give each worker a session of its own.
            pgrep = ["pgrep", "--parent", str(self.process.pid)]
            workers = subprocess.run(pgrep, capture_output=True, text=True, check=False).stdout.split()
            os.killpg(self.process.pid, signal.SIGKILL)
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(worker), signal.SIGKILL)
        return Played(self.process.wait(), self.said(), self.log)
