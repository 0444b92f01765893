"""What a cut of power in a switch must leave: which cuts there are, and the verdict on each. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.matrix.table import markdown

SWITCH, ROLLBACK, RETURN = "switch", "rollback", "return"
# Of four rounds.
TARGETS = (SWITCH, ROLLBACK, SWITCH, RETURN)
DEPLOYED, ROLLED_BACK = "deploy", "rollback"
OPEN = ("begun", "returning")
HEAD = (
    "cut in",
    "cuts",
    "in the midst",
    "switch interrupted, as status said",
    "a service was gone until the next run",
    "kept releases started",
    "faults",
)


@dataclass(frozen=True)
class Wanted:
    """What the inventory says of the host."""

    newer_image: bool = False
    other_backend: bool = False
    more_models: bool = False


# What a switch changes, one after the other; the last all at once.
CHANGES = (
    Wanted(newer_image=True),
    Wanted(other_backend=True),
    Wanted(more_models=True),
    Wanted(newer_image=True, other_backend=True, more_models=True),
)


def changed(wanted: Wanted, by: Wanted) -> Wanted:
    return Wanted(
        wanted.newer_image ^ by.newer_image,
        wanted.other_backend ^ by.other_backend,
        wanted.more_models ^ by.more_models,
    )


@dataclass(frozen=True)
class Cut:
    """One to come, the same for the same seed and number."""

    number: int
    target: str
    change: Wanted
    # Of the seconds that such a run took without a cut, from the moment its switch began.
    share: float
    # Who makes it whole again.
    next_run: str


def plan(seed: str, number: int, count: int) -> Cut:
    dice = random.Random(f"{seed}/{number}")
    target = TARGETS[number % len(TARGETS)]
    same = [other for other in range(count) if TARGETS[other % len(TARGETS)] == target]
    place = same.index(number)
    # Evenly over the run, so that no phase is spared; in an order of their own, so that changes and phases meet anew.
    order = random.Random(f"{seed}/{target}").sample(range(len(same)), len(same))
    return Cut(
        number=number,
        target=target,
        change=CHANGES[place % len(CHANGES)],
        share=(order[place] + dice.random()) / len(same),
        next_run=(DEPLOYED, ROLLED_BACK)[place // 2 % 2],
    )


@dataclass(frozen=True)
class Look:
    """What is on the host, told by none of the collection's own code."""

    # Of each service of the project: status, health, image, and whether it was ever started.
    containers: Mapping[str, Mapping[str, Any]]
    # In their order: number, state and, by service, the id of its image.
    releases: Sequence[Mapping[str, Any]]

    @property
    def open(self) -> list[int]:
        return [one["number"] for one in self.releases if one["state"] in OPEN]

    @property
    def good(self) -> list[int]:
        return [one["number"] for one in self.releases if one["state"] == "good"]


def is_up(container: Mapping[str, Any]) -> bool:
    return container["status"] == "running" and container["health"] in (None, "healthy")


def lacking(look: Look, once: Sequence[str]) -> list[str]:
    """Of the containers that had run, those that do not run and answer; `once` are to end by themselves."""
    return [
        f"{service} is {one['status']}, {one['health']}"
        for service, one in look.containers.items()
        if service not in once and one["started"] and not is_up(one)
    ]


def strays(look: Look) -> list[str]:
    """What the newest good release says and the host does not run; nothing is said of a host whose switch is open."""
    if look.open or not look.good:
        return []
    [newest] = [one for one in look.releases if one["number"] == look.good[-1]]
    return [
        f"release {newest['number']} has {image[:19]} for {service}, and {runs[:19] or 'nothing'} runs"
        for service, image in newest["images"].items()
        for runs in [look.containers.get(service, {}).get("image", "")]
        if runs != image
    ]


@dataclass(frozen=True)
class Seen:
    """One round as it went."""

    cut: Cut
    midst: bool
    how: str
    interrupted: bool
    said_interrupted: bool
    # Services whose old container was removed, and whose new one had not started yet.
    gone: Sequence[str] = ()
    complaints: Sequence[str] = ()
    releases_started: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        told = list(self.complaints)
        if self.interrupted != self.said_interrupted:
            told.append(f"the switch was{'' if self.interrupted else ' not'} interrupted, and status said otherwise")
        return told


def line(seen: Seen) -> str:
    cut = seen.cut
    verdict = "; ".join(seen.faults) or "ok"
    took = ", ".join(f"{name} {seconds:.0f}" for name, seconds in seen.seconds.items())
    said = ", switch interrupted" if seen.said_interrupted else ""
    gone = f", {' and '.join(seen.gone)} not there after the boot" if seen.gone else ""
    return (
        f"{cut.number:>3} {cut.target:<8} {seen.how:<44}{said}{gone}; then {cut.next_run},"
        f" {seen.releases_started} kept releases started ({took} s): {verdict}"
    )


def verdict(rounds: Sequence[Seen]) -> list[str]:
    """What failed; also a sweep that never cut in the midst of what it names."""
    told = [f"round {seen.cut.number}: {fault}" for seen in rounds for fault in seen.faults]
    for target in (SWITCH, ROLLBACK, RETURN):
        of = [seen for seen in rounds if seen.cut.target == target]
        if of and not any(seen.midst and seen.interrupted for seen in of):
            told.append(f"no cut came in the midst of a {target}")
    return told


def table(rounds: Sequence[Seen]) -> str:
    rows = []
    for target in (SWITCH, ROLLBACK, RETURN):
        of = [seen for seen in rounds if seen.cut.target == target]
        rows.append(
            (
                target,
                str(len(of)),
                str(sum(seen.midst for seen in of)),
                f"{sum(seen.said_interrupted for seen in of)} of {sum(seen.interrupted for seen in of)}",
                str(sum(bool(seen.gone) for seen in of)),
                str(sum(seen.releases_started for seen in of)),
                str(sum(len(seen.faults) for seen in of)),
            )
        )
    return markdown(HEAD, rows)
