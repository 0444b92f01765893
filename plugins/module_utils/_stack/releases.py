# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the releases of a host are as a deploy leaves them. Private."""

from __future__ import annotations

import typing as t

from .._engine.client import Engine
from .._release.images import find_holders
from .._release.records import Records, in_place, last_good, open_release
from .types import Kept, Reason, Seen


def look_at_releases(directory: str, engine: Engine, project: str) -> Kept:
    """The last good release, a switch that nobody ended, and the images that nothing holds although they are there."""
    releases = Records(directory).read()
    good, begun, here = last_good(releases), open_release(releases), in_place(releases)
    wanted = {image for release in releases if release.state == "good" for image in release.ids}
    loose = wanted - {*find_holders(engine, project).values()} if wanted else set()
    there = set(engine.images(loose)) if loose else set()
    return Kept(
        good=good.number if good is not None else 0,
        begun=begun.number if begun is not None else 0,
        failed=here.number if here is not None and here.state == "failed" else 0,
        lasted=good.lasted if good is not None else {},
        loose=tuple(
            sorted(
                (release.number, image["name"])
                for release in releases
                if release.state == "good"
                for image in {one["name"]: one for one in release.images.values()}.values()
                if image["id"] in there
            )
        ),
    )


def judge_releases(seen: Seen) -> t.Iterator[Reason]:
    """What a deploy has to make up for."""
    if seen.kept is None:
        return
    if seen.kept.begun:
        why = "its switch was interrupted"
        yield Reason("release_open", f"release {seen.kept.begun}", why, "record")
    elif seen.kept.failed:
        yield Reason("release_open", f"release {seen.kept.failed}", "its switch had failed and stayed", "record")
    elif not seen.kept.good and seen.containers:
        yield Reason(
            "release_missing", "release", "what runs is not recorded, so no later switch can return to it", "record"
        )
    for number, image in seen.kept.loose:
        yield Reason("release_loose", f"release {number}", f"nothing keeps image {image} from being pruned", "hold")
