# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Models that were fetched ahead: their manifests wait beside the store until they are to be served. Private.

Neither Ollama nor a container reads them there. Their blobs lie in blobs/ already, or in partials/ where a file that a
server may read has their place.
"""

from __future__ import annotations

import os
import stat
import typing as t

from .._model.manifest import MANIFEST_LIMIT, WEIGHTS, Layer, Manifest, ManifestInvalid, parse_manifest
from .._model.names import ModelName
from .paths import Store


def find_fetched(store: Store, name: ModelName, pinned: str | None) -> Manifest | None:
    """The manifest that was fetched ahead for a name, if it is the wanted one and needs nothing from outside."""
    manifest = read_fetched(store, store.fetched_path(name))
    if manifest is None or pinned not in (None, manifest.digest):
        return None
    if not any(layer.role == WEIGHTS for layer in manifest.layers):
        return None
    return manifest if all(is_here(store, blob) for blob in manifest.blobs) else None


def read_fetched(store: Store, path: str) -> Manifest | None:
    """The manifest at a path of fetched/; None if there is none that only root could have written."""
    try:
        return parse_manifest(store.disk.read_own(path, MANIFEST_LIMIT + 1))
    except (ManifestInvalid, OSError):
        return None


def all_fetched(store: Store, without: t.Collection[str] = ()) -> list[Manifest]:
    """Every manifest that was fetched ahead, but those at the given paths."""
    found = [read_fetched(store, path) for path in store.fetched_files().values() if path not in without]
    return [manifest for manifest in found if manifest is not None]


def is_here(store: Store, blob: Layer) -> bool:
    """Whether a blob is in the store or waits beside it, by its size: what it holds the next run hashes."""
    return _has_size(store, store.blob_path(blob.digest), blob.size) or waits_aside(store, blob)


def waits_aside(store: Store, blob: Layer) -> bool:
    """Whether a blob was downloaded to its end and not put in its place."""
    path = store.aside_path(blob.digest)
    return _has_size(store, path, blob.size) and store.find(f"{path}.json") is None


def remember(store: Store, name: ModelName, manifest: Manifest) -> None:
    """Keep the manifest of a model all of whose blobs are here."""
    path = store.fetched_path(name)
    store.disk.make_folder(store.fetched_dir, 0o700)
    store.disk.make_folder(os.path.dirname(path), 0o755)
    # Not beside it, where a crash would leave what looks like the manifest of another tag.
    temporary = os.path.join(store.partials_dir, "manifest")
    store.disk.write(temporary, manifest.raw, 0o600, sync=True)
    store.disk.rename(temporary, path)
    store.disk.sync(os.path.dirname(path))


def forget(store: Store, name: ModelName) -> None:
    """Drop it: the model is in its place now."""
    path = store.fetched_path(name)
    if store.find(path) is not None:
        store.disk.delete(path)
        remove_empty(store, os.path.dirname(path), store.fetched_dir)


def remove_empty(store: Store, folder: str, top: str) -> None:
    """Remove a folder below top and those above it which that leaves empty."""
    while folder.startswith(f"{top}/") and not store.disk.names(folder):
        store.disk.remove_folder(folder)
        folder = os.path.dirname(folder)


def _has_size(store: Store, path: str, size: int) -> bool:
    found = store.find(path)
    return found is not None and stat.S_ISREG(found.st_mode) and found.st_size == size
