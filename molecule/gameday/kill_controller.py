"""Starts gameday.yml, and kills the controller as soon as a fault is in force.

Usage: kill_controller.py INVENTORY CONTAINER FAULT EXTRA   FAULT is a command on the host that succeeds while the fault
is in force, EXTRA variables as JSON.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WITHIN = 120


def main() -> None:
    inventory, container, fault, extra = sys.argv[1:]
    tool = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [tool, "--inventory", inventory, "--limit", "gameday", "--extra-vars", extra, "playbooks/gameday.yml"]
    with tempfile.TemporaryFile("w+") as said:
        controller = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait(container, fault, controller)
        except TimeoutError as error:
            said.seek(0)
            sys.exit(f"{error}:\n{said.read()}")
        finally:
            # With all that it has started: nothing of it is left to undo anything.
            os.killpg(controller.pid, signal.SIGKILL)
            controller.wait()
    if not in_force(container, fault):
        sys.exit("the fault had ended when the controller was dead")


def wait(container: str, fault: str, controller: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + WITHIN
    while not in_force(container, fault):
        if controller.poll() is not None:
            raise TimeoutError(f"gameday.yml ended with {controller.returncode} before a fault was in force")
        if time.monotonic() > end:
            raise TimeoutError(f"no fault was in force after {WITHIN} s")
        time.sleep(0.2)


def in_force(container: str, fault: str) -> bool:
    command = ["docker", "exec", container, "sh", "-c", fault]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    main()
