"""What a no-op deploy of many hosts costs, beside a play that pings them: python -m tests.benchmarks.fleet.

It makes five hosts beside the lab's own, deploys to all, and removes them at the end. The curve goes to docs/pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.benchmarks.no_op import CHECKOUT, PING, PLAYBOOK, expect_nothing_to_do, timed
from tests.benchmarks.plot import Line, plot
from tests.benchmarks.store import Row, load, show
from tests.lab.settings import LAB_HOSTS

RESULTS = CHECKOUT / ".lab/benchmarks/fleet.json"
PICTURE = CHECKOUT / "docs/pictures/fleet.svg"
SIZES = (1, 2, 4, 8)
MORE = [f"fleet-{number}" for number in range(1, SIZES[-1] - len(LAB_HOSTS) + 1)]
LIMIT = 1.8

# By number of hosts: seconds of a deploy and of a ping, round by round.
Rounds = dict[int, list[tuple[float, float]]]


def main() -> None:
    """Measure, draw, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="how often each is run, in turn")
    options = parser.parse_args()
    try:
        for name in MORE:
            lab("up", name)
        with tempfile.TemporaryDirectory(prefix="fleet-", dir=CHECKOUT / ".lab") as folder:
            rounds = measure(Path(folder), options.pairs)
    finally:
        for name in MORE:
            lab("down", name)
    rows = judge(rounds)
    show(rows)
    curves = {what: median_of(rounds, place) for what, place in (("deploy", 0), ("ping", 1))}
    PICTURE.write_text(
        plot(
            "Seconds by number of hosts",
            [
                Line("deploy.yml, nothing to do", list(curves["deploy"].items())),
                Line("a play that pings", list(curves["ping"].items())),
            ],
        )
    )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"rounds": rounds, "rows": [vars(row) for row in rows]}, indent=1) + "\n")


def measure(folder: Path, pairs: int) -> Rounds:
    inventory = write_inventory(folder)
    ping = folder / "ping.yml"
    ping.write_text(yaml.safe_dump(PING))
    command = [PLAYBOOK, "-i", str(inventory)]
    expect_nothing_to_do([*command, "playbooks/deploy.yml"])
    rounds: Rounds = {size: [] for size in SIZES}
    names = [*LAB_HOSTS, *MORE]
    for number in range(pairs):
        for size in SIZES:
            few = ["-l", ",".join(names[:size])]
            jobs = [[*command, "playbooks/deploy.yml", *few], [*command, str(ping), *few]]
            # Who comes first changes, because the first of two finds colder caches.
            seconds = {place: timed(jobs[place]) for place in ((0, 1) if number % 2 else (1, 0))}
            rounds[size].append((seconds[0], seconds[1]))
    return rounds


def write_inventory(folder: Path) -> Path:
    """All of them in one group; what the lab's hosts have in common is that of its own inventory."""
    # Two below the checkout, as the lab's variables expect of an inventory.
    (folder / "group_vars").symlink_to("../../inventory/lab/group_vars")
    places = {name: "molecule/inventory" if name in MORE else "inventory/lab" for name in (*LAB_HOSTS, *MORE)}
    found = {
        name: yaml.safe_load((CHECKOUT / place / f"host_vars/{name}.yml").read_text()) for name, place in places.items()
    }
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"ollama_hosts": {"hosts": found}}))
    return inventory


def median_of(rounds: Mapping[int, Sequence[tuple[float, float]]], place: int) -> dict[int, float]:
    return {size: statistics.median(one[place] for one in seen) for size, seen in rounds.items()}


def judge(rounds: Rounds) -> list[Row]:
    """Ratios within each round: its runs share one minute of the machine."""
    told = f"{len(rounds[1])} rounds, {os.cpu_count()} cores, load {load()}"
    rows = []
    for size, seen in rounds.items():
        ratios = sorted(deploy / ping for deploy, ping in seen)
        ratio = statistics.median(ratios)
        deploy, ping = (statistics.median(column) for column in zip(*seen, strict=True))
        last = size == SIZES[-1]
        rows.append(
            Row(
                f"no-op deploy of {size} / a play that pings them",
                ratio,
                "x",
                f"<= {LIMIT}" if last else "",
                not last or ratio <= LIMIT,
                f"{ratios[0]:.2f} to {ratios[-1]:.2f}; {deploy:.2f} s against {ping:.2f} s, {told}",
            )
        )
    return rows


def lab(action: str, name: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.lab", "host", action, name], cwd=CHECKOUT, check=True)


if __name__ == "__main__":
    main()
