# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differences between a store and its wanted state; changes nothing. Private."""

from __future__ import annotations

import stat
import typing as t
from dataclasses import dataclass

from .._model.manifest import WEIGHTS, Layer, Manifest
from .._model.names import ModelName
from .._model.wishes import Wish
from .._registry.resolve import fetch_manifest
from .._store.fetched import find_fetched
from .._store.inspect import FOLDER, HARMLESS_TO_BYTES, ModelState, Problem, Verify, look_at, prove_blobs
from .._store.kept import drop_oldest
from .._store.paths import Store
from .._store.receipts import FileKey
from .._store.survey import find_unsafe
from .partial import check_space, has_space, held_bytes
from .types import InstallError, Workshop


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
        wrong = [problem for problem in self.problems if problem.kind == "mode" and problem.blob not in coming]
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
        kept = (*HARMLESS_TO_BYTES, "missing")
        return tuple(problem for problem in self.problems if problem.kind not in kept)

    @property
    def stale(self) -> bool:
        """Whether a running server may still use what it read before (weights in memory, cached responses)."""
        return bool(self.replaced) or (self.present_before and bool(self.fetch or self.write_manifest))


def needs_manifest(before: ModelState, pinned: str | None) -> bool:
    """Whether there is no usable manifest on disk."""
    if before.manifest is None or not any(layer.role == WEIGHTS for layer in before.manifest.layers):
        return True
    return pinned is not None and before.manifest.digest != pinned


def damaged(problems: t.Iterable[Problem]) -> set[str]:
    """Digests of the blobs that must be downloaded again."""
    return {problem.blob for problem in problems if problem.blob and problem.kind not in HARMLESS_TO_BYTES}


def plan(shop: Workshop, wish: Wish, verify: Verify, touch: bool) -> Plan:
    """Check the store; ask the registry only for a manifest that was not fetched ahead. touch allows fsync."""
    before = look_at(shop.store, wish.name, "size", wish.digest)
    manifest = before.manifest
    if manifest is None or needs_manifest(before, wish.digest):
        manifest = find_fetched(shop.store, wish.name, wish.digest)
        manifest = manifest or fetch_manifest(shop.client, wish.name, wish.digest)
    elif verify == "size":
        return _plan(wish, manifest, before, before, proof_is_new=False)
    elif verify == "receipt":
        quick = look_at(shop.store, wish.name, "receipt", wish.digest, shop.receipts)
        if quick.intact:
            return _plan(wish, manifest, before, quick, proof_is_new=False)
    if touch:
        # A receipt means that the bytes survive a power cut, so they are flushed before they are hashed.
        sync_blobs(shop.store, manifest)
    proof = prove_blobs(shop.store, wish.name, manifest, None if verify == "full" else shop.receipts)
    return _plan(wish, manifest, before, proof, proof_is_new=True)


def _plan(wish: Wish, manifest: Manifest, before: ModelState, proof: ModelState, proof_is_new: bool) -> Plan:
    own = [problem for problem in before.problems if not problem.blob]
    problems = (*own, *(problem for problem in proof.problems if problem.blob))
    bad = damaged(problems)
    return Plan(
        name=wish.name,
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


def make_room(shop: Workshop, plans: t.Collection[Plan]) -> None:
    """Let go of the models of older releases, the oldest first, until the download fits."""
    todo = bytes_to_fetch(shop.store, plans)
    wanted = {blob.digest for one in plans for blob in one.manifest.blobs}
    while todo and not has_space(shop.store.disk, shop.store.partials_dir, todo):
        if not drop_oldest(shop.store, shop.receipts, wanted):
            return


def refuse_unsafe(store: Store) -> None:
    """Nothing is written where users other than root could have created or could change files."""
    unsafe = find_unsafe(store)
    if unsafe:
        raise InstallError("store", "; ".join(unsafe))


def refuse_repair(plans: t.Iterable[Plan]) -> None:
    """With `repair: false` a damaged model is reported, not repaired."""
    bad = [
        problem.text
        for one in plans
        if one.present_before
        for problem in one.problems
        if problem.kind not in ("spelling", "pin")
    ]
    if bad:
        raise InstallError("damaged", f"model is damaged and `repair` is false: {'; '.join(bad)}")


def sync_blobs(store: Store, manifest: Manifest) -> None:
    for path in (*(store.blob_path(blob.digest) for blob in manifest.blobs), store.blobs_dir):
        found = store.disk.find(path)
        if found is not None and (stat.S_ISREG(found.st_mode) or path == store.blobs_dir):
            store.disk.sync(path)
