"""What a deploy costs that has nothing to do, beside `docker compose up` by hand: python -m tests.benchmarks.no_op."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import yaml

from tests.benchmarks.store import Row, load, show
from tests.lab import passwords
from tests.lab.hosts import USER

CHECKOUT = Path(__file__).resolve().parents[2]
RESULTS = CHECKOUT / ".lab/benchmarks/no_op.json"
PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
KEY = CHECKOUT / ".lab/ssh/id_ed25519"
# The same as Ansible's own: a connection that is open stays open for both.
SSH_OPTIONS = {
    "ControlMaster": "auto",
    "ControlPersist": "60s",
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    "LogLevel": "ERROR",
}
# A person becomes root with the same password as Ansible.
COMPOSE = (
    "sudo -S -p '' docker compose --project-directory /opt/archiv -f /opt/archiv/docker-compose.prod.yml up -d --wait"
)
INIT_TIMES = "sudo -S -p '' docker inspect --format '{{json .State}}' archiv-ollama-model-init-1"
EMPTY = [{"hosts": "all", "gather_facts": False, "tasks": []}]
# What any play costs that asks its host one question: no deploy can be faster.
PING = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}]}]
PLAYS = {"empty.yml": EMPTY, "ping.yml": PING}

Round = tuple[float, float, float, float]


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host", nargs="?", default="staging-1", help="a host of the lab that was deployed to")
    parser.add_argument("--pairs", type=int, default=10, help="how often each is run, in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="archiv-benchmark-") as folder:
        deploy = [PLAYBOOK, "playbooks/deploy.yml", "-l", options.host]
        empty, ping = (write_play(Path(folder) / name, play, options.host) for name, play in PLAYS.items())
        hand = [*ssh_to(options.host, folder), COMPOSE]
        expect_nothing_to_do(deploy)
        rounds = [(timed(deploy), timed(hand), timed(empty), timed(ping)) for _ in range(options.pairs)]
        init = init_seconds([*ssh_to(options.host, folder), INIT_TIMES])
    rows = judge(rounds, init)
    show(rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "ansible_core": metadata.version("ansible-core"),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
    document = {"machine": machine, "init_seconds": init, "rounds": rounds, "rows": [asdict(row) for row in rows]}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


def judge(rounds: Sequence[Round], init: float) -> list[Row]:
    """Ratios within each round: its runs share one minute of the machine."""
    by_hand, empty_by_hand, ping_by_hand = (
        statistics.median(one[column] / one[1] for one in rounds) for column in (0, 2, 3)
    )
    by_empty = statistics.median(one[0] / one[2] for one in rounds)
    deploys, hands, empties, _ = (statistics.median(column) for column in zip(*rounds, strict=True))
    told = f"{len(rounds)} rounds, load {load()}"
    return [
        Row(
            "no-op deploy / compose up by hand",
            by_hand,
            "x",
            "<= 1.0",
            by_hand <= 1.0,
            f"{deploys:.2f} s against {hands:.2f} s (its init alone {init:.2f} s; an empty play {empty_by_hand:.2f} x,"
            f" one ping {ping_by_hand:.2f} x), {told}",
        ),
        Row(
            "no-op deploy / empty play",
            by_empty,
            "x",
            "<= 2.2",
            by_empty <= 2.2,
            f"{deploys:.2f} s against {empties:.2f} s, {told}",
        ),
    ]


def write_play(path: Path, play: object, host: str) -> list[str]:
    """Write a playbook; the command line that runs it on one host of the lab."""
    path.write_text(yaml.safe_dump(play))
    return [PLAYBOOK, "-i", "inventory/lab", str(path), "-l", host]


def ssh_to(host: str, folder: str) -> list[str]:
    """The command line of ssh to a lab host."""
    known = yaml.safe_load((CHECKOUT / f"inventory/lab/host_vars/{host}.yml").read_text())
    options = {**SSH_OPTIONS, "ControlPath": f"{folder}/ssh-{host}"}
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-i", str(KEY), *words, f"{USER}@{known['ansible_host']}"]


def expect_nothing_to_do(deploy: Sequence[str], checkout: Path = CHECKOUT) -> None:
    """Deploy twice: a benchmark of a run that changes something measures something else."""
    run(deploy, checkout)
    said = run(deploy, checkout)
    if "changed=0" not in said or "failed=0" not in said:
        raise SystemExit("The second deploy changed something; nothing was measured:\n" + said)


def timed(command: Sequence[str], checkout: Path = CHECKOUT) -> float:
    """Seconds a command takes; it must succeed."""
    begun = time.perf_counter()
    run(command, checkout)
    return time.perf_counter() - begun


def run(command: Sequence[str], checkout: Path = CHECKOUT) -> str:
    # Else a Python that keeps no bytecode compiles Ansible anew each time, and an empty play takes twice as long.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    # ssh hands it on to sudo; Ansible asks for nothing.
    given = passwords.ensure(passwords.SUDO_FILE) + "\n"
    ended = subprocess.run(
        command, cwd=checkout, env=environment, input=given, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def init_seconds(command: Sequence[str]) -> float:
    """How long the init service ran the last time, by the Engine's clock."""
    state = json.loads(run(command))
    begun, ended = (in_seconds(state[name]) for name in ("StartedAt", "FinishedAt"))
    return ended - begun


def in_seconds(moment: str) -> float:
    clock, _, fraction = moment.rstrip("Z").partition(".")
    return time.mktime(time.strptime(clock, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


if __name__ == "__main__":
    main()
