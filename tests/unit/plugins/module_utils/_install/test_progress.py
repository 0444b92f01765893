"""Progress is counted right and told in words people read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._install.progress import (
    Progress,
    progress_line,
    rate,
    worker_pid,
)


def test_line_says_model_share_rate_and_time_left() -> None:
    record = json.dumps({"model": "m:1", "done": 1_200_000_000, "total": 4_800_000_000, "rate": 60e6})
    assert (
        progress_line("production-1", record) == "[production-1] m:1: 1.1 GiB of 4.5 GiB (25 %), 57.2 MiB/s, 1:00 left"
    )


def test_line_of_a_slow_link_counts_hours() -> None:
    line = progress_line("h", json.dumps({"model": "m:1", "done": 0, "total": 4_000_000_000, "rate": 1e6}))
    assert line is not None and line.endswith("1:06:40 left")


@pytest.mark.parametrize("raw", ["", "{", "[]", '{"pid": 5}', '{"model": "m", "done": 1, "total": 0, "rate": 0}'])
def test_line_is_silent_while_there_is_nothing_to_say(raw: str) -> None:
    assert progress_line("h", raw) is None


@pytest.mark.parametrize(("raw", "pid"), [("", 0), ("[]", 0), ('{"pid": "x"}', 0), ('{"pid": 42}', 42)])
def test_worker_is_known_by_its_record(raw: str, pid: int) -> None:
    assert worker_pid(raw) == pid


def test_rate_needs_two_moments() -> None:
    assert rate([]) == rate([(1.0, 5)]) == rate([(1.0, 5), (1.0, 9)]) == 0.0
    assert rate([(0.0, 100), (5.0, 1100)]) == 200.0


def test_record_counts_over_blobs_and_goes_when_done(tmp_path: Path) -> None:
    now = [0.0]
    path = tmp_path / "progress"
    progress = Progress(str(path), lambda: now[0])
    progress.say("looking")
    assert progress_line("h", path.read_text()) == "[h] looking"
    assert worker_pid(path.read_text()) == os.getpid()
    progress.expect(300)
    for moment, done in ((1.0, 50), (2.0, 100)):
        now[0] = moment
        progress.update("m:1", done)
    progress.blob_done(100)
    now[0] = 3.0
    progress.update("m:1", 20)
    record = json.loads(path.read_text())
    assert (record["done"], record["total"]) == (120, 300)
    progress.close()
    assert os.listdir(tmp_path) == []
