"""What a no-op deploy and verify.yml cost beside those of an older commit: python -m tests.benchmarks.against COMMIT.

Both are run in turn, each on a host of its own that it has deployed to; half way through they change hosts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.no_op import CHECKOUT, COMPOSE, PING, PLAYBOOK, expect_nothing_to_do, ssh_to, timed, write_play
from tests.benchmarks.store import Row, load, show

RESULTS = CHECKOUT / ".lab/benchmarks/against.json"
HOSTS = ("production-1", "production-2")
# What a deploy and a look may cost more than they did.
LIMIT = 1.08


@dataclass(frozen=True)
class Round:
    """Seconds of both sides, and of what neither can be faster than."""

    deploy: float
    old_deploy: float
    verify: float
    old_verify: float
    ping: float
    by_hand: float


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="the older side")
    parser.add_argument("--pairs", type=int, default=12, help="how often each is run, in turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="archiv-benchmark-") as folder:
        old = unpacked(options.commit, Path(folder) / "old")
        rounds: list[Round] = []
        for host, other in (HOSTS, HOSTS[::-1]):
            rounds += half(old, host, other, (options.pairs + 1) // 2, folder)
    rows = judge(rounds)
    show(rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    document = {"commit": options.commit, "rounds": list(map(asdict, rounds)), "rows": list(map(asdict, rows))}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


def unpacked(commit: str, folder: Path) -> Path:
    """The files of a commit, with this checkout's tools, keys and addresses of hosts."""
    folder.mkdir()
    packed = subprocess.run(["git", "archive", commit], cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x"], cwd=folder, check=True, input=packed.stdout)
    for name in (".venv", ".lab"):
        (folder / name).symlink_to(CHECKOUT / name)
    shutil.copytree(CHECKOUT / "inventory/lab/host_vars", folder / "inventory/lab/host_vars", dirs_exist_ok=True)
    return folder


def half(old: Path, host: str, other: str, pairs: int, folder: str) -> list[Round]:
    """Deploy with each to its own host, then time both in turn."""
    sides = ((CHECKOUT, host), (old, other))
    deploys = [[PLAYBOOK, "playbooks/deploy.yml", "-l", name] for _, name in sides]
    verifies = [[PLAYBOOK, "playbooks/verify.yml", "-l", name] for _, name in sides]
    for (checkout, _), deploy in zip(sides, deploys, strict=True):
        expect_nothing_to_do(deploy, checkout)
    ping = write_play(Path(folder) / "ping.yml", PING, host)
    hand = [*ssh_to(host, folder), COMPOSE]
    rounds = []
    for number in range(pairs):
        jobs = [partial(timed, command[side], sides[side][0]) for command in (deploys, verifies) for side in (0, 1)]
        # Who comes first changes, because the first of two finds colder caches.
        order = range(4) if number % 2 else (1, 0, 3, 2)
        seconds = {one: jobs[one]() for one in order}
        rounds.append(Round(seconds[0], seconds[1], seconds[2], seconds[3], timed(ping), timed(hand)))
    return rounds


def judge(rounds: Sequence[Round]) -> list[Row]:
    """Ratios within each round: its runs share one minute of the machine."""
    told = f"{len(rounds)} rounds, {os.cpu_count()} cores, load {load()}"
    rows = []
    for what in ("deploy", "verify"):
        pairs = [(getattr(one, what), getattr(one, f"old_{what}")) for one in rounds]
        ratio = statistics.median(new / old for new, old in pairs)
        new, old = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows.append(
            Row(
                f"no-op {what} / before",
                ratio,
                "x",
                f"<= {LIMIT}",
                ratio <= LIMIT,
                f"{new:.2f} s against {old:.2f} s, {told}",
            )
        )
    for what, seconds in (("one ping", "ping"), ("compose up by hand", "by_hand")):
        ratio = statistics.median(one.deploy / getattr(one, seconds) for one in rounds)
        least = statistics.median(getattr(one, seconds) for one in rounds)
        rows.append(Row(f"no-op deploy / {what}", ratio, "x", "", True, f"against {least:.2f} s"))
    return rows


if __name__ == "__main__":
    main()
