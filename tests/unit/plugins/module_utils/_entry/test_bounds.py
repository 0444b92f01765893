"""A run that does not even end when its time is up is ended, with its last word."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

COLLECTIONS = Path(__file__).resolve().parents[5] / ".collections"
STUBBORN = """
import time
from ansible_collections.archiv.ollama.plugins.module_utils._entry import bounds
bounds.LAST_SECONDS = 0.2
with bounds.bounded(0.1, lambda kind, sentence: print(kind, sentence)):
    try:
        time.sleep(30)
    except BaseException:
        time.sleep(30)
"""


def test_run_that_goes_on_when_its_time_is_up_is_ended_with_its_last_word() -> None:
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", STUBBORN],
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    # What Ansible counts as failed, and tells from an interpreter that is not there.
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.startswith("deadline timed out after 0 s")
    assert time.monotonic() - began < 20
