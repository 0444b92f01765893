# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of ollama_lease to its result: take a host's lease, renew it, end it. Private."""

from __future__ import annotations

import secrets
import time
import typing as t
from dataclasses import dataclass, replace

from .._stack.lease import SECONDS, Lease, Step, decide, told_busy, told_lost, told_taken_over
from .._stack.lease_file import LeaseError, LeaseFile, boot_seconds
from .._stack.refused import ask_refused
from .._store.receipts import boot_identity

_LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class LeaseOptions:
    """The options of the module."""

    project: str
    folder: str
    # How the inventory calls the host.
    host: str
    id: str
    user: str = ""
    controller: str = ""
    doing: str = ""
    docker_host: str = ""
    # The services of which is told how long they did not serve, and within how many seconds before now.
    services: t.Sequence[str] = ()
    ago: float = 0


@dataclass(frozen=True)
class Held:
    """A lease in force, and how it came to it."""

    lease: Lease
    project: str
    folder: str
    waited: bool = False
    # A sentence about the run that was interrupted.
    took_over: str = ""

    def as_dict(self) -> dict[str, t.Any]:
        lease = self.lease
        return {
            "id": lease.id,
            "project": self.project,
            "folder": self.folder,
            "user": lease.user,
            "controller": lease.controller,
            "since": lease.since,
            "seconds": SECONDS,
            "waited": self.waited,
            "took_over": self.took_over,
        }


def hold(options: LeaseOptions, sleep: t.Callable[[float], None] = time.sleep) -> Held:
    """Take the lease, wait for one that is not renewed, or renew the own one; LeaseError says why it cannot be had."""
    file, boot = LeaseFile(options.project, options.folder), boot_identity()
    first: Lease | None = None
    while True:
        with file.changing():
            found = file.read()
            step = decide(found, options.id, first, boot_seconds(), boot)
            held = _held(options, step, found, boot)
            if held is not None:
                file.write(held.lease)
                return replace(held, waited=first is not None)
        if step == "lost":
            raise LeaseError(told_lost(options.host, found))
        if step == "refuse" and found is not None:
            raise LeaseError(told_busy(options.host, found))
        first = first or found
        sleep(_LOOK_AGAIN_SECONDS)


def release(options: LeaseOptions) -> dict[str, t.Any]:
    """End the own lease, if it is still there, and tell what the time since cost those who asked."""
    file = LeaseFile(options.project, options.folder)
    with file.changing():
        found = file.read()
        own = found is not None and found.id == options.id
        if own:
            file.remove()
    ago = options.ago or (time.time() - found.since if own and found else 0.0)
    told = ask_refused(options.docker_host, options.project, [options.services], ago) if options.services else None
    return {"id": "", "refused": told[0] if told else None}


def _held(options: LeaseOptions, step: Step, found: Lease | None, boot: str) -> Held | None:
    until = boot_seconds() + SECONDS
    if step == "renew" and found is not None:
        return Held(replace(found, until=until), options.project, options.folder)
    if step not in ("take", "take over"):
        return None
    mine = Lease(
        id=secrets.token_hex(8),
        user=options.user,
        controller=options.controller,
        doing=options.doing,
        since=round(time.time(), 3),
        until=until,
        boot=boot,
    )
    took_over = told_taken_over(options.host, found) if step == "take over" and found is not None else ""
    return Held(mine, options.project, options.folder, took_over=took_over)
