# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Ollama model store on disk: where things lie, who may write, what is left over. Private."""

from __future__ import annotations

import contextlib
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.archiv.ollama.plugins.module_utils._hashing import hash_file as hash_file
from ansible_collections.archiv.ollama.plugins.module_utils._lock import hold_lock
from ansible_collections.archiv.ollama.plugins.module_utils._look import (
    ModelState as ModelState,
)
from ansible_collections.archiv.ollama.plugins.module_utils._look import (
    Problem as Problem,
)
from ansible_collections.archiv.ollama.plugins.module_utils._look import (
    look_at as look_at,
)
from ansible_collections.archiv.ollama.plugins.module_utils._look import (
    look_at_all as look_at_all,
)
from ansible_collections.archiv.ollama.plugins.module_utils._manifest import (
    DIGEST,
)
from ansible_collections.archiv.ollama.plugins.module_utils._manifest import (
    Layer as Layer,
)
from ansible_collections.archiv.ollama.plugins.module_utils._manifest import (
    Manifest as Manifest,
)
from ansible_collections.archiv.ollama.plugins.module_utils._manifest import (
    ManifestInvalid as ManifestInvalid,
)
from ansible_collections.archiv.ollama.plugins.module_utils._manifest import (
    parse_manifest as parse_manifest,
)
from ansible_collections.archiv.ollama.plugins.module_utils._manifest import (
    read_manifest as read_manifest,
)
from ansible_collections.archiv.ollama.plugins.module_utils._names import ModelName

_BLOB_FILE = re.compile(r"sha256-([0-9a-f]{64})")
_PARTIAL_FILE = re.compile(r"sha256-([0-9a-f]{64})-partial(?:-[0-9]+)?")


class StoreError(Exception):
    """The store cannot be read at all; str() is a sentence for the operator."""


@dataclass(frozen=True)
class Leftover:
    """A file no manifest asks for."""

    path: str
    bytes: int
    digest: str
    role: str


@dataclass(frozen=True)
class Survey:
    """What lies in a store besides whole models."""

    partials: tuple[Leftover, ...]
    unreferenced: tuple[Leftover, ...]
    bad_manifests: tuple[str, ...]


class Store:
    """The paths of one store. Nothing here reads a file's content but manifests."""

    def __init__(self, models_dir: str) -> None:
        self.models_dir = os.path.normpath(models_dir)
        self.blobs_dir = os.path.join(self.models_dir, "blobs")
        self.manifests_dir = os.path.join(self.models_dir, "manifests")
        # Beside models/, where Ollama never looks, prunes or trips over strange names.
        self.private_dir = os.path.join(os.path.dirname(self.models_dir), ".archiv")
        self.lock_path = os.path.join(self.private_dir, "lock")
        self.partials_dir = os.path.join(self.private_dir, "partials")

    def blob_path(self, digest: str) -> str:
        """Where the blob sha256:<hex> belongs."""
        if DIGEST.fullmatch(digest) is None:
            raise ValueError(f"not a digest: {digest!r}")
        return os.path.join(self.blobs_dir, digest.replace(":", "-"))

    def metadata_path(self, digest: str) -> str:
        """Where Ollama (0.34) caches what it read from the header of this blob."""
        return os.path.join(self.models_dir, "metadata", f"{digest.replace(':', '-')}.json")

    def find_manifest(self, name: ModelName) -> str | None:
        """The manifest file of this name in whatever spelling it has, the exact one first."""
        return next(iter(self.find_manifests(name)), None)

    def find_manifests(self, name: ModelName) -> list[str]:
        """The same with every spelling: Ollama should have made but one, others make more."""
        folders = [self.manifests_dir]
        for part in name.path_parts:
            folders = [
                os.path.join(folder, entry) for folder in folders for entry in _spellings(_names_in(folder), part)
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
        found: dict[tuple[str, ...], str] = {(): self.manifests_dir}
        for _ in range(4):
            found = {
                (*parts, entry): os.path.join(folder, entry)
                for parts, folder in found.items()
                for entry in _names_in(folder)
            }
        return found

    def survey(self, going: t.Collection[str] = ()) -> Survey:
        """Partial downloads and blobs nobody refers to, with the role they had where known; as if without going."""
        roles: dict[str, str] = {}
        bad = []
        for path in (path for path in self.manifest_files().values() if path not in going):
            try:
                manifest = read_manifest(path)
            except (ManifestInvalid, OSError):
                bad.append(path)
            else:
                roles.update({blob.digest: blob.role for blob in manifest.blobs})
        partials, unreferenced = [], []
        for path in _files_in(self.blobs_dir):
            leftover = _leftover(path, roles)
            if leftover is None:
                unreferenced.append(Leftover(path, _size(path), "", ""))
            elif not _BLOB_FILE.fullmatch(os.path.basename(path)):
                partials.append(leftover)
            elif leftover.digest not in roles:
                unreferenced.append(leftover)
        for path in _files_in(self.partials_dir):
            partials.append(_leftover(path, roles) or Leftover(path, _size(path), "", ""))
        return Survey(tuple(partials), tuple(unreferenced), tuple(sorted(bad)))


@contextlib.contextmanager
def writer_lock(store: Store, timeout: float, purpose: str = "a writer") -> t.Iterator[None]:
    """Be the only writer of this store, waiting up to timeout seconds; LockError says why not."""
    with hold_lock(store.lock_path, timeout, purpose):
        yield


def _spellings(entries: t.Iterable[str], part: str) -> list[str]:
    same = [entry for entry in entries if entry.lower() == part.lower()]
    return sorted(same, key=lambda entry: (entry != part, entry))


def _names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"cannot read {folder}: {error.strerror}; read the store as root (become: true)") from error


def _files_in(folder: str) -> list[str]:
    return [os.path.join(folder, entry) for entry in _names_in(folder)]


def _leftover(path: str, roles: t.Mapping[str, str]) -> Leftover | None:
    name = os.path.basename(path)
    match = _BLOB_FILE.fullmatch(name) or _PARTIAL_FILE.fullmatch(name)
    if match is None:
        return None
    digest = "sha256:" + match.group(1)
    return Leftover(path, _size(path), digest, roles.get(digest, ""))


def _size(path: str) -> int:
    try:
        status = os.lstat(path)
    except OSError:
        return 0
    # A partial is a sparse file of the full size: count what it really occupies.
    return min(status.st_size, status.st_blocks * 512)
