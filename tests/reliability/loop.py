"""Lets a host of the lab suffer the same many times. Usage: python -m tests.reliability.loop WAY COUNT

WAY is one that molecule/reboot knows (reboot, power, engine_restart, engine_kill), or interrupted, for deploys in which
something is killed as in molecule/interrupted. Every time the same is demanded as there, and the first failure ends it.
The result goes to .lab/reliability/, with date and versions, and the last play's output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.lab.settings import OLLAMA_VERSION, ROOT, STATE_DIR, container_name

SHOWN_LINES = 30
RESULTS = STATE_DIR / "reliability"


@dataclass(frozen=True)
class Way:
    """A scenario that does it many times, and the first and the last task of one time."""

    scenario: str
    variables: Callable[[int], dict[str, object]]
    begins: str
    ends: str


def going_down(how: str) -> Way:
    return Way(
        "reboot",
        lambda count: {"go_down_ways": [how] * count},
        "TASK [go_down | Look before]",
        "TASK [nothing_left | Read the counters]",
    )


WAYS = {how: going_down(how) for how in ("reboot", "power", "engine_restart", "engine_kill")} | {
    "interrupted": Way(
        "interrupted",
        lambda count: {"interrupt_rounds": count},
        "TASK [interrupt | Deploy and kill]",
        "TASK [interrupt | Ask]",
    )
}


def main() -> int:
    name, count = sys.argv[1:] if len(sys.argv) == 3 else ("", "")
    if name not in WAYS or not count.isdigit():
        print(f"loop: say which of {', '.join(WAYS)} and how often, such as `reboot 30`.", file=sys.stderr)
        return 2
    way = WAYS[name]
    RESULTS.mkdir(parents=True, exist_ok=True)
    lab("up", way.scenario)
    try:
        return run(name, way, int(count))
    finally:
        lab("down", way.scenario)


def run(name: str, way: Way, count: int) -> int:
    deployed, output = play(way, "shared/converge.yml")
    if not deployed:
        return failed("the first deploy failed", output)
    versions = {"ollama": OLLAMA_VERSION, "engine": engine_version(way.scenario), "kernel": os.uname().release}
    seconds: list[float] = []
    passed, output = play(way, f"{way.scenario}/side_effect.yml", way.variables(count), seconds)
    report = {
        "way": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "wanted": count,
        "held": len(seconds) if passed else max(0, len(seconds) - 1),
        "seconds": seconds,
    }
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{name}: {report['held']} of {count} held, median {median(seconds or [0])} s; {file.relative_to(ROOT)}")
    if not passed:
        return failed("it did not come back as it should", output)
    deployed, output = play(way, "shared/converge.yml")
    if not deployed or "changed=0" not in output:
        return failed("a deploy afterwards found something to do", output)
    return 0


def play(way: Way, playbook: str, variables: object = None, rounds: list[float] | None = None) -> tuple[bool, str]:
    """Whether it passed and what it said; the seconds each round took are added to `rounds` and shown."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "molecule/inventory"]
    command += ["-l", f"{way.scenario},localhost", "-e", json.dumps(variables or {}), f"molecule/{playbook}"]
    environment = {**os.environ, "ANSIBLE_CONFIG": "ansible.cfg", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    began = time.monotonic()
    log = RESULTS / f"{way.scenario}.log"
    with (
        log.open("w") as kept,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running,
    ):
        assert running.stdout is not None
        for line in running.stdout:
            kept.write(line)
            kept.flush()
            if line.startswith(way.begins):
                began = time.monotonic()
            if line.startswith(way.ends) and rounds is not None:
                rounds.append(round(time.monotonic() - began, 1))
                print(f"{len(rounds)}: {rounds[-1]} s", flush=True)
    return running.returncode == 0, log.read_text()


def lab(action: str, host: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.lab", "host", action, host], cwd=ROOT, check=True)


def engine_version(host: str) -> str:
    command = ["docker", "exec", container_name(host), "docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def failed(what: str, output: str) -> int:
    print("\n".join(output.splitlines()[-SHOWN_LINES:]))
    print(f"loop: {what}; its last lines stand above.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
