"""The lab's variables are those of its hosts, not of the machine that the checkout is on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_localhost_works_in_the_checkout() -> None:
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-m", "ansible.builtin.ping"]
    done = subprocess.run(
        [*command, "-e", f"ansible_python_interpreter={sys.executable}"],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and "ping: pong" in done.stdout, done.stdout + done.stderr
