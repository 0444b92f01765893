# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges the images on a host by the digests that the lock file binds their names to. Pure and private."""

from __future__ import annotations

import re
import typing as t

from .types import STATELESS, Reason, Seen


def list_images(seen: Seen) -> dict[str, list[str]]:
    """The digests of each image that our own services run, as far as it is on the host."""
    names = {service.image for service in seen.wanted.services.values() if service.name in STATELESS}
    return {name: sorted(seen.images[name].digests) for name in sorted(names) if name in seen.images}


def judge_images(seen: Seen) -> list[Reason]:
    """Every image that is not the one its name is bound to; a missing one is pulled first."""
    return [
        Reason("image_other", name, _why(name, locked, sorted(seen.images[name].digests)), "ask")
        for name, locked in sorted(seen.locks.items())
        if name in seen.images and seen.images[name].digests.isdisjoint(locked)
    ]


def refuse_images(seen: Seen) -> list[str]:
    """The same as refusals: a deploy neither takes another image nor moves a name."""
    return [f"image {reason.subject}: {reason.why}" for reason in judge_images(seen)]


def _why(name: str, locked: t.Sequence[str], found: t.Sequence[str]) -> str:
    right = f"{_repository(name)}@{locked[-1]}"
    told = f"the lock file has {' or '.join(locked)}, the host has"
    told += f" {' and '.join(found)}" if found else " one without a digest, loaded from a file or built there"
    accept = "put the host's digest into the lock file" if found else "remove the image from the lock file"
    return (
        f"{told}: for the locked one run `docker pull {right}` and `docker tag {right} {name}` on the host,"
        f" else {accept}"
    )


def _repository(name: str) -> str:
    """The name without its tag and digest; a port has a slash behind it."""
    return re.sub(r":[^:/]*$", "", name.partition("@")[0])
