"""One deploy at a time on a real host: what a second one is told, and what a killed one leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.integration.conftest import Play, Typed
from tests.integration.test_bad_inputs import IMAGE
from tests.lab.settings import ROOT

LEASE = "/run/archiv-ollama/archiv.lease"
STACK = "sha256sum /opt/archiv/docker-compose.prod.yml; docker ps --all --format '{{.ID}} {{.Names}}' | sort"
RECORDS = "sha256sum /opt/archiv/.archiv/releases/*/release.json"
# A deploy is in its middle for as long as this one is not healthy.
SLOW = {
    "ollama_stack_extra_services": {
        "slow": {
            "image": IMAGE,
            "networks": ["edge"],
            "healthcheck": {"test": ["CMD", "false"], "interval": "1s", "start_period": "600s"},
        }
    },
    "ollama_stack_health_timeout": 200,
}
SENTENCE = r"staging-1 is being deployed by {} from \S+ since \d\d:\d\d:\d\d UTC; wait for it to end, then run again"
Deploy = Callable[..., "Running"]


class Running:
    """A deploy in a process of its own."""

    def __init__(self, output: IO[str], user: str, variables: dict[str, Any]) -> None:
        self.output = output
        tool = str(Path(sys.executable).with_name("ansible-playbook"))
        self.process = subprocess.Popen(
            [tool, "playbooks/deploy.yml", "-l", "staging", "-e", json.dumps(variables)],
            cwd=ROOT,
            env={**{k: v for k, v in os.environ.items() if k != "SUDO_USER"}, "USER": user, "ANSIBLE_NOCOLOR": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, code: int) -> str:
        """What it printed, on one line, once it has ended so."""
        ended = self.process.wait(timeout=400)
        self.output.seek(0)
        said = self.output.read()
        assert ended == code and "Traceback" not in said, said
        return " ".join(said.split())


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Deploy]:
    running: list[Running] = []

    def call(user: str, variables: dict[str, Any] | None = None) -> Running:
        output = (tmp_path / f"{len(running)}.txt").open("w+")
        running.append(Running(output, user, variables or {}))
        return running[-1]

    yield call
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        one.output.close()


@pytest.fixture
def clean(play: Play, typed: Typed) -> Iterator[None]:
    """The host as the inventory wants it, before and after."""
    play("deploy")
    yield
    typed(f"rm -f {LEASE}; docker rm --force archiv-slow-1 >/dev/null 2>&1 || true")
    play("deploy")


def wait_until(seen: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.5)


def lease_of(typed: Typed) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed(f"cat {LEASE} 2>/dev/null || echo '{{}}'"))
    return found


@pytest.mark.more
@pytest.mark.usefixtures("clean")
def test_killed_deploy_keeps_the_next_one_waiting_for_a_minute_at_most(
    play: Play, typed: Typed, deploy: Deploy
) -> None:
    first = deploy("anna", SLOW)
    # In its last step, which waits.
    wait_until(lambda: "archiv-slow-1" in typed(STACK), 120)
    held = lease_of(typed)
    assert held["user"] == "anna" and typed(f"stat -c '%a %U' {LEASE}").strip() == "600 root"
    # While it lives the lease is renewed, and is never more than a minute ahead.
    for _ in range(2):
        until = lease_of(typed)["until"]
        wait_until(lambda until=until: lease_of(typed)["until"] > until, 25)  # type: ignore[misc]
        uptime = float(typed("cut -d' ' -f1 /proc/uptime"))
        assert 30 < lease_of(typed)["until"] - uptime <= 61
    # Who comes meanwhile is told soon, and has changed nothing.
    before = typed(STACK)
    second = deploy("ben", {"ollama_stack_backend_environment": {"ARCHIVE_LANGUAGE": "de"}})
    assert re.search(SENTENCE.format("anna"), second.end(2))
    assert typed(STACK) == before and lease_of(typed)["id"] == held["id"]

    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    killed = time.monotonic()
    third = deploy("ben", {"ollama_stack_backend_environment": {"ARCHIVE_LANGUAGE": "de"}})
    wait_until(lambda: lease_of(typed)["id"] != held["id"], 90)
    assert time.monotonic() - killed <= 62
    said = third.end(0)
    assert re.search(r"takes over the lease of anna from \S+, by whom staging-1 was being deployed since ", said)
    assert lease_of(typed) == {}


@pytest.mark.usefixtures("clean")
def test_of_two_deploys_at_the_same_moment_one_is_made(play: Play, typed: Typed, deploy: Deploy) -> None:
    wishes = {user: {"ollama_stack_backend_environment": {"ARCHIVE_EDITOR": user}} for user in ("anna", "ben")}
    running = {user: deploy(user, wish) for user, wish in wishes.items()}
    codes = {user: one.process.wait(timeout=400) for user, one in running.items()}
    assert sorted(codes.values()) == [0, 2]
    [winner] = [user for user, code in codes.items() if code == 0]
    [loser] = codes.keys() - {winner}
    assert re.search(SENTENCE.format(winner), running[loser].end(2))
    file = typed("cat /opt/archiv/docker-compose.prod.yml")
    assert f"ARCHIVE_EDITOR: {winner}" in file and loser not in file
    # All of it is the winner's: a second deploy of the same changes nothing.
    assert "changed=0" in play("deploy", "-e", json.dumps(wishes[winner]))
    assert lease_of(typed) == {}


@pytest.mark.usefixtures("clean")
def test_deploy_that_changes_nothing_takes_none_and_waits_for_none(play: Play, typed: Typed) -> None:
    play("deploy")
    assert lease_of(typed) == {}
    tool = Path(sys.executable).with_name("ansible")
    told = "project=archiv user=anna controller=admin-1"
    held = [str(tool), "staging-1", "--become", "-m", "archiv.ollama.ollama_lease", "-a", told]
    subprocess.run(held, cwd=ROOT, check=True, capture_output=True, timeout=60)
    before, began = lease_of(typed), time.monotonic()
    assert "changed=0" in play("deploy") and before["user"] == "anna"
    assert time.monotonic() - began < 45 and lease_of(typed) == before


@pytest.mark.usefixtures("clean")
def test_interrupted_switch_is_told_on_the_host_until_a_deploy_ends_it(
    play: Play, typed: Typed, deploy: Deploy
) -> None:
    watched = {"ollama_stack_monitor": True}
    play("deploy", "-e", json.dumps(watched))
    first = deploy("anna", {**SLOW, **watched})
    wait_until(lambda: "archiv-slow-1" in typed(STACK), 120)
    during = typed("code=0; ollama-stack status || code=$?; echo code $code")
    assert "being deployed by anna from " in during and "switch interrupted" not in during
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    wait_until(lambda: "switch interrupted: begun at " in typed("ollama-stack status || true"), 75)
    told = typed("code=0; ollama-stack status || code=$?; echo code $code")
    assert " by anna from " in told and told.endswith("code 1\n") and "being deployed" not in told
    assert "archiv_ollama_switch_interrupted 1\n" in typed("ollama-stack metrics")
    records = typed(RECORDS)
    for number, why in (("v3", "must be one of the numbers"), ("99", "there is no release 99")):
        assert why in " ".join(play("rollback", "-e", f"release={number}", code=2).split())
    assert typed(RECORDS) == records
    play("deploy", "-e", json.dumps(watched))
    assert "switch interrupted" not in typed("ollama-stack status || true")
    assert "archiv_ollama_switch_interrupted 0\n" in typed("ollama-stack metrics")


@pytest.mark.usefixtures("clean")
def test_summary_says_how_long_the_host_did_not_serve(deploy: Deploy) -> None:
    said = deploy("anna", {"ollama_stack_backend_environment": {"ARCHIVE_LANGUAGE": "fr"}}).end(0)
    found = re.search(r"staging-1 +\S+ +\S+ +([0-9.]+)s +changed", said)
    assert found and 0 < float(found[1]) < 30, said
