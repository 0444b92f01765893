"""What the monitor costs a no-op deploy, and what a run of its timer takes: python -m tests.benchmarks.monitor.

Both deploys are run in turn, each on a host of its own; half way through the hosts change sides.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict

from tests.benchmarks.no_op import CHECKOUT, PLAYBOOK, expect_nothing_to_do, run, ssh_to, timed
from tests.benchmarks.store import Row, load, show

RESULTS = CHECKOUT / ".lab/benchmarks/monitor.json"
HOSTS = ("production-1", "production-2")
LIMIT, LOOK_SECONDS, LOOK_MIB = 1.08, 0.3, 45
# On the host, so that SSH is not measured: seconds of each run, then the most memory of any.
LOOKS = """sudo -S -p '' python3 -c '
import resource, subprocess, time
for _ in range(20):
    begun = time.monotonic()
    subprocess.run(["ollama-stack", "metrics"], stdout=subprocess.DEVNULL, check=True)
    print(time.monotonic() - begun)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)'"""

Pair = tuple[float, float]


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=24, help="how often each is run, in turn")
    options = parser.parse_args()
    pairs: list[Pair] = []
    looks: list[float] = []
    with tempfile.TemporaryDirectory(prefix="archiv-benchmark-") as folder:
        for host, other in (HOSTS, HOSTS[::-1]):
            pairs += half(host, other, (options.pairs + 1) // 2)
            looks += [float(line) for line in run([*ssh_to(host, folder), LOOKS]).split()]
    most = max(looks[20], looks[41])
    rows = judge(pairs, looks[:20] + looks[21:41], most)
    show(rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    document = {"pairs": pairs, "looks": looks, "rows": list(map(asdict, rows))}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


def half(host: str, other: str, pairs: int) -> list[Pair]:
    """Deploy with the monitor to the one and without it to the other, then time both in turn."""
    watched, bare = (
        [PLAYBOOK, "playbooks/deploy.yml", "-l", name, "-e", json.dumps({"ollama_stack_monitor": wanted})]
        for name, wanted in ((host, True), (other, False))
    )
    expect_nothing_to_do(watched)
    expect_nothing_to_do(bare)
    found = []
    for number in range(pairs):
        # Who comes first changes, because the first of two finds colder caches.
        if number % 2:
            found.append((timed(watched), timed(bare)))
        else:
            without = timed(bare)
            found.append((timed(watched), without))
    return found


def judge(pairs: Sequence[Pair], looks: Sequence[float], mib: float) -> list[Row]:
    """Ratios within each pair: its runs share one minute of the machine."""
    ratio = statistics.median(watched / bare for watched, bare in pairs)
    watched, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    told = f"{len(pairs)} pairs, {os.cpu_count()} cores, load {load()}"
    look = statistics.median(looks)
    return [
        Row(
            "no-op deploy with the monitor / without",
            ratio,
            "x",
            f"<= {LIMIT}",
            ratio <= LIMIT,
            f"{watched:.2f} s against {bare:.2f} s, {told}",
        ),
        Row(
            "ollama-stack metrics",
            look,
            "s",
            f"<= {LOOK_SECONDS}",
            look <= LOOK_SECONDS,
            f"{len(looks)} runs, worst {max(looks):.2f} s",
        ),
        Row("its memory", mib, "MiB", f"<= {LOOK_MIB}", mib <= LOOK_MIB, ""),
    ]


if __name__ == "__main__":
    main()
