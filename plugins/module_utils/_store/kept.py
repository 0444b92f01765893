# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Models of kept releases: a copy of each manifest and a second name of each blob, beside the store. Private.

A second name costs no room while the first is there, and keeps the bytes when `ollama rm` takes the first away.
"""

from __future__ import annotations

import os
import stat
import typing as t

from .._model.manifest import DIGEST, MANIFEST_LIMIT, Layer, Manifest, ManifestInvalid, parse_manifest
from .._model.names import ModelName
from .fetched import all_fetched, remember
from .paths import Store
from .receipts import FileKey, Receipts

_BLOBS, _MANIFESTS = "blobs", "manifests"


def kept_manifests(store: Store) -> dict[str, Manifest | None]:
    """Every manifest of a kept release by its path; None where it cannot be read."""
    return {path: _read(store, path) for path in store.kept_files()}


def keep(store: Store, receipts: Receipts, number: int, models: t.Mapping[ModelName, str]) -> list[str]:
    """Keep these models for a release, blobs first and each name flushed; what could not be kept, in words.

    Under the lock of the store. A blob that is replaced later gets its second name anew.
    """
    lacking = []
    linked: dict[str, FileKey] = {}
    for name, digest in models.items():
        path = store.find_manifest(name)
        manifest = _read_served(store, path) if path is not None else None
        if manifest is None or manifest.digest != digest:
            lacking.append(f"{name.display} is no longer {digest} in the store")
            continue
        for blob in manifest.blobs:
            if not _keep_blob(store, receipts, number, blob, linked):
                lacking.append(f"{blob.role} {store.blob_path(blob.digest)} of {name.display} is missing")
        _keep_manifest(store, number, name, manifest)
    if linked:
        receipts.write(linked)
    return lacking


def lacks(store: Store, number: int, models: t.Mapping[ModelName, str]) -> list[str]:
    """What a return to this release would have to download, in words; nothing where all is here."""
    lacking = []
    for name, digest in models.items():
        manifest = find_kept(store, number, name, digest)
        if manifest is None:
            lacking.append(f"model {name.display} {digest}: its manifest is not kept")
            continue
        lacking += [
            f"model {name.display}: {blob.role} {blob.digest} is not on the disk"
            for blob in manifest.blobs
            if not any(_has_size(store, path, blob.size) for path in _places(store, number, blob.digest))
        ]
    return lacking


def put_back(store: Store, receipts: Receipts, number: int, models: t.Mapping[ModelName, str]) -> None:
    """Bring the blobs of a release back to where a server reads them, and its manifests to where an install finds them.

    Under the lock of the store. What is served changes only when the model is installed.
    """
    linked: dict[str, FileKey] = {}
    for name, digest in models.items():
        manifest = find_kept(store, number, name, digest)
        if manifest is None:
            continue
        for blob in manifest.blobs:
            kept, served = _places(store, number, blob.digest)
            if store.find(served) is None and _has_size(store, kept, blob.size):
                _link(store, receipts, kept, served, blob.digest, linked)
        served_now = store.find_manifest(name)
        current = _read_served(store, served_now) if served_now is not None else None
        if current is None or current.digest != digest:
            store.disk.make_folder(store.partials_dir, 0o700)
            remember(store, name, manifest)
    if linked:
        store.disk.sync(store.blobs_dir)
        receipts.write(linked)


def forget_release(store: Store, receipts: Receipts, number: int) -> None:
    """Let go of a release's models; the manifests first, as they say that the blobs are needed.

    Under the lock of the store. To lose a second name changes a file's ctime, so a valid receipt is written anew.
    """
    folder = store.release_dir(number)
    if store.find(folder) is None:
        return
    valid = _find_valid(store, receipts, os.path.join(folder, _BLOBS))
    store.disk.delete(os.path.join(folder, _MANIFESTS))
    store.disk.delete(folder)
    store.disk.sync(store.releases_dir)
    now = {digest: FileKey.of(store.disk.stat(store.blob_path(digest))) for digest in valid}
    renewed = {digest: key for digest, key in now.items() if key[:4] == valid[digest][:4]}
    if renewed:
        receipts.write(renewed)


def _find_valid(store: Store, receipts: Receipts, folder: str) -> dict[str, FileKey]:
    """The blobs that have a second name in a folder, and a receipt that holds."""
    found = {}
    for name in store.names(folder):
        digest = name.replace("-", ":", 1)
        served = store.find(store.blob_path(digest)) if DIGEST.fullmatch(digest) else None
        second = store.find(os.path.join(folder, name))
        if served is not None and second is not None and os.path.samestat(served, second):
            key = FileKey.of(served)
            if not receipts.why_void(digest, key):
                found[digest] = key
    return found


def own_names(store: Store, path: str) -> int:
    """How many second names a blob has because releases keep it."""
    found = store.find(path)
    folders = [os.path.join(store.releases_dir, number, _BLOBS) for number in store.names(store.releases_dir)]
    kept = [store.find(os.path.join(folder, os.path.basename(path))) for folder in folders]
    return sum(found is not None and one is not None and os.path.samestat(found, one) for one in kept)


def numbers(store: Store) -> list[int]:
    """The releases of which something is kept."""
    return sorted(int(name) for name in store.names(store.releases_dir) if name.isdigit())


def spare_blobs(store: Store) -> dict[str, int]:
    """The blobs, by digest with their size, that only older releases than the last one need."""
    older = numbers(store)[:-1]
    needed = _needed(store, without=older)
    if needed is None:
        return {}
    blobs = [blob for number in older for blob in _blobs_of(store, number)]
    return {blob.digest: blob.size for blob in blobs if blob.digest not in needed}


def drop_oldest(store: Store, receipts: Receipts, wanted: t.Collection[str] = ()) -> bool:
    """Let go of the models of the oldest release, but never of the last; whether there was one.

    Under the lock of the store. Its record stays, and tells what a return to it lacks. The blobs of wanted stay as
    well: what room is made for needs them, and no manifest says so yet.
    """
    older = numbers(store)[:-1]
    if not older:
        return False
    blobs = _blobs_of(store, older[0])
    forget_release(store, receipts, older[0])
    needed = _needed(store)
    if needed is None:
        # Nobody can say what is still used.
        return True
    for blob in blobs:
        if blob.digest not in needed and blob.digest not in wanted:
            store.disk.delete(store.blob_path(blob.digest))
            receipts.forget([blob.digest])
    return True


def _blobs_of(store: Store, number: int) -> list[Layer]:
    within = f"{store.release_dir(number)}/"
    found = [manifest for path, manifest in kept_manifests(store).items() if path.startswith(within)]
    return [blob for manifest in found if manifest is not None for blob in manifest.blobs]


def _needed(store: Store, without: t.Collection[int] = ()) -> set[str] | None:
    """Every blob that a manifest names, but for those of some releases; None where one cannot be read."""
    passed = tuple(f"{store.release_dir(number)}/" for number in without)
    kept = {path: one for path, one in kept_manifests(store).items() if not path.startswith(passed)}
    served = {path: _read_served(store, path) for path in store.manifest_files().values()}
    found = [*kept.values(), *served.values()]
    if None in found:
        return None
    return {blob.digest for one in (*found, *all_fetched(store)) if one is not None for blob in one.blobs}


def find_kept(store: Store, number: int, name: ModelName, digest: str) -> Manifest | None:
    """A manifest of a release, if it is the one that the release's record names."""
    manifest = _read(store, _manifest_path(store, number, name))
    return manifest if manifest is not None and manifest.digest == digest else None


def _keep_blob(store: Store, receipts: Receipts, number: int, blob: Layer, linked: dict[str, FileKey]) -> bool:
    kept, served = _places(store, number, blob.digest)
    found, second = store.find(served), store.find(kept)
    if found is None or not stat.S_ISREG(found.st_mode):
        return False
    if second is None or not os.path.samestat(found, second):
        store.disk.make_folder(os.path.dirname(kept), 0o700)
        _link(store, receipts, served, kept, blob.digest, linked)
    # What was mended under its first name is mended for every release that needs it.
    for other in store.names(store.releases_dir):
        path = os.path.join(store.releases_dir, other, _BLOBS, os.path.basename(served))
        second = store.find(path)
        if second is not None and not os.path.samestat(found, second):
            _link(store, receipts, served, path, blob.digest, linked)
    return True


def _link(store: Store, receipts: Receipts, source: str, target: str, digest: str, linked: dict[str, FileKey]) -> None:
    """A second name; a valid receipt stays one, as that changes nothing but ctime."""
    before = FileKey.of(store.disk.stat(source))
    # A blob of two models has its second name already, and a receipt for after that.
    valid = linked.get(digest) == before or not receipts.why_void(digest, before)
    store.disk.link(source, target)
    after = FileKey.of(store.disk.stat(target))
    if valid and after[:4] == before[:4]:
        linked[digest] = after


def _keep_manifest(store: Store, number: int, name: ModelName, manifest: Manifest) -> None:
    path = _manifest_path(store, number, name)
    if _read(store, path) != manifest:
        store.disk.make_folder(os.path.dirname(path), 0o700)
        store.disk.replace(path, manifest.raw, 0o600)


def _manifest_path(store: Store, number: int, name: ModelName) -> str:
    return os.path.join(store.release_dir(number), _MANIFESTS, *name.key)


def _places(store: Store, number: int, digest: str) -> tuple[str, str]:
    served = store.blob_path(digest)
    return os.path.join(store.release_dir(number), _BLOBS, os.path.basename(served)), served


def _read(store: Store, path: str) -> Manifest | None:
    try:
        return parse_manifest(store.disk.read_own(path, MANIFEST_LIMIT + 1))
    except (ManifestInvalid, OSError):
        return None


def _read_served(store: Store, path: str) -> Manifest | None:
    try:
        return store.read_manifest(path)
    except (ManifestInvalid, OSError):
        return None


def _has_size(store: Store, path: str, size: int) -> bool:
    found = store.find(path)
    return found is not None and stat.S_ISREG(found.st_mode) and found.st_size == size
