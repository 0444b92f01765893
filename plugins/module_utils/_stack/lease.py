# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lease of a host: who works on it, until when, and what a second deploy does about it. Pure and private.

Its end is counted in seconds since the boot, with the time that the host was suspended: nobody can set that clock, so
that neither a wrong time nor its correction ends a lease or prolongs it. Since when it is held is a time for people.
"""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import asdict, dataclass

from .._store.disk import printable

FORMAT = 1
# So long a lease is in force after each renewal: an interrupted deploy keeps the next one waiting no longer.
SECONDS = 60.0
_LONGEST = 80
_AGAIN = "wait for it to end, then run again"
Step = t.Literal["take", "take over", "renew", "wait", "refuse", "lost"]


@dataclass(frozen=True)
class Lease:
    """Who works on a host."""

    id: str
    user: str
    controller: str
    # What is done, as in "is being deployed".
    doing: str
    # Seconds since 1970.
    since: float
    # Seconds since this boot.
    until: float
    boot: str

    def in_force(self, now: float, boot: str) -> bool:
        """Whether its holder may still live; one that would hold for longer than any lease is none."""
        return self.boot == boot and now < self.until <= now + SECONDS


def decide(found: Lease | None, own: str, first: Lease | None, now: float, boot: str) -> Step:
    """What to do about the lease that was found.

    own is the id of the lease to renew, or "". first is the one that was found when the waiting began: where it is
    another by now somebody has renewed it, and lives.
    """
    if own:
        # Also one that has ended, as after a lost connection, while nobody else has taken it.
        return "renew" if found and (found.id, found.boot) == (own, boot) else "lost"
    if found is None or found.boot != boot:
        return "take"
    if not found.in_force(now, boot):
        return "take over"
    return "wait" if first in (None, found) else "refuse"


def write(lease: Lease) -> bytes:
    """The content of its file."""
    return json.dumps({"format": FORMAT, **asdict(lease)}, sort_keys=True).encode() + b"\n"


def parse(raw: bytes) -> Lease | None:
    """The lease in a file; None where there is none that can be read."""
    try:
        told = json.loads(raw)
        if told["format"] != FORMAT:
            return None
        texts = {key: _text(told[key]) for key in ("id", "user", "controller", "doing", "boot")}
        lease = Lease(since=float(told["since"]), until=float(told["until"]), **texts)
        _moment(lease.since)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, OSError):
        return None
    return lease if lease.id else None


def told_busy(host: str, lease: Lease) -> str:
    """Why this deploy ends."""
    return f"{host} is {told_holder(lease)}; {_AGAIN}"


def told_taken_over(host: str, lease: Lease) -> str:
    """Whose work was interrupted."""
    return (
        f"takes over the lease of {lease.user} from {lease.controller}, by whom {host} was being {lease.doing} since"
        f" {_moment(lease.since)}: it was not renewed for {SECONDS:.0f} s, so that run was interrupted"
    )


def told_lost(host: str, found: Lease | None) -> str:
    """Why a deploy must not go on."""
    who = f"{host} is {told_holder(found)}" if found else "the host was restarted, or another run has had it"
    return (
        f"this run has lost its lease of {host}, because it could not renew it for {SECONDS:.0f} s: {who}; what was"
        f" done until now stays; {_AGAIN}"
    )


def told_holder(lease: Lease) -> str:
    """Who does what, and since when."""
    return f"being {lease.doing} by {lease.user} from {lease.controller} since {_moment(lease.since)}"


def _moment(seconds: float) -> str:
    # A fleet has more than one clock.
    return time.strftime("%H:%M:%S UTC", time.gmtime(seconds))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return printable(value)[:_LONGEST]
