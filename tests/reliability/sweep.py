"""Cuts the power, fills the disk and kills the module, over and over. Usage: python -m tests.reliability.sweep [ROUNDS]

Power is cut over our own install and over `ollama pull`, in turns, on a host of the lab whose disk loses what nobody
flushed; ROUNDS of it (30). Then the disk runs full, and the module is killed. What is on the disk afterwards is set
beside what everybody says of it. Ends with tables and a verdict; .lab/reliability/sweep.json keeps every round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from tests.lab import engine
from tests.lab.settings import OLLAMA_VERSION, ROOT, STATE_DIR
from tests.reliability.host import HOST, Host, Wanted, publish
from tests.reliability.judging import (
    KILLED,
    MIDST,
    OURS,
    SPACE,
    Cut,
    Seen,
    disk_of,
    left_of,
    line,
    plan_cut,
    space_complaints,
    table,
    verdict,
)

# Large enough that the kernel does not write it all at once, small enough for a round in seconds.
MODEL_BYTES = 96 * 1024 * 1024
REPORT = STATE_DIR / "reliability" / "sweep.json"
WORDS = ("power", "space", "kill")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.sweep", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=30, help="power cuts")
    parser.add_argument("--kills", type=int, default=20, help="of each target: install, repair, absent")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="replays a run")
    parser.add_argument("--first", type=int, help="replay power cuts from this one on; upstream need not be among them")
    parser.add_argument("--only", choices=WORDS, help="one of the three sweeps")
    options = parser.parse_args()
    if options.rounds < 1 or options.kills < 1:
        parser.error("ROUNDS and --kills are counts, at least 1")
    lab("up")
    try:
        return run(options)
    finally:
        lab("down")


def run(options: argparse.Namespace) -> int:
    host = Host(engine.require())
    wanted, old = publish(host.client, MODEL_BYTES), publish(host.client, 0)
    host.prepare()
    versions = {"ollama": OLLAMA_VERSION, "engine": host.engine_version(), "kernel": os.uname().release}
    versions["collection"] = commit()
    print(f"seed {options.seed}, {wanted.weights_size / 1e6:.0f} MB of weights, {versions}", flush=True)
    sweeps = {
        "power": (power_round(host, wanted, plan_cut(options.seed, number)) for number in numbers(options)),
        "space": (space_round(host, wanted, old, number, case) for number, case in enumerate(SPACE)),
        "kill": kill_rounds(host, wanted, options.seed, options.kills),
    }
    seen: dict[str, list[Seen]] = {}
    try:
        for word in [options.only] if options.only else WORDS:
            seen[word] = []
            for one in sweeps[word]:
                seen[word].append(one)
                print(line(one), flush=True)
    finally:
        keep(options, versions, seen)
    failures = []
    for word, rounds in seen.items():
        failures += verdict(rounds, must_be_red=word == "power" and options.first is None)
    for word, rounds in seen.items():
        print(f"\n{word}, {datetime.now(UTC):%Y-%m-%d}\n\n{table(rounds)}")
    print("\n" + "\n".join(failures) if failures else "")
    print(f"sweep: {f'FAILED, {len(failures)} faults' if failures else 'passed'} (seed {options.seed}; {REPORT})")
    return 1 if failures else 0


def numbers(options: argparse.Namespace) -> range:
    first = options.first or 0
    return range(first, first + options.rounds)


def keep(options: argparse.Namespace, versions: dict[str, str], seen: dict[str, list[Seen]]) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    rounds = {word: [asdict(one) for one in these] for word, these in seen.items()}
    report = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "versions": versions, "options": vars(options)}
    REPORT.write_text(json.dumps({**report, "rounds": rounds}, indent=1) + "\n")


# The three sweeps.


def power_round(host: Host, wanted: Wanted, cut: Cut) -> Seen:
    host.do("wipe")
    install = host.ours(wanted, cut.receipts) if cut.target == OURS else host.theirs(wanted)
    at = int(cut.share * wanted.weights_size)
    trigger = {"bytes": at, "digest": wanted.weights, "then": "cut"} if cut.moment == MIDST else None
    done = install(trigger)
    if not done["hit"]:
        time.sleep(cut.wait)
        host.do("cut")
    unflushed = host.power_cycle()
    look = host.look(wanted)
    claims = host.our_claims(wanted, cut.receipts) if cut.target == OURS else host.their_claims(wanted)
    again = install(None)
    after = host.look(wanted)
    settled = not install(None)["result"].get("changed", True) if cut.target == OURS and again["rc"] == 0 else None
    return Seen(
        number=cut.number,
        target=cut.target,
        moment=cut.moment,
        said_ok=done["rc"] == 0,
        disk=disk_of(look),
        claims=claims,
        rerun_ok=again["rc"] == 0,
        rerun_disk=disk_of(after),
        settled=settled,
        left=left_of(after) if cut.target == OURS else (),
        complaints=("what nobody flushed is there: the power was not cut",) if unflushed else (),
        how=f"cut at {cut.share:.0%}" if done["hit"] else f"cut after {cut.wait:.1f} s",
        details={"cut": asdict(cut), "done": done, "look": look, "again": again, "after": after},
    )


def space_round(host: Host, wanted: Wanted, old: Wanted, number: int, case: str) -> Seen:
    host.do("wipe")
    host.ours(old)(None)
    trigger = None
    if case.endswith("%"):
        at = int(case.removesuffix(" %")) * wanted.weights_size // 100
        trigger = {"bytes": at, "digest": wanted.weights, "then": "fill"}
    else:
        host.do("fill", leave=wanted.weights_size // 2, inodes=case == "no inode")
    install = host.ours(wanted)
    done = install(trigger)
    look, claims = host.look(wanted), host.our_claims(wanted)
    old_disk, old_claim = disk_of(host.look(old)), host.our_claims(old)["full"]
    host.do("make_room")
    again = install(None)
    after = host.look(wanted)
    return Seen(
        number=number,
        target="full disk",
        moment=case,
        said_ok=done["rc"] == 0,
        disk=disk_of(look),
        claims=claims,
        rerun_ok=again["rc"] == 0,
        rerun_disk=disk_of(after),
        settled=not install(None)["result"].get("changed", True),
        left=left_of(after),
        complaints=tuple(space_complaints(done["result"], old_disk, old_claim, left_of(look))),
        how="full in the midst" if done["hit"] else "full before",
        details={"done": done, "look": look, "again": again, "after": after},
    )


def kill_rounds(host: Host, wanted: Wanted, seed: str, kills: int) -> Iterator[Seen]:
    for target in KILLED:
        longest = seconds_of(kill_round(host, wanted, target, -1, None))
        for number in range(kills):
            # Evenly over the run, so that no phase is spared, and not at the same moments every time.
            share = (number + random.Random(f"{seed}/{target}/{number}").random()) / kills
            seen = kill_round(host, wanted, target, number, share * longest)
            if seen.said_ok:
                # Too late: runs are shorter than they were.
                longest = min(longest, seconds_of(seen))
                seen = kill_round(host, wanted, target, number, share * longest)
            yield seen


def seconds_of(seen: Seen) -> float:
    return float(seen.details["done"]["seconds"])


def kill_round(host: Host, wanted: Wanted, target: str, number: int, seconds: float | None) -> Seen:
    host.do("wipe")
    if target != "install":
        host.ours(wanted)(None)
    if target == "repair":
        host.do("zero", digest=wanted.weights)
    absent = target == "absent"
    # Killed while it removes, it leaves blobs that only a prune can know to be of use to nobody.
    install = host.ours(wanted, state="absent" if absent else "present", prune=absent)
    done = install({"then": "watch"} if seconds is None else {"seconds": seconds, "then": "kill"})
    look, claims = host.look(wanted), host.our_claims(wanted)
    host.do("age")
    again = install(None)
    after = host.look(wanted)
    return Seen(
        number=number,
        target="kill -9",
        moment=target,
        said_ok=done["rc"] == 0,
        disk=disk_of(look),
        claims=claims,
        rerun_ok=again["rc"] == 0,
        rerun_disk=disk_of(after),
        settled=not install(None)["result"].get("changed", True),
        left=(*left_of(after), *look["held_locks"]),
        wanted="absent" if absent else "whole",
        may_be_bad=target == "repair",
        how=f"killed after {seconds:.3f} s" if done["hit"] and seconds is not None else "ran to its end",
        details={"done": done, "look": look, "again": again, "after": after},
    )


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"


def lab(action: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.lab", "host", action, HOST], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
