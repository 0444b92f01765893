# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths of an Ollama model store on disk. Private."""

from __future__ import annotations

import os
import typing as t

from .._model.manifest import (
    DIGEST,
    MANIFEST_LIMIT,
    Manifest,
    parse_manifest,
)
from .._model.names import ModelName
from .disk import Disk


class StoreError(Exception):
    """The store cannot be read at all; str() is a sentence for the operator."""


class Store:
    """The paths of one store. Nothing here reads a file's content but manifests."""

    def __init__(self, models_dir: str) -> None:
        self.models_dir = os.path.abspath(models_dir)
        # What containers mount; everything below is untrusted.
        self.root = os.path.dirname(self.models_dir)
        self.disk = Disk(self.root)
        self.blobs_dir = os.path.join(self.models_dir, "blobs")
        self.manifests_dir = os.path.join(self.models_dir, "manifests")
        # Beside models/, where Ollama never looks, prunes or trips over strange names.
        self.private_dir = os.path.join(self.root, ".archiv")
        self.lock_path = os.path.join(self.private_dir, "lock")
        self.partials_dir = os.path.join(self.private_dir, "partials")
        # Manifests of models whose bytes were fetched before they are to be served.
        self.fetched_dir = os.path.join(self.private_dir, "fetched")
        # Models of releases that can be had back, each below the release's number.
        self.releases_dir = os.path.join(self.private_dir, "releases")

    def blob_path(self, digest: str) -> str:
        """Where the blob sha256:<hex> belongs."""
        if DIGEST.fullmatch(digest) is None:
            raise ValueError(f"not a digest: {digest!r}")
        return os.path.join(self.blobs_dir, digest.replace(":", "-"))

    def aside_path(self, digest: str) -> str:
        """Where the same blob is downloaded, and waits if what a server may read is in its place."""
        return os.path.join(self.partials_dir, os.path.basename(self.blob_path(digest)))

    def fetched_path(self, name: ModelName) -> str:
        """Where the manifest of a model that was fetched ahead waits; each model has one spelling there."""
        return os.path.join(self.fetched_dir, *name.key)

    def release_dir(self, number: int) -> str:
        """What is kept for one release."""
        return os.path.join(self.releases_dir, str(number))

    def read_manifest(self, path: str) -> Manifest:
        """Parse the manifest file at path, never reading more than a manifest can be."""
        return parse_manifest(self.disk.read(path, MANIFEST_LIMIT + 1))

    def metadata_path(self, digest: str) -> str:
        """Where Ollama (0.34) caches what it read from the header of this blob."""
        return os.path.join(self.models_dir, "metadata", f"{digest.replace(':', '-')}.json")

    def pulls_of(self, digest: str) -> list[str]:
        """What an incomplete pull by Ollama itself left of this blob."""
        start = f"{digest.replace(':', '-')}-partial"
        return [os.path.join(self.blobs_dir, name) for name in self.names(self.blobs_dir) if name.startswith(start)]

    def find_manifest(self, name: ModelName) -> str | None:
        """The manifest file of this name in any spelling, the exact one first."""
        return next(iter(self.find_manifests(name)), None)

    def find_manifests(self, name: ModelName) -> list[str]:
        """The same for all spellings: Ollama creates only one, others may create more."""
        folders = [self.manifests_dir]
        for part in name.path_parts:
            folders = [
                os.path.join(folder, entry) for folder in folders for entry in _spellings(self.names(folder), part)
            ]
        return folders

    def manifest_path(self, name: ModelName) -> str:
        """Where this name's manifest is, or must be written for Ollama to find it.

        Ollama (0.17.4 to 0.34.2) replaces each part by the spelling any stored model uses for
        it, so a new model must adopt the spellings that are there.
        """
        found = self.find_manifest(name)
        if found is not None:
            return found
        stored = self.manifest_files()
        parts = [
            next(iter(_spellings({known[level] for known in stored}, part)), part)
            for level, part in enumerate(name.path_parts)
        ]
        return os.path.join(self.manifests_dir, *parts)

    def manifest_files(self) -> dict[tuple[str, ...], str]:
        """Every file at a manifest's depth, by its four parts."""
        return self._files_below(self.manifests_dir)

    def fetched_files(self) -> dict[tuple[str, ...], str]:
        """The same for models that were fetched ahead."""
        return self._files_below(self.fetched_dir)

    def kept_files(self) -> list[str]:
        """The same for models of releases."""
        folders = [os.path.join(self.releases_dir, name, "manifests") for name in self.names(self.releases_dir)]
        return [path for folder in folders for path in self._files_below(folder).values()]

    def _files_below(self, folder: str) -> dict[tuple[str, ...], str]:
        found: dict[tuple[str, ...], str] = {(): folder}
        for _ in range(4):
            found = {
                (*parts, entry): os.path.join(path, entry)
                for parts, path in found.items()
                for entry in self.names(path)
            }
        return found

    def names(self, folder: str) -> list[str]:
        try:
            return self.disk.names(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unreadable(folder, error) from error

    def find(self, path: str) -> os.stat_result | None:
        try:
            return self.disk.find(path)
        except OSError as error:
            raise _unreadable(path, error) from error


def _spellings(entries: t.Iterable[str], part: str) -> list[str]:
    same = [entry for entry in entries if entry.lower() == part.lower()]
    return sorted(same, key=lambda entry: (entry != part, entry))


def _unreadable(path: str, error: OSError) -> StoreError:
    return StoreError(f"cannot read {path}: {error.strerror or error}; run as root (become: true)")
