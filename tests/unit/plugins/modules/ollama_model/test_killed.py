"""A run that is killed at any step is finished by the next."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.model_host import (
    MODEL,
    Fact,
    Host,
    weights_only,
    zeroed,
)


@pytest.fixture(scope="module")
def killer() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).parents[3] / "support" / "killed_install.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def killed_install(killer: subprocess.Popen[str], host: Host, at: int, **options: Any) -> int:
    """Run the module in a process that is killed before its at-th step (0: never); the steps it took."""
    assert killer.stdin is not None and killer.stdout is not None
    killer.stdin.write(json.dumps([at, host.options(**options)]) + "\n")
    killer.stdin.flush()
    status, steps = json.loads(killer.stdout.readline())
    # A slow machine records its progress more often, so a later run may end before its at-th step.
    ended = status == 0 and (at == 0 or 0 < steps < at)
    assert ended or (at and status == -signal.SIGKILL), (status, steps, at)
    return int(steps)


KILLS = int(os.environ.get("ARCHIV_KILLS", "5"))


@pytest.mark.parametrize("target", ["install", "repair", "absent"])
def test_run_killed_at_any_step_is_finished_by_the_next(host: Host, killer: subprocess.Popen[str], target: str) -> None:
    options: Fact = {"state": "absent"} if target == "absent" else {}
    steps = 0
    for number in range(KILLS + 1):
        for leftover in (host.models.parent, host.receipts):
            shutil.rmtree(leftover, ignore_errors=True)
        if target != "install":
            host.ok()
        if target == "repair":
            zeroed(MODEL.blob_path(host.models, "weights"))
        for blob in host.models.glob("blobs/*"):
            os.utime(blob, (0, 0))
        if number == 0:
            steps = killed_install(killer, host, 0, **options)
            continue
        killed_install(killer, host, max(1, steps * number // (KILLS + 1)), **options)
        assert target == "repair" or host.is_clean()
        assert target == "repair" or not host.manifests() or host.holds()
        host.ok(prune=target == "absent", **options)
        assert host.is_clean() and host.partials() == []
        assert host.holds() is (target != "absent")
        assert not host.ok(**options)["changed"]


def test_killed_download_goes_on_where_it_was(
    host: Host, upstream: FakeRegistry, killer: subprocess.Popen[str]
) -> None:
    upstream.twist = weights_only(lambda reply: replace(reply, rate=60_000))
    killed_install(killer, host, -120_000, connections=1)
    come = upstream.sent
    upstream.twist = lambda seen, reply: reply
    host.ok()
    everything = len(MODEL.manifest) + sum(len(blob) for blob in MODEL.blobs.values())
    assert host.holds() and upstream.sent <= everything + 0.1 * come
