# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the images of releases on the host, whatever `docker image prune` removes. Private.

Docker keeps an image that a container uses, so each has a stopped one that nobody starts. And it keeps an image that
has a name, so one whose names have all moved to other images gets one of ours: `docker system prune` takes the stopped
containers away, and then every image without a name.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._engine.client import Engine, EngineError, is_conflict, is_missing

LABEL = "archiv.ollama.holds"
# Engine 26.1.5 drops all names of an image but one, if they are in several repositories, and so lets go of ours unless
# it is the last in the alphabet. Nobody can pull from this host or push to it.
_REPOSITORY = "z.invalid/{project}/held"


@dataclass(frozen=True)
class Held:
    """What Docker has: its images by id with their names, and our containers by id with their images."""

    images: t.Mapping[str, tuple[str, ...]]
    holders: t.Mapping[str, str]


@dataclass(frozen=True)
class Holds:
    """What there is to do."""

    create: tuple[str, ...]
    remove: tuple[str, ...]
    # Image ids with the name to give; names to take.
    name: tuple[tuple[str, str], ...]
    unname: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.create or self.remove or self.name or self.unname)


def our_name(project: str, image_id: str) -> str:
    """The name of an image that has no other."""
    return f"{_REPOSITORY.format(project=project)}:{image_id.rpartition(':')[2][:24]}"


def plan(project: str, wanted: t.Collection[str], held: Held, adding: bool = False) -> Holds:
    """What holds all of the wanted images that are there, each by one container, and nothing else.

    adding only holds more: nobody can say whether what is held beside them is still wanted.
    """
    there = {image: names for image, names in held.images.items() if image in wanted}
    ours = our_name(project, "")
    by_image: dict[str, str] = {}
    surplus = []
    for container, image in sorted(held.holders.items()):
        if image in there and image not in by_image:
            by_image[image] = container
        else:
            surplus.append(container)
    nameless = {image for image, names in there.items() if all(name.startswith(ours) for name in names)}
    named = [name for image, names in held.images.items() if image not in nameless for name in names]
    return Holds(
        create=tuple(sorted(set(there) - set(by_image))),
        remove=() if adding else tuple(surplus),
        name=tuple((image, our_name(project, image)) for image in sorted(nameless) if not there[image]),
        unname=() if adding else tuple(sorted(name for name in named if name.startswith(ours))),
    )


def look(engine: Engine, project: str, wanted: t.Collection[str]) -> Held:
    """Ask Docker about these images, and about all that we hold for this project."""
    holders = find_holders(engine, project)
    with engine.speaking() as client:
        ours = client.images(name=_REPOSITORY.format(project=project))
    names = {image: names_of(engine, image) for image in {*wanted, *holders.values(), *(image["Id"] for image in ours)}}
    return Held({image: found for image, found in names.items() if found is not None}, holders)


def labels_of(project: str, image: t.Mapping[str, t.Any]) -> dict[str, str]:
    """What our container is known by; none of what Compose knows its own by.

    An image that somebody made of a container by `docker commit` has that container's labels, and gives them to ours:
    Compose and every look would take it for a second one of the service.
    """
    inherited = (image.get("Config") or {}).get("Labels") or {}
    return {LABEL: project, **{name: "" for name in inherited if name.startswith("com.docker.compose.")}}


def find_holders(engine: Engine, project: str) -> dict[str, str]:
    """Our containers by id, each with the image that it holds."""
    with engine.speaking() as client:
        listed = client.containers(all=True, filters={"label": [f"{LABEL}={project}"]})
    return {entry["Id"]: entry["ImageID"] for entry in listed}


def names_of(engine: Engine, image: str) -> tuple[str, ...] | None:
    """The names of an image by its id or by one of its names; None if it is not there."""
    found = inspect(engine, image)
    return None if found is None else tuple(found.get("RepoTags") or ())


def inspect(engine: Engine, image: str) -> dict[str, t.Any] | None:
    """What Docker says of an image; None if it is not there."""
    try:
        with engine.speaking() as client:
            found: dict[str, t.Any] = client.inspect_image(image)
            return found
    except EngineError as error:
        if is_missing(error):
            return None
        raise


def carry_out(engine: Engine, project: str, holds: Holds) -> None:
    """Names first: a container that goes may be the last thing that keeps an image."""
    for image, name in holds.name:
        give_name(engine, image, name)
    for image in holds.create:
        with engine.speaking() as client:
            client.create_container(
                image=image,
                # Nobody starts it; an image may have no command of its own.
                entrypoint=["archiv-ollama-holds-an-image"],
                labels=labels_of(project, inspect(engine, image) or {}),
                name=f"{project}-holds-{image.rpartition(':')[2][:12]}",
                network_disabled=True,
            )
    for container in holds.remove:
        with engine.speaking() as client:
            client.remove_container(container, v=True)
    for name in holds.unname:
        try:
            with engine.speaking() as client:
                client.remove_image(name, noprune=True)
        except EngineError as error:
            # Somebody's container runs it: it is theirs to keep.
            if not is_conflict(error):
                raise


def give_name(engine: Engine, image: str, name: str) -> None:
    """Another image loses it."""
    repository, _, tag = name.rpartition(":")
    with engine.speaking() as client:
        client.tag(image, repository, tag, force=True)
