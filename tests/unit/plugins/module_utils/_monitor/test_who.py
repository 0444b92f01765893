"""A line of the history tells the address that a login came from, also behind sudo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.records import came_from, who_runs_this

ROOT = Path(__file__).resolve().parents[5]
NAME = "ansible_collections.archiv.ollama.plugins.module_utils._monitor.records"
LOADS = f"import sys; sys.path.insert(0, {str(ROOT / '.collections')!r}); from {NAME} import who_runs_this"
ASK = f"{LOADS}; print(who_runs_this('mia'))"


@pytest.mark.parametrize(
    ("connection", "who"),
    [
        ("192.0.2.7 40112 198.51.100.1 22", "mia from 192.0.2.7"),
        ("2001:db8::7 1 2 22", "mia from 2001:db8::7"),
        ("", "mia"),
    ],
)
def test_address_is_found_where_sudo_has_emptied_the_environment(connection: str, who: str) -> None:
    # env -i is what sudo does; a shell stands above it, as under sshd.
    script = 'env -i "$0" -c "$1"; exit 0'
    asked = subprocess.run(
        ["sh", "-c", script, sys.executable, ASK],
        env={"PATH": os.environ["PATH"], **({"SSH_CONNECTION": connection} if connection else {})},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = who if connection or not came_from(os.getpid()) else asked.stdout.strip()
    assert (asked.stdout.strip(), asked.stderr) == (expected, "")


def test_process_that_is_gone_has_no_address() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert came_from(gone.pid) == ""


def test_login_that_is_not_told_is_that_of_the_process() -> None:
    assert who_runs_this()
