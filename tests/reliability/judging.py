"""What the sweep's rounds mean: the verdict on each, on all, and the tables. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OURS, OLLAMA = "our install", "ollama pull"
MIDST, AT_ONCE, LATER = "in the midst", "right after ok", "seconds later"
MOMENTS = (MIDST, AT_ONCE, LATER)
# A journal is written every 5 s, pages that nobody flushed after 30 s: between them names and bytes part.
LATER_SECONDS = (5.5, 18.0)
KILLED = ("install", "repair", "absent")
COLUMNS = (
    "target",
    "moment",
    "rounds",
    "said ok, then not whole",
    "bad bytes under a good name",
    "called whole, and was not",
    "next run said ok, and was not whole",
    "faults",
)
SPACE = ("too small", "5 %", "50 %", "95 %", "no inode")


@dataclass(frozen=True)
class Cut:
    """One power cut to come, the same for the same seed and number."""

    number: int
    target: str
    moment: str
    # Of the weights when it comes in the midst, seconds after ok otherwise.
    share: float
    wait: float
    receipts: str


def plan_cut(seed: str, number: int) -> Cut:
    dice = random.Random(f"{seed}/{number}")
    moment = MOMENTS[number // 2 % len(MOMENTS)]
    return Cut(
        number=number,
        target=(OURS, OLLAMA)[number % 2],
        moment=moment,
        share=dice.uniform(0.05, 0.95),
        wait=dice.uniform(*LATER_SECONDS) if moment == LATER else 0.0,
        receipts=dice.choice(("on the disk", "elsewhere")),
    )


@dataclass(frozen=True)
class Seen:
    """One round as it went. Disks are what `disk_of` makes of a look."""

    number: int
    target: str
    moment: str
    said_ok: bool
    disk: str
    # Who claims what of it: True is whole, False is not, None is no claim.
    claims: Mapping[str, bool | None]
    rerun_ok: bool
    rerun_disk: str
    # Whether one more run changed nothing; None when nobody asked.
    settled: bool | None = None
    left: tuple[str, ...] = ()
    wanted: str = "whole"
    may_be_bad: bool = False
    complaints: tuple[str, ...] = ()
    how: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def disk_of(look: Mapping[str, Any]) -> str:
    """whole, absent, parts (good blobs that no manifest promises), or bad."""
    blobs = set(look["blobs"].values())
    if look["manifest"] == "wrong" or "wrong" in blobs:
        return "bad"
    if look["manifest"] == "right":
        return "whole" if blobs == {"right"} else "bad"
    return "parts" if "right" in blobs else "absent"


def left_of(look: Mapping[str, Any]) -> tuple[str, ...]:
    # `stale` tells the next run that bytes were replaced under a server; it goes with the restart of one.
    strays = (path for path in look["strays"] if not path.endswith("/.archiv/stale"))
    return (*strays, *look["held_locks"])


def false_claims(seen: Seen) -> list[str]:
    """Who says of the disk after the fault that it holds a whole model, and errs."""
    return [] if seen.disk == "whole" else [who for who, claim in seen.claims.items() if claim]


def is_red(seen: Seen) -> bool:
    """Whether damage was seen: bytes that are not what their name says, or a lie about them."""
    rerun_lied = seen.rerun_ok and seen.rerun_disk != seen.wanted
    return seen.disk == "bad" or rerun_lied or bool(false_claims(seen))


def faults(seen: Seen) -> list[str]:
    """What must not happen to our own install."""
    found = list(seen.complaints)
    if seen.said_ok and seen.disk != seen.wanted:
        found.append(f"it said ok, and the disk is {seen.disk}")
    if seen.disk == "bad" and not seen.may_be_bad:
        found.append("a file is not what its name says")
    found += [f"{who} claims a whole model, and the disk is {seen.disk}" for who in false_claims(seen)]
    if seen.disk == "whole" and seen.claims.get("full") is not True:
        found.append("the full look does not see that the model is whole")
    if not seen.rerun_ok or seen.rerun_disk != seen.wanted:
        found.append(f"the next run {'said ok' if seen.rerun_ok else 'failed'}, and the disk is {seen.rerun_disk}")
    if seen.settled is False:
        found.append("a run after that still found something to do")
    if seen.left:
        found.append(f"left behind: {', '.join(seen.left)}")
    return found


def space_complaints(
    result: Mapping[str, Any], old_disk: str, old_claim: bool | None, left: Sequence[str]
) -> list[str]:
    """A disk that runs full: one clear sentence, the old model whole, the room given back."""
    found = []
    message = str(result.get("msg", ""))
    if result.get("kind") != "no_space":
        found.append(f"it ended as {result.get('kind', 'ok')}: {message}")
    if "free some space" not in message or "\n" in message or "Traceback" in message:
        found.append(f"no clear sentence: {message!r}")
    if old_disk != "whole" or old_claim is not True:
        found.append(f"the model that was there is {old_disk}, and the look says {old_claim}")
    if left:
        found.append(f"left on the full disk: {', '.join(left)}")
    return found


def verdict(seen: Iterable[Seen], must_be_red: bool) -> list[str]:
    """Why the sweep failed; nothing when it passed."""
    rounds = list(seen)
    failures = [
        f"round {one.number}, {one.target}, {one.moment}: {fault}"
        for one in rounds
        if one.target != OLLAMA
        for fault in faults(one)
    ]
    if must_be_red and not any(is_red(one) for one in rounds if one.target == OLLAMA):
        failures.append("upstream was never seen red, so this sweep could not have found anything")
    return failures


def table(seen: Sequence[Seen]) -> str:
    """A Markdown table, a row for each target and moment."""
    rows = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    for target, moment in dict.fromkeys((one.target, one.moment) for one in seen):
        these = [one for one in seen if (one.target, one.moment) == (target, moment)]
        counts = (
            len(these),
            sum(one.said_ok and one.disk != one.wanted for one in these),
            sum(one.disk == "bad" and not one.may_be_bad for one in these),
            sum(bool(false_claims(one)) for one in these),
            sum(one.rerun_ok and one.rerun_disk != one.wanted for one in these),
            "-" if target == OLLAMA else sum(bool(faults(one)) for one in these),
        )
        rows.append(f"| {target} | {moment} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(rows)


def line(seen: Seen) -> str:
    """One round for a person who watches."""
    claims = ", ".join(f"{who} {CLAIM[claim]}" for who, claim in seen.claims.items())
    bad = faults(seen) if seen.target != OLLAMA else ["red"] if is_red(seen) else []
    return (
        f"{seen.number:>3} {seen.target:<12} {seen.moment:<15} {seen.how}: {'ok' if seen.said_ok else 'no ok'};"
        f" disk {seen.disk}; {claims}; next run {'ok' if seen.rerun_ok else 'failed'}, disk {seen.rerun_disk}"
        f"{'  <<< ' + '; '.join(bad) if bad else ''}"
    )


CLAIM = {True: "says whole", False: "says not whole", None: "says nothing"}
