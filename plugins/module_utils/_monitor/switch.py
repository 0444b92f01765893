# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newest release that a deploy has begun on this host, and who works on it now. Private."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .._stack.lease import Lease, told_holder
from .._stack.lease_file import LeaseError, LeaseFile, boot_seconds
from .._store.disk import Disk, printable
from .._store.receipts import boot_identity
from .state import FORMAT, is_time, read_json

BEGUN = "begun"
_FOLDER = ".archiv/releases"
_LIMIT = 1024 * 1024
_LONGEST = 80


@dataclass(frozen=True)
class Release:
    """What its record says of it."""

    number: int
    state: str
    # Seconds since 1970.
    made: float
    user: str
    controller: str


@dataclass(frozen=True)
class Switch:
    """How far the last deploy came."""

    release: Release | None = None
    # Only one that is in force.
    lease: Lease | None = None

    @property
    def interrupted(self) -> bool:
        """Whether a switch was begun, did not end, and nobody is at it."""
        return self.release is not None and self.release.state == BEGUN and self.lease is None

    @property
    def holder(self) -> str:
        """Who works on this host, for a sentence; "" if nobody does."""
        return told_holder(self.lease) if self.lease else ""


def read_switch(directory: str, project: str) -> Switch:
    """What is there now."""
    file = LeaseFile(project)
    before = _in_force(file)
    release = _newest(directory)
    # A deploy may have begun between the two, or ended: it counts where it was there at either time.
    return Switch(release, before or _in_force(file))


def _in_force(file: LeaseFile) -> Lease | None:
    try:
        lease = file.read()
    except LeaseError:
        return None
    return lease if lease and lease.in_force(boot_seconds(), boot_identity()) else None


def _newest(directory: str) -> Release | None:
    disk, folder = Disk(directory), os.path.join(os.path.normpath(directory), _FOLDER)
    try:
        numbers = sorted((int(name) for name in disk.names(folder) if name.isascii() and name.isdigit()), reverse=True)
    except OSError:
        return None
    for number in numbers:
        release = _read(disk, os.path.join(folder, str(number), "release.json"))
        # One without a record was never begun.
        if release is not None and release.number == number:
            return release
    return None


def _read(disk: Disk, path: str) -> Release | None:
    try:
        told = read_json(disk.read_own(path, _LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("format") != FORMAT or not is_time(told.get("made")):
        return None
    by = told.get("by")
    by = by if isinstance(by, dict) else {}
    number, state = told.get("number"), told.get("state")
    if type(number) is not int or not isinstance(state, str):
        return None
    return Release(number, state, float(told["made"]), _text(by.get("user")), _text(by.get("controller")))


def _text(value: object) -> str:
    return printable(value)[:_LONGEST] if isinstance(value, str) and value else "somebody"
