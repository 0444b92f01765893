"""Lets a host of the lab go down and come back many times. Usage: python -m tests.reliability.loop WAY COUNT

WAY is one that molecule/reboot knows: reboot, power, engine_restart or engine_kill. Every time the same is demanded as
there, and the first failure ends it. The result goes to .lab/reliability/, with date and versions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.lab.settings import OLLAMA_VERSION, ROOT, STATE_DIR, container_name

HOST = "reboot"
WAYS = ("reboot", "power", "engine_restart", "engine_kill")
# The first and the last task of molecule/reboot/tasks/go_down.yml.
BEGINS = "TASK [go_down | Look before]"
ENDS = "TASK [nothing_left | Read the counters]"
SHOWN_LINES = 30


def main() -> int:
    way, count = sys.argv[1:] if len(sys.argv) == 3 else ("", "")
    if way not in WAYS or not count.isdigit():
        print(f"loop: say which of {', '.join(WAYS)} and how often, such as `reboot 30`.", file=sys.stderr)
        return 2
    lab("up")
    try:
        return run(way, int(count))
    finally:
        lab("down")


def run(way: str, count: int) -> int:
    deployed, output = play("molecule/shared/converge.yml")
    if not deployed:
        return failed("the first deploy failed", output)
    versions = {"ollama": OLLAMA_VERSION, "engine": engine_version(), "kernel": os.uname().release}
    seconds: list[float] = []
    passed, output = play("molecule/reboot/side_effect.yml", {"go_down_ways": [way] * count}, seconds)
    report = {
        "way": way,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "wanted": count,
        "came_back": len(seconds) if passed else max(0, len(seconds) - 1),
        "seconds": seconds,
    }
    file = STATE_DIR / "reliability" / f"{way}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{way}: {report['came_back']} of {count} came back; {file.relative_to(ROOT)}")
    if not passed:
        return failed("it did not come back as it should", output)
    deployed, output = play("molecule/shared/converge.yml")
    if not deployed or "changed=0" not in output:
        return failed("a deploy afterwards found something to do", output)
    return 0


def play(playbook: str, variables: object = None, rounds: list[float] | None = None) -> tuple[bool, str]:
    """Whether it passed and what it said; the seconds each round took are added to `rounds` and shown."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "molecule/inventory"]
    command += ["-l", f"{HOST},localhost", "-e", json.dumps(variables or {}), playbook]
    environment = {**os.environ, "ANSIBLE_CONFIG": "ansible.cfg", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    lines = []
    began = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            lines.append(line)
            if line.startswith(BEGINS):
                began = time.monotonic()
            if line.startswith(ENDS) and rounds is not None:
                rounds.append(round(time.monotonic() - began, 1))
                print(f"{len(rounds)}: {rounds[-1]} s", flush=True)
    return running.returncode == 0, "".join(lines)


def lab(action: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.lab", "host", action, HOST], cwd=ROOT, check=True)


def engine_version() -> str:
    command = ["docker", "exec", container_name(HOST), "docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def failed(what: str, output: str) -> int:
    print("\n".join(output.splitlines()[-SHOWN_LINES:]))
    print(f"loop: {what}; its last lines stand above.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
