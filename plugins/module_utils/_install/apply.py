# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs models in a store and removes them: blobs first, manifest last, each flushed before the next. Private."""

from __future__ import annotations

import os
import stat
import typing as t
from dataclasses import dataclass, field

from .._model.manifest import (
    WEIGHTS,
    Layer,
    Manifest,
    ManifestInvalid,
)
from .._model.names import ModelName
from .._registry.client import RegistryClient, RegistryError
from .._registry.resolve import fetch_manifest
from .._store.disk import Disk, printable
from .._store.hashing import FileKey
from .._store.inspect import (
    FOLDER,
    ModelState,
    Problem,
    closed_folders,
    folders_up,
    look_at,
    prove_blobs,
    right_mode,
)
from .._store.paths import Leftover, Store, Survey
from .._store.receipts import Receipts
from .download import (
    Limits,
    check_space,
    fetch_blob,
    held_bytes,
)
from .progress import Progress

# A file in blobs/ this young may belong to a manual pull, which takes no lock; Ollama (0.21) waits as long.
PRUNE_GRACE_SECONDS = 3600
# Problems of files whose content is correct.
_MODE, _SPELLING = "mode", "spelling"
# An intact model, but not the pinned one.
_PIN = "pin"


class InstallError(Exception):
    """A model could not be installed; str() is a sentence for the operator."""

    def __init__(self, kind: str, message: str, lacking: t.Sequence[Layer] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.lacking = tuple(lacking)


@dataclass(frozen=True)
class Wanted:
    """A wanted model."""

    name: ModelName
    digest: str | None = None


@dataclass(frozen=True)
class Plan:
    """What has to be done until a model is installed and intact."""

    name: ModelName
    manifest: Manifest
    before: ModelState
    problems: tuple[Problem, ...]
    fetch: tuple[Layer, ...]
    write_manifest: bool
    proven: t.Mapping[str, FileKey]
    trusted: frozenset[str]
    proof_is_new: bool

    @property
    def modes(self) -> tuple[str, ...]:
        """What the server could not read; downloaded files get the right mode."""
        coming = {layer.digest for layer in self.fetch}
        wrong = [problem for problem in self.problems if problem.kind == _MODE and problem.blob not in coming]
        own = (problem for problem in wrong if problem.blob or problem.role == FOLDER or not self.write_manifest)
        return tuple(problem.path for problem in own)

    @property
    def changed(self) -> bool:
        return bool(self.fetch or self.write_manifest or self.modes)

    @property
    def present_before(self) -> bool:
        """Whether a server may have served this name: there was something at the path of its manifest."""
        return not any(problem.kind == "missing" and not problem.blob for problem in self.before.problems)

    @property
    def replaced(self) -> tuple[Problem, ...]:
        """The damaged files that are replaced."""
        harmless = ("missing", _MODE, _SPELLING)
        return tuple(problem for problem in self.problems if problem.kind not in harmless)

    @property
    def stale(self) -> bool:
        """Whether a running server may still use what it read before (weights in memory, cached responses)."""
        return bool(self.replaced) or (self.present_before and bool(self.fetch or self.write_manifest))


@dataclass
class Workshop:
    """The objects that an installation needs."""

    store: Store
    receipts: Receipts
    client: RegistryClient
    limits: Limits = field(default_factory=Limits)
    progress: Progress = field(default_factory=Progress)


# Deciding.


def needs_manifest(before: ModelState, pinned: str | None) -> bool:
    """Whether there is no usable manifest on disk."""
    if before.manifest is None or not any(layer.role == WEIGHTS for layer in before.manifest.layers):
        return True
    return pinned is not None and before.manifest.digest != pinned


def damaged(problems: t.Iterable[Problem]) -> set[str]:
    """Digests of the blobs that must be downloaded again."""
    return {problem.blob for problem in problems if problem.blob and problem.kind not in (_MODE, _SPELLING)}


def plan(shop: Workshop, wanted: Wanted, verify: str, touch: bool) -> Plan:
    """Check the store; ask the registry only for a missing manifest. touch allows fsync."""
    before = look_at(shop.store, wanted.name, "size", wanted.digest)
    manifest = before.manifest
    if manifest is None or needs_manifest(before, wanted.digest):
        manifest = fetch_manifest(shop.client, wanted.name, wanted.digest)
    elif verify == "size":
        return _plan(wanted, manifest, before, before, proof_is_new=False)
    elif verify == "receipt":
        quick = look_at(shop.store, wanted.name, "receipt", wanted.digest, shop.receipts)
        if quick.intact:
            return _plan(wanted, manifest, before, quick, proof_is_new=False)
    if touch:
        # A receipt means that the bytes survive a power cut, so they are flushed before they are hashed.
        sync_blobs(shop.store, manifest)
    proof = prove_blobs(shop.store, wanted.name, manifest, None if verify == "full" else shop.receipts)
    return _plan(wanted, manifest, before, proof, proof_is_new=True)


def _plan(wanted: Wanted, manifest: Manifest, before: ModelState, proof: ModelState, proof_is_new: bool) -> Plan:
    own = [problem for problem in before.problems if not problem.blob]
    problems = (*own, *(problem for problem in proof.problems if problem.blob))
    bad = damaged(problems)
    return Plan(
        name=wanted.name,
        manifest=manifest,
        before=before,
        problems=problems,
        fetch=tuple(blob for blob in manifest.blobs if blob.digest in bad),
        write_manifest=manifest is not before.manifest,
        proven={digest: key for digest, key in proof.proven.items() if digest not in bad},
        trusted=proof.trusted,
        proof_is_new=proof_is_new,
    )


def bytes_to_fetch(store: Store, plans: t.Iterable[Plan]) -> int:
    """Bytes to download, without those that earlier runs already downloaded."""
    blobs = {blob.digest: blob.size for one in plans for blob in one.fetch}
    return sum(max(0, size - held_bytes(store.disk, store.partials_dir, digest)) for digest, size in blobs.items())


def refuse_full_disk(store: Store, plans: t.Iterable[Plan]) -> None:
    """Before the download starts: everything must fit on the disk of the store."""
    check_space(store.disk, store.partials_dir, bytes_to_fetch(store, plans))


def refuse_unsafe(store: Store) -> None:
    """Nothing is written where users other than root could have created or could change files."""
    unsafe = store.find_unsafe()
    if unsafe:
        raise InstallError("store", "; ".join(unsafe))


def refuse_repair(plans: t.Iterable[Plan]) -> None:
    """With `repair: false` a damaged model is reported, not repaired."""
    bad = [
        problem.text
        for one in plans
        if one.present_before
        for problem in one.problems
        if problem.kind not in (_SPELLING, _PIN)
    ]
    if bad:
        raise InstallError("damaged", f"model is damaged and `repair` is false: {'; '.join(bad)}")


# Doing.


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
            proven.update(_bring_blobs(shop, one, proven))
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


def _bring_blobs(shop: Workshop, one: Plan, have: t.Mapping[str, FileKey]) -> dict[str, FileKey]:
    """Download the missing blobs; the error lists those that could not be downloaded."""
    got: dict[str, FileKey] = {}
    todo = [blob for blob in one.fetch if blob.digest not in have]
    for position, blob in enumerate(todo):
        try:
            path = _fetch(shop, one.name, blob)
        except RegistryError as error:
            lacking = todo[position:]
            words = ", ".join(f"{left.role} {left.digest} ({left.size} bytes)" for left in lacking)
            raise InstallError(error.kind, f"{error}. Still missing for {one.name}: {words}", lacking) from error
        final = shop.store.blob_path(blob.digest)
        place(shop.store.disk, path, final)
        got[blob.digest] = FileKey.of(shop.store.disk.stat(final))
        _clear_after(shop.store, blob)
    if got:
        shop.store.disk.sync(shop.store.blobs_dir)
    return got


def _fetch(shop: Workshop, name: ModelName, blob: Layer) -> str:
    source = shop.client.blob(name, blob.digest, blob.size)
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


def _clear_after(store: Store, blob: Layer) -> None:
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
        store.disk.chmod(path, right_mode(store, path, store.disk.stat(path)))
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


def sync_blobs(store: Store, manifest: Manifest) -> None:
    for path in (*(store.blob_path(blob.digest) for blob in manifest.blobs), store.blobs_dir):
        found = store.disk.find(path)
        if found is not None and (stat.S_ISREG(found.st_mode) or path == store.blobs_dir):
            store.disk.sync(path)


# Taking out.


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
    others = [other for other in store.manifest_files().values() if other != path and other not in going]
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
    for parent in folders_up(folder, store.manifests_dir)[:-1]:
        if store.disk.names(parent):
            break
        store.disk.remove_folder(parent)
    for blob in removal.blobs:
        store.disk.delete(store.blob_path(blob.digest))
        _clear_after(store, blob)
    receipts.forget(blob.digest for blob in removal.blobs)


def prunable(survey: Survey, store: Store, now: float) -> list[Leftover]:
    """Leftovers that can be removed: none while a manifest that may use them is unreadable, and no recent ones."""
    candidates = [*survey.partials, *(() if survey.bad_manifests else survey.unreferenced)]
    return [one for one in candidates if store.is_ours(one) and _is_old(one.path, store, now)]


def _is_old(path: str, store: Store, now: float) -> bool:
    found = store.disk.find(path)
    if found is None or not stat.S_ISREG(found.st_mode):
        return False
    # In our own folder holding the lock is enough.
    return os.path.dirname(path) == store.partials_dir or now - found.st_mtime > PRUNE_GRACE_SECONDS
