# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removes models from a store, and finds what no model uses. Private."""

from __future__ import annotations

import os
import stat
import typing as t
from dataclasses import dataclass

from .._model.manifest import Layer, ManifestInvalid
from .._model.names import ModelName
from .._store.disk import printable
from .._store.fetched import remove_empty
from .._store.paths import Store
from .._store.receipts import Receipts
from .._store.survey import Leftover, Survey, is_ours
from .apply import clear_after

# A file in blobs/ this young may belong to a manual pull, which takes no lock; Ollama (0.21) waits as long.
PRUNE_GRACE_SECONDS = 3600


@dataclass(frozen=True)
class Removal:
    """What is removed with a model; kept_because says why blobs are kept."""

    name: ModelName
    manifest_path: str | None
    digest: str | None
    blobs: tuple[Layer, ...]
    kept_because: str = ""

    @property
    def bytes(self) -> int:
        return sum(blob.size for blob in self.blobs)


def plan_removal(store: Store, name: ModelName, path: str | None, going: t.Collection[str]) -> Removal:
    """The manifest at path, and the blobs that no other uses; going are manifests that are removed in the same run."""
    if path is None:
        return Removal(name, None, None, ())
    try:
        manifest = store.read_manifest(path)
    except (ManifestInvalid, OSError) as error:
        return Removal(name, path, None, (), f"its manifest cannot be read ({error})")
    everywhere = [*store.manifest_files().values(), *store.fetched_files().values(), *store.kept_files()]
    others = [other for other in everywhere if other != path and other not in going]
    used: set[str] = set()
    for other in others:
        try:
            used.update(blob.digest for blob in store.read_manifest(other).blobs)
        except (ManifestInvalid, OSError):
            why = f"{printable(other)} cannot be read and may use the same blobs"
            return Removal(name, path, manifest.digest, (), why)
    mine = [blob for blob in manifest.blobs if blob.digest not in used]
    here = tuple(blob for blob in mine if store.disk.find(store.blob_path(blob.digest)) is not None)
    return Removal(name, path, manifest.digest, here)


def remove(store: Store, receipts: Receipts, removal: Removal) -> None:
    """Manifest first: a crash then leaves unused blobs, never a model without blobs."""
    if removal.manifest_path is None:
        return
    store.disk.delete(removal.manifest_path)
    folder = os.path.dirname(removal.manifest_path)
    store.disk.sync(folder)
    for top in (store.manifests_dir, store.fetched_dir):
        remove_empty(store, folder, top)
    for blob in removal.blobs:
        store.disk.delete(store.blob_path(blob.digest))
        clear_after(store, blob)
    receipts.forget(blob.digest for blob in removal.blobs)


def prunable(survey: Survey, store: Store, now: float) -> list[Leftover]:
    """Leftovers that can be removed: none while a manifest that may use them is unreadable, and no recent ones."""
    candidates = [*survey.partials, *(() if survey.bad_manifests else survey.unreferenced)]
    return [one for one in candidates if is_ours(store, one) and _is_old(one.path, store, now)]


def _is_old(path: str, store: Store, now: float) -> bool:
    found = store.disk.find(path)
    if found is None or not stat.S_ISREG(found.st_mode):
        return False
    # In our own folder holding the lock is enough.
    return os.path.dirname(path) == store.partials_dir or now - found.st_mtime > PRUNE_GRACE_SECONDS
