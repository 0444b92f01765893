# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of a release ask of the host: its containers, its images, its model store and its disks. Private."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field

from .._engine.client import Container, Engine
from .._engine.roots import images_root
from .._model.manifest import ManifestInvalid
from .._model.names import ModelName, parse_name
from .._store import kept
from .._store.disk import sync_file_system
from .._store.lock import LockError
from . import images
from .records import Records, Release
from .stores import Stores

# The services of the role itself. All others belong to the archive, and only their owner puts them back.
OURS = ("backend", "gate", "ollama", "ollama-model-init", "ollama-warm")
LOG_LINES = 2000


@dataclass(frozen=True)
class Site:
    """A host with its releases."""

    project: str
    records: Records
    engine: Engine
    stores: Stores
    warnings: list[str] = field(default_factory=list)

    def containers(self) -> list[Container]:
        """Those of the project."""
        return self.engine.containers(self.project)

    def sync(self) -> None:
        """Flush what a switch relies on.

        Docker commits an image without flushing its files (containerd/containerd#9401): after a cut of power it would
        be there by its name, with empty files.
        """
        info, store = self.engine.info(), self.stores.of()
        folders = [info["DockerRootDir"], images_root(info), *([store.root] if store is not None else ())]
        for folder in dict.fromkeys(folders):
            with contextlib.suppress(FileNotFoundError):
                sync_file_system(folder)

    def hold(self, releases: t.Iterable[Release], exactly: bool = False) -> bool:
        """Hold the images of the good ones, and let go of all others that were held; whether that changed anything.

        While a record cannot be read nothing is let go, unless that is asked for.
        """
        wanted = {image for release in releases if release.state == "good" for image in release.ids}
        held = images.look(self.engine, self.project, wanted)
        todo = images.plan(self.project, wanted, held, adding=not exactly and bool(self.records.unreadable()))
        images.carry_out(self.engine, self.project, todo)
        return bool(todo)

    def name_again(self, release: Release) -> None:
        """Give the images of a release the names that they have in its compose file."""
        for name, image in {image["name"]: image["id"] for image in release.images.values()}.items():
            found = images.inspect(self.engine, name)
            if found is None or found["Id"] != image:
                images.give_name(self.engine, image, name)

    def digest_of(self, name: str, release: Release | None = None) -> str:
        """What the store serves under a model's name; "" if it has none that can be read."""
        store = self.stores.of(release)
        if store is None:
            return ""
        path = store.find_manifest(parse_name(name))
        try:
            return store.read_manifest(path).digest if path is not None else ""
        except (ManifestInvalid, OSError):
            return ""

    def keep_models(self, release: Release) -> None:
        """Keep its models for as long as it is kept."""
        with self.stores.locked(release) as place:
            if place is not None:
                lacking = kept.keep(*place, release.number, names_of(release))
                self.warnings.extend(f"release {release.number}: {one}" for one in lacking)

    def put_models_back(self, release: Release) -> None:
        """Bring them to where an install finds them."""
        with self.stores.locked(release) as place:
            if place is not None:
                kept.put_back(*place, release.number, names_of(release))

    def forget(self, release: Release) -> None:
        """Remove a release: first its record, as what is left of one without a record is nothing's."""
        self.records.remove(release.number)
        store, current = self.stores.of(release), self.stores.of()
        if store is None or release.number not in kept.numbers(store):
            return
        try:
            with self.stores.locked(release) as place:
                if place is not None:
                    kept.forget_release(*place, release.number)
        except (LockError, OSError) as error:
            # A disk that is no longer used must not fail what was verified on another.
            if current is not None and current.models_dir == store.models_dir:
                raise
            self.warnings.append(f"release {release.number}: its models in {store.models_dir} stay there: {error}")

    def remove_leftovers(self) -> None:
        """What a cut of power has left of releases that were being removed."""
        self.records.remove_leftovers()
        self.forget_models({release.number for release in self.records.read()}.union(self.records.unreadable()))

    def forget_models(self, known: t.Collection[int] = ()) -> None:
        """Let go of the models of all releases but these."""
        store = self.stores.of()
        if store is None or set(kept.numbers(store)) <= set(known):
            return
        with self.stores.locked() as place:
            for number in kept.numbers(store):
                if number not in known and place is not None:
                    kept.forget_release(*place, number)

    def lacks(self, release: Release) -> list[str]:
        """What a return to it would have to download, in words."""
        lacking = [
            f"image {image['name']} of {service} ({image['id'][:19]})"
            for service, image in sorted(release.images.items())
            if images.names_of(self.engine, image["id"]) is None or not _can_be_named(self.engine, image)
        ]
        store, models = self.stores.of(release), names_of(release)
        if store is not None:
            return lacking + kept.lacks(store, release.number, models)
        return lacking + [f"model {name.display}: its store is not there" for name in models]


def open_site(project: str, directory: str, docker_host: str, models_dir: str, receipts_dir: str) -> Site:
    """The site of a stack's folder."""
    engine = Engine(docker_host)
    return Site(project, Records(directory), engine, Stores(project, engine, models_dir, receipts_dir))


def names_of(release: Release) -> dict[ModelName, str]:
    """Its models, each with its digest."""
    return {parse_name(model["name"]): model["digest"] for model in release.models if model.get("digest")}


def started_of(containers: t.Iterable[Container]) -> dict[str, str]:
    """By service the id of its container that runs or has run."""
    return {item.service: item.id for item in containers if item.state != "created"}


def images_of(containers: t.Iterable[Container]) -> dict[str, dict[str, str]]:
    """By service what its container runs."""
    return {
        item.service: {"name": item.raw["Config"]["Image"], "id": item.raw["Image"]}
        for item in containers
        if item.service in OURS
    }


def _can_be_named(engine: Engine, image: t.Mapping[str, str]) -> bool:
    """Whether the compose file's name can lead to it: one with a digest cannot be given, only be there."""
    if "@" not in image["name"]:
        return True
    found = images.inspect(engine, image["name"])
    return found is not None and found["Id"] == image["id"]
