# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries out plans: blobs first, manifest last, each flushed before the next. Private."""

from __future__ import annotations

import os
import stat
import typing as t

from .._model.manifest import Layer
from .._model.names import ModelName
from .._model.units import sized
from .._registry.blobs import BlobSource
from .._registry.errors import RegistryError
from .._store.disk import Disk
from .._store.fetched import forget
from .._store.inspect import closed_folders, folders_up, right_mode
from .._store.kept import own_names
from .._store.paths import Store
from .._store.receipts import FileKey
from .download import fetch_blob
from .plan import Plan
from .types import InstallError, Workshop


def carry_out(shop: Workshop, plans: t.Sequence[Plan]) -> dict[str, FileKey]:
    """Carry out all plans; returns the file keys of all verified blobs."""
    store = shop.store
    make_folders(store)
    refuse_split_store(store)
    blobs = {blob.digest: blob.size for one in plans for blob in one.fetch}
    shop.progress.expect(sum(blobs.values()))
    stale = any(one.stale for one in plans)
    if stale:
        mark_stale(store)
    proven: dict[str, FileKey] = {}
    try:
        for one in plans:
            proven.update(one.proven)
            proven.update(bring_blobs(shop, one, proven))
            if one.write_manifest:
                _write_manifest(store, one)
            elif one.proof_is_new:
                _settle_manifest(store, one)
            proven.update(_make_readable(store, one, proven))
    finally:
        if stale:
            # A server that was started during the download has read the old files.
            mark_stale(store)
    return proven


def bring_blobs(
    shop: Workshop, one: Plan, have: t.Mapping[str, FileKey], aside: t.Collection[str] = ()
) -> dict[str, FileKey]:
    """Download the missing blobs; those in aside are not put in place. The error lists what could not be downloaded."""
    got: dict[str, FileKey] = {}
    todo = [blob for blob in one.fetch if blob.digest not in have]
    for position, blob in enumerate(todo):
        try:
            path = _fetch(shop, one.name, blob)
        except RegistryError as error:
            lacking = todo[position:]
            words = ", ".join(f"{left.role} {left.digest} ({sized(left.size)})" for left in lacking)
            raise InstallError(error.kind, f"{error}. Still missing for {one.name}: {words}", lacking) from error
        if blob.digest in aside:
            continue
        final = shop.store.blob_path(blob.digest)
        place(shop.store.disk, path, final)
        got[blob.digest] = FileKey.of(shop.store.disk.stat(final))
        clear_after(shop.store, blob)
    if got:
        shop.store.disk.sync(shop.store.blobs_dir)
    return got


def _fetch(shop: Workshop, name: ModelName, blob: Layer) -> str:
    source = BlobSource(shop.client, name, blob.digest, blob.size)
    shown = name.display
    path = fetch_blob(
        source,
        blob.digest,
        shop.store.disk,
        shop.store.partials_dir,
        shop.limits,
        lambda done: shop.progress.update(shown, done),
    )
    shop.progress.blob_done(blob.size)
    return path


def clear_after(store: Store, blob: Layer) -> None:
    """Files derived from the bad blob: Ollama's (0.34) header cache, its own incomplete pull."""
    for path in (store.metadata_path(blob.digest), *store.pulls_of(blob.digest)):
        store.disk.remove(path)


def _write_manifest(store: Store, one: Plan) -> None:
    path = store.manifest_path(one.name)
    store.disk.make_folder(os.path.dirname(path), 0o755)
    # Not beside the manifest: a stray file at that depth, after a crash, would be a bad manifest to Ollama.
    temporary = os.path.join(store.partials_dir, "manifest")
    store.disk.write(temporary, one.manifest.raw, 0o644, sync=True)
    place(store.disk, temporary, path)
    store.disk.sync(os.path.dirname(path))
    forget(store, one.name)


def _settle_manifest(store: Store, one: Plan) -> None:
    """Flush a manifest that others wrote, and its folders, before a receipt is written."""
    path = store.manifest_path(one.name)
    for one_of_them in (path, *folders_up(os.path.dirname(path), store.models_dir)):
        store.disk.sync(one_of_them)


def _make_readable(store: Store, one: Plan, proven: t.Mapping[str, FileKey]) -> dict[str, FileKey]:
    # Our own folders have the right mode, but a new model may go into folders that others created.
    return mend_modes(store, {*one.modes, *closed_folders(store, store.manifest_path(one.name))}, proven)


def mend_modes(store: Store, paths: t.Collection[str], proven: t.Mapping[str, FileKey]) -> dict[str, FileKey]:
    """Give files and folders the mode the server needs; returns the changed file keys."""
    for path in paths:
        store.disk.chmod(path, right_mode(store, path, store.disk.stat(path)), own_names(store, path))
    now = {digest: FileKey.of(store.disk.stat(store.blob_path(digest))) for digest in proven}
    # Our chmod changed ctime only, so the file is still verified.
    return {
        digest: key for digest, key in now.items() if store.blob_path(digest) in paths and key[:4] == proven[digest][:4]
    }


def stale_path(store: Store) -> str:
    """Its mtime is when files that a server may have read were last replaced; removed after the restart."""
    return os.path.join(store.private_dir, "stale")


def mark_stale(store: Store) -> None:
    """If this run is killed before the restart, the next one knows. A reboot restarts the server anyway."""
    store.disk.write(stale_path(store), b"", 0o600)


def stale_since(store: Store) -> float | None:
    """When files that a server may have read were last replaced; None if no restart is due."""
    found = store.disk.find(stale_path(store))
    return found.st_mtime if found is not None and stat.S_ISREG(found.st_mode) else None


def place(disk: Disk, source: str, target: str) -> None:
    """Rename source over target, whatever target is; the caller syncs the folder."""
    aside = f"{source}.aside"
    disk.delete(aside)
    found = disk.find(target)
    if found is not None and stat.S_ISDIR(found.st_mode):
        disk.rename(target, aside)
    disk.rename(source, target)
    disk.delete(aside)


def make_folders(store: Store) -> None:
    for folder, mode in ((store.manifests_dir, 0o755), (store.blobs_dir, 0o755), (store.partials_dir, 0o700)):
        store.disk.make_folder(folder, mode)


def refuse_split_store(store: Store) -> None:
    """Installing relies on atomic renames, which do not work across file systems."""
    for folder in (store.blobs_dir, store.manifests_dir):
        if store.disk.stat(folder).st_dev != store.disk.stat(store.partials_dir).st_dev:
            raise InstallError(
                "store",
                f"{folder} is on another file system than {store.partials_dir}, so files cannot be"
                " renamed atomically; mount the disk at the parent folder of models/ instead",
            )
