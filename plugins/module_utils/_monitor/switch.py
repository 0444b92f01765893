# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newest release that a deploy has begun on this host, and who works on it now. Private."""

from __future__ import annotations

from dataclasses import dataclass

from .._release.records import Records, Release, open_release
from .._stack.lease import Lease
from .._stack.lease_file import LeaseError, LeaseFile, boot_seconds
from .._store.disk import printable
from .._store.receipts import boot_identity
from .state import is_time

_LONGEST = 80


@dataclass(frozen=True)
class Switch:
    """How far the last deploy came."""

    # The newest one, if nobody has said how it ended.
    begun: Release | None = None
    # Only one that is in force.
    lease: Lease | None = None

    @property
    def interrupted(self) -> bool:
        """Whether a switch was begun, did not end, and nobody is at it."""
        return self.begun is not None and self.lease is None

    @property
    def beginner(self) -> str:
        """Who had begun it, for a sentence."""
        by = self.begun.by if self.begun else {}
        return f"{_text(by.get('user'), 'somebody')} from {_text(by.get('controller'), 'an unknown controller')}"


def read_switch(directory: str, project: str) -> Switch:
    """What is there now."""
    file = LeaseFile(project)
    before = _in_force(file)
    begun = _begun(directory)
    # A deploy may have begun between the two, or ended: it counts where it was there at either time.
    return Switch(begun, before or _in_force(file))


def _in_force(file: LeaseFile) -> Lease | None:
    try:
        lease = file.read()
    except LeaseError:
        return None
    return lease if lease and lease.in_force(boot_seconds(), boot_identity()) else None


def _begun(directory: str) -> Release | None:
    try:
        release = open_release(Records(directory).read())
    except OSError:
        return None
    return release if release and is_time(release.made) else None


def _text(value: object, otherwise: str) -> str:
    return printable(value)[:_LONGEST] if isinstance(value, str) and value else otherwise
