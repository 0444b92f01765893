# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of a model store: who may change it, what is left over, what does not belong there. Private."""

from __future__ import annotations

import os
import re
import stat
import typing as t
from dataclasses import dataclass

from .._model.manifest import ManifestInvalid
from .disk import printable, user_name
from .fetched import all_fetched
from .kept import kept_manifests
from .paths import Store

_BLOB_FILE = re.compile(r"sha256-([0-9a-f]{64})")
_PARTIAL_FILE = re.compile(r"sha256-([0-9a-f]{64})-partial(?:-[0-9]+)?")
# All files in .archiv/partials: partial blobs, their records, replaced files.
_OWN_FILE = re.compile(r"(?:sha256-[0-9a-f]{64}|manifest)(?:\.[a-z.]+)?")

# An attacker who can create one file can create thousands.
_MOST_TOLD = 20


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


def find_unsafe(store: Store) -> list[str]:
    """Why nothing may be written here, a sentence for each thing; what lies deeper is refused where it is met."""
    told, foreign = [], []
    metadata = os.path.join(store.models_dir, "metadata")
    folders = (store.root, store.models_dir, store.blobs_dir, store.manifests_dir, metadata)
    for folder in (*folders, store.private_dir, store.partials_dir, store.fetched_dir, store.releases_dir):
        found = store.find(folder)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            told.append(store.disk.why_no_folder(folder, found))
        elif found is not None:
            foreign.append(store.disk.why_foreign(folder, found))
    found = store.find(store.lock_path)
    if found is not None and not stat.S_ISREG(found.st_mode):
        told.append(f"{store.lock_path} is {store.disk.kind_of(store.lock_path, found)}, not a file: remove it")
    # One command fixes the whole tree.
    return [*told, *[why for why in foreign if why][:1]]


def take_survey(store: Store, going: t.Collection[str] = ()) -> Survey:
    """Partial downloads and unreferenced blobs, with their role if known; manifests in going are ignored."""
    roles: dict[str, str] = {}
    bad = []
    for path in (path for path in store.manifest_files().values() if path not in going):
        try:
            manifest = store.read_manifest(path)
        except (ManifestInvalid, OSError):
            bad.append(path)
        else:
            roles.update({blob.digest: blob.role for blob in manifest.blobs})
    kept = kept_manifests(store)
    # What a release may need stays while its manifest cannot be read.
    bad += [path for path, manifest in kept.items() if manifest is None]
    for manifest in (*all_fetched(store, going), *filter(None, kept.values())):
        roles.update({blob.digest: blob.role for blob in manifest.blobs})
    partials, unreferenced = [], []
    strange = _strange_ways(store)
    owners: dict[int, int] = {}
    for path, found in _lying_in(store, store.blobs_dir, strange):
        leftover = _leftover(path, found, roles)
        owners[found.st_uid] = owners.get(found.st_uid, 0) + 1
        if _PARTIAL_FILE.fullmatch(os.path.basename(path)):
            partials.append(leftover)
        elif leftover.digest not in roles:
            unreferenced.append(leftover)
    partials += [_leftover(path, found, roles) for path, found in _lying_in(store, store.partials_dir, strange)]
    strange += [
        f"{count} files in {store.blobs_dir} belong to {user_name(uid)}, who could change them: run chown -R root:"
        f" {store.root}"
        for uid, count in owners.items()
        if uid not in (0, os.geteuid())
    ]
    if len(strange) > _MOST_TOLD:
        strange[_MOST_TOLD:] = [f"{len(strange) - _MOST_TOLD} more entries do not belong in {store.root}"]
    return Survey(tuple(partials), tuple(unreferenced), tuple(sorted(bad)), tuple(find_unsafe(store)), tuple(strange))


def is_ours(store: Store, leftover: Leftover) -> bool:
    """Whether Ollama or this collection uses such a name, so that it may be pruned."""
    folder, name = os.path.split(leftover.path)
    pattern = _OWN_FILE if folder == store.partials_dir else _BLOB_FILE
    return bool(pattern.fullmatch(name) or _PARTIAL_FILE.fullmatch(name))


def _lying_in(store: Store, folder: str, strange: list[str]) -> t.Iterator[tuple[str, os.stat_result]]:
    """The regular files of a folder; everything else is added to strange."""
    for name in store.names(folder):
        path = os.path.join(folder, name)
        found = store.find(path)
        if found is not None and stat.S_ISREG(found.st_mode):
            yield path, found
        elif found is not None:
            strange.append(_strange(store, path, found))


def _strange_ways(store: Store) -> list[str]:
    """Unexpected entries among the folders of manifests and our own files."""
    ways = [os.path.join(store.private_dir, name) for name in store.names(store.private_dir)]
    allowed = {store.partials_dir, store.fetched_dir, store.releases_dir, store.lock_path}
    found = {path: store.find(path) for path in ways if path not in allowed}
    strange = {path: one for path, one in found.items() if one is not None and not stat.S_ISREG(one.st_mode)}
    folders = [store.manifests_dir]
    for _ in range(3):
        inner = [os.path.join(folder, name) for folder in folders for name in store.names(folder)]
        seen = {path: store.find(path) for path in inner}
        folders = [path for path, one in seen.items() if one is not None and stat.S_ISDIR(one.st_mode)]
        strange.update({path: one for path, one in seen.items() if one is not None and stat.S_ISLNK(one.st_mode)})
    return [_strange(store, path, one) for path, one in strange.items()]


def _strange(store: Store, path: str, found: os.stat_result) -> str:
    what = store.disk.kind_of(path, found)
    return f"{printable(path)} is {what}, which is never read or removed: check what it is and remove it"


def _leftover(path: str, found: os.stat_result, roles: t.Mapping[str, str]) -> Leftover:
    name = os.path.basename(path)
    match = _BLOB_FILE.fullmatch(name) or _PARTIAL_FILE.fullmatch(name)
    digest = "sha256:" + match.group(1) if match else ""
    # A partial is a sparse file of the full size: count what it occupies on disk.
    return Leftover(path, min(found.st_size, found.st_blocks * 512), digest, roles.get(digest, ""))


def plain_survey(survey: Survey, models_dir: str) -> dict[str, t.Any]:
    """A module's `store`: what is there besides complete models."""
    return {
        "models_dir": models_dir,
        "partials": [{"path": printable(one.path), "bytes": one.bytes, "role": one.role} for one in survey.partials],
        "unreferenced": [{"path": printable(one.path), "bytes": one.bytes} for one in survey.unreferenced],
        "unreferenced_bytes": sum(one.bytes for one in survey.unreferenced),
        "bad_manifests": [printable(path) for path in survey.bad_manifests],
        "strange": [*survey.unsafe, *survey.strange],
    }
