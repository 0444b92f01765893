# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts models into a store and takes them out: blobs first, manifest last, each on disk before the next. Private."""

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

# A file in blobs/ this young may belong to a pull by hand that takes no lock; Ollama (0.21) waits as long.
PRUNE_GRACE_SECONDS = 3600
# What is wrong with a file whose bytes are right.
_MODE, _SPELLING = "mode", "spelling"
# A whole model, but another one than the pinned.
_PIN = "pin"


class InstallError(Exception):
    """A model could not be put in place; str() is a sentence for the operator."""

    def __init__(self, kind: str, message: str, lacking: t.Sequence[Layer] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.lacking = tuple(lacking)


@dataclass(frozen=True)
class Wanted:
    """A model as asked for."""

    name: ModelName
    digest: str | None = None


@dataclass(frozen=True)
class Plan:
    """What lies between a model and its being here, whole."""

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
        """What the serving user could not read; fetched files come with the right mode."""
        coming = {layer.digest for layer in self.fetch}
        wrong = [problem for problem in self.problems if problem.kind == _MODE and problem.blob not in coming]
        own = (problem for problem in wrong if problem.blob or problem.role == FOLDER or not self.write_manifest)
        return tuple(problem.path for problem in own)

    @property
    def changed(self) -> bool:
        return bool(self.fetch or self.write_manifest or self.modes)

    @property
    def present_before(self) -> bool:
        """Whether a server may have served this name: something lay where its manifest belongs."""
        return not any(problem.kind == "missing" and not problem.blob for problem in self.before.problems)

    @property
    def replaced(self) -> tuple[Problem, ...]:
        """The bad files that give way to good ones."""
        harmless = ("missing", _MODE, _SPELLING)
        return tuple(problem for problem in self.problems if problem.kind not in harmless)

    @property
    def stale(self) -> bool:
        """Whether a running server goes on with what it read before (resident weights, cached answers)."""
        return bool(self.replaced) or (self.present_before and bool(self.fetch or self.write_manifest))


@dataclass
class Workshop:
    """What installing needs at hand."""

    store: Store
    receipts: Receipts
    client: RegistryClient
    limits: Limits = field(default_factory=Limits)
    progress: Progress = field(default_factory=Progress)


# Deciding.


def needs_manifest(before: ModelState, pinned: str | None) -> bool:
    """Whether the manifest on disk, if any, is not the one to go by."""
    if before.manifest is None or not any(layer.role == WEIGHTS for layer in before.manifest.layers):
        return True
    return pinned is not None and before.manifest.digest != pinned


def damaged(problems: t.Iterable[Problem]) -> set[str]:
    """Digests of the blobs that must come again."""
    return {problem.blob for problem in problems if problem.blob and problem.kind not in (_MODE, _SPELLING)}


def plan(shop: Workshop, wanted: Wanted, verify: str, touch: bool) -> Plan:
    """Look at what is here; ask the registry only for a manifest that is not. touch allows to fsync."""
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
        # A receipt promises bytes that survive a power cut, so they go to disk before they are hashed.
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
    """What must come over the network, what earlier runs left behind already taken off."""
    blobs = {blob.digest: blob.size for one in plans for blob in one.fetch}
    return sum(max(0, size - held_bytes(store.disk, store.partials_dir, digest)) for digest, size in blobs.items())


def refuse_full_disk(store: Store, plans: t.Iterable[Plan]) -> None:
    """Before the first byte: everything must fit, on the disk the store is or will be on."""
    check_space(store.disk, store.partials_dir, bytes_to_fetch(store, plans))


def refuse_unsafe(store: Store) -> None:
    """Nothing is written where somebody else than root could have made what is there, or could change it."""
    unsafe = store.find_unsafe()
    if unsafe:
        raise InstallError("store", "; ".join(unsafe))


def refuse_repair(plans: t.Iterable[Plan]) -> None:
    """With `repair: false` a damaged model is reported, not mended."""
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
    """Make every plan true; returns the proof for all blobs of these models."""
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
            # A server that was started while we fetched has read the old bytes.
            mark_stale(store)
    return proven


def _bring_blobs(shop: Workshop, one: Plan, have: t.Mapping[str, FileKey]) -> dict[str, FileKey]:
    """Fetch what this model lacks; says which blobs it could not get."""
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
    """What was derived from the bad bytes: Ollama's (0.34) header cache, its own unfinished pull."""
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
    """A manifest somebody else wrote, and the folders down to it, are on disk before a receipt speaks of them."""
    path = store.manifest_path(one.name)
    for one_of_them in (path, *folders_up(os.path.dirname(path), store.models_dir)):
        store.disk.sync(one_of_them)


def _make_readable(store: Store, one: Plan, proven: t.Mapping[str, FileKey]) -> dict[str, FileKey]:
    # Ours are made right, but a new model may go into folders somebody else made.
    return mend_modes(store, {*one.modes, *closed_folders(store, store.manifest_path(one.name))}, proven)


def mend_modes(store: Store, paths: t.Collection[str], proven: t.Mapping[str, FileKey]) -> dict[str, FileKey]:
    """Give files and folders the mode the server needs; returns the keys that moved with it."""
    for path in paths:
        store.disk.chmod(path, right_mode(store, path, store.disk.stat(path)))
    now = {digest: FileKey.of(store.disk.stat(store.blob_path(digest))) for digest in proven}
    # Our chmod moved ctime, and only that: the proof holds for the file as it is now.
    return {
        digest: key for digest, key in now.items() if store.blob_path(digest) in paths and key[:4] == proven[digest][:4]
    }


def stale_path(store: Store) -> str:
    """Its time is when bytes a server may have read were last replaced; gone once it was restarted."""
    return os.path.join(store.private_dir, "stale")


def mark_stale(store: Store) -> None:
    """Should this run be killed before the restart, the next one knows. A reboot restarts the server by itself."""
    store.disk.write(stale_path(store), b"", 0o600)


def stale_since(store: Store) -> float | None:
    """When bytes a server may have read were last replaced; None where no restart is owed for it."""
    found = store.disk.find(stale_path(store))
    return found.st_mtime if found is not None and stat.S_ISREG(found.st_mode) else None


def place(disk: Disk, source: str, target: str) -> None:
    """Rename source over target, whatever sits there; the name is on disk once its folder is synced."""
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
    """Renames are what makes installing safe, and they do not cross file systems."""
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
    """What goes with a model; kept_because says why blobs stay although their model goes."""

    name: ModelName
    manifest_path: str | None
    digest: str | None
    blobs: tuple[Layer, ...]
    kept_because: str = ""

    @property
    def bytes(self) -> int:
        return sum(blob.size for blob in self.blobs)


def plan_removal(store: Store, name: ModelName, path: str | None, going: t.Collection[str]) -> Removal:
    """The manifest at path, and the blobs no other uses; going are manifests that leave in the same run."""
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
    """Manifest first: a crash then leaves bytes too many, never a model without its bytes."""
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
    """Leftovers that can go: not while a manifest that may want them cannot be read, nor while they are young."""
    candidates = [*survey.partials, *(() if survey.bad_manifests else survey.unreferenced)]
    return [one for one in candidates if store.is_ours(one) and _is_old(one.path, store, now)]


def _is_old(path: str, store: Store, now: float) -> bool:
    found = store.disk.find(path)
    if found is None or not stat.S_ISREG(found.st_mode):
        return False
    # In our own folder the lock we hold is proof enough.
    return os.path.dirname(path) == store.partials_dir or now - found.st_mtime > PRUNE_GRACE_SECONDS
