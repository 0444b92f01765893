# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Ollama model store on disk: its paths, who may write, what is left over. Private."""

from __future__ import annotations

import os
import re
import stat
import typing as t
from dataclasses import dataclass

from .._model.manifest import (
    DIGEST,
    MANIFEST_LIMIT,
    Manifest,
    ManifestInvalid,
    parse_manifest,
)
from .._model.names import ModelName
from .disk import Disk, printable, user_name

_BLOB_FILE = re.compile(r"sha256-([0-9a-f]{64})")
_PARTIAL_FILE = re.compile(r"sha256-([0-9a-f]{64})-partial(?:-[0-9]+)?")
# All files in .archiv/partials: partial blobs, their records, replaced files.
_OWN_FILE = re.compile(r"(?:sha256-[0-9a-f]{64}|manifest)(?:\.[a-z.]+)?")

# An attacker who can create one file can create thousands.
_MOST_TOLD = 20


class StoreError(Exception):
    """The store cannot be read at all; str() is a sentence for the operator."""


@dataclass(frozen=True)
class Leftover:
    """A file that no manifest refers to."""

    path: str
    bytes: int
    digest: str
    role: str


@dataclass(frozen=True)
class Survey:
    """What is in a store besides complete models."""

    partials: tuple[Leftover, ...]
    unreferenced: tuple[Leftover, ...]
    bad_manifests: tuple[str, ...]
    # Why nothing may be written, and what does not belong here, one sentence each.
    unsafe: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()


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

    def blob_path(self, digest: str) -> str:
        """Where the blob sha256:<hex> belongs."""
        if DIGEST.fullmatch(digest) is None:
            raise ValueError(f"not a digest: {digest!r}")
        return os.path.join(self.blobs_dir, digest.replace(":", "-"))

    def read_manifest(self, path: str) -> Manifest:
        """Parse the manifest file at path, never reading more than a manifest can be."""
        return parse_manifest(self.disk.read(path, MANIFEST_LIMIT + 1))

    def metadata_path(self, digest: str) -> str:
        """Where Ollama (0.34) caches what it read from the header of this blob."""
        return os.path.join(self.models_dir, "metadata", f"{digest.replace(':', '-')}.json")

    def pulls_of(self, digest: str) -> list[str]:
        """What an incomplete pull by Ollama itself left of this blob."""
        start = f"{digest.replace(':', '-')}-partial"
        return [os.path.join(self.blobs_dir, name) for name in self._names(self.blobs_dir) if name.startswith(start)]

    def find_manifest(self, name: ModelName) -> str | None:
        """The manifest file of this name in any spelling, the exact one first."""
        return next(iter(self.find_manifests(name)), None)

    def find_manifests(self, name: ModelName) -> list[str]:
        """The same for all spellings: Ollama creates only one, others may create more."""
        folders = [self.manifests_dir]
        for part in name.path_parts:
            folders = [
                os.path.join(folder, entry) for folder in folders for entry in _spellings(self._names(folder), part)
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
                for entry in self._names(folder)
            }
        return found

    def find_unsafe(self) -> list[str]:
        """Why nothing may be written here, a sentence for each thing; what lies deeper is refused where it is met."""
        told, foreign = [], []
        metadata = os.path.join(self.models_dir, "metadata")
        folders = (self.root, self.models_dir, self.blobs_dir, self.manifests_dir, metadata)
        for folder in (*folders, self.private_dir, self.partials_dir):
            found = self._find(folder)
            if found is not None and not stat.S_ISDIR(found.st_mode):
                told.append(self.disk.why_no_folder(folder, found))
            elif found is not None:
                foreign.append(self.disk.why_foreign(folder, found))
        found = self._find(self.lock_path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            told.append(f"{self.lock_path} is {self.disk.kind_of(self.lock_path, found)}, not a file: remove it")
        # One command fixes the whole tree.
        return [*told, *[why for why in foreign if why][:1]]

    def survey(self, going: t.Collection[str] = ()) -> Survey:
        """Partial downloads and unreferenced blobs, with their role if known; manifests in going are ignored."""
        roles: dict[str, str] = {}
        bad = []
        for path in (path for path in self.manifest_files().values() if path not in going):
            try:
                manifest = self.read_manifest(path)
            except (ManifestInvalid, OSError):
                bad.append(path)
            else:
                roles.update({blob.digest: blob.role for blob in manifest.blobs})
        partials, unreferenced = [], []
        strange = self._strange_ways()
        owners: dict[int, int] = {}
        for path, found in self._lying_in(self.blobs_dir, strange):
            leftover = _leftover(path, found, roles)
            owners[found.st_uid] = owners.get(found.st_uid, 0) + 1
            if _PARTIAL_FILE.fullmatch(os.path.basename(path)):
                partials.append(leftover)
            elif leftover.digest not in roles:
                unreferenced.append(leftover)
        partials += [_leftover(path, found, roles) for path, found in self._lying_in(self.partials_dir, strange)]
        strange += [
            f"{count} files in {self.blobs_dir} belong to {user_name(uid)}, who could change them: run chown -R root:"
            f" {self.root}"
            for uid, count in owners.items()
            if uid not in (0, os.geteuid())
        ]
        if len(strange) > _MOST_TOLD:
            strange[_MOST_TOLD:] = [f"{len(strange) - _MOST_TOLD} more entries do not belong in {self.root}"]
        return Survey(
            tuple(partials), tuple(unreferenced), tuple(sorted(bad)), tuple(self.find_unsafe()), tuple(strange)
        )

    def is_ours(self, leftover: Leftover) -> bool:
        """Whether Ollama or this collection uses such a name, so that it may be pruned."""
        folder, name = os.path.split(leftover.path)
        pattern = _OWN_FILE if folder == self.partials_dir else _BLOB_FILE
        return bool(pattern.fullmatch(name) or _PARTIAL_FILE.fullmatch(name))

    def _names(self, folder: str) -> list[str]:
        try:
            return self.disk.names(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unreadable(folder, error) from error

    def _find(self, path: str) -> os.stat_result | None:
        try:
            return self.disk.find(path)
        except OSError as error:
            raise _unreadable(path, error) from error

    def _lying_in(self, folder: str, strange: list[str]) -> t.Iterator[tuple[str, os.stat_result]]:
        """The regular files of a folder; everything else is added to strange."""
        for name in self._names(folder):
            path = os.path.join(folder, name)
            found = self._find(path)
            if found is not None and stat.S_ISREG(found.st_mode):
                yield path, found
            elif found is not None:
                strange.append(self._strange(path, found))

    def _strange_ways(self) -> list[str]:
        """Unexpected entries among the folders of manifests and our own files."""
        ways = [os.path.join(self.private_dir, name) for name in self._names(self.private_dir)]
        allowed = {self.partials_dir, self.lock_path}
        found = {path: self._find(path) for path in ways if path not in allowed}
        strange = {path: one for path, one in found.items() if one is not None and not stat.S_ISREG(one.st_mode)}
        folders = [self.manifests_dir]
        for _ in range(3):
            inner = [os.path.join(folder, name) for folder in folders for name in self._names(folder)]
            seen = {path: self._find(path) for path in inner}
            folders = [path for path, one in seen.items() if one is not None and stat.S_ISDIR(one.st_mode)]
            strange.update({path: one for path, one in seen.items() if one is not None and stat.S_ISLNK(one.st_mode)})
        return [self._strange(path, one) for path, one in strange.items()]

    def _strange(self, path: str, found: os.stat_result) -> str:
        what = self.disk.kind_of(path, found)
        return f"{printable(path)} is {what}, which is never read or removed: check what it is and remove it"


def _spellings(entries: t.Iterable[str], part: str) -> list[str]:
    same = [entry for entry in entries if entry.lower() == part.lower()]
    return sorted(same, key=lambda entry: (entry != part, entry))


def _unreadable(path: str, error: OSError) -> StoreError:
    return StoreError(f"cannot read {path}: {error.strerror or error}; run as root (become: true)")


def _leftover(path: str, found: os.stat_result, roles: t.Mapping[str, str]) -> Leftover:
    name = os.path.basename(path)
    match = _BLOB_FILE.fullmatch(name) or _PARTIAL_FILE.fullmatch(name)
    digest = "sha256:" + match.group(1) if match else ""
    # A partial is a sparse file of the full size: count what it occupies on disk.
    return Leftover(path, min(found.st_size, found.st_blocks * 512), digest, roles.get(digest, ""))
