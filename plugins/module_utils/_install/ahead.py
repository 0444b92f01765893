# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetches models ahead of their use: what a server reads stays as it is, and later no registry is needed. Private."""

from __future__ import annotations

import typing as t

from .._model.manifest import ManifestInvalid
from .._model.units import sized
from .._store.fetched import find_fetched, remember, waits_aside
from .._store.inspect import ModelState, look_at_all
from .._store.paths import Store
from .._store.receipts import FileKey
from .apply import bring_blobs, make_folders, refuse_split_store
from .ensure import is_settled, keep_receipts, pinned, plain_entry, predict, store_lock, what_happens
from .plan import Plan, bytes_to_fetch, make_room, plan, refuse_full_disk, refuse_repair
from .types import Job, Outcome, Workshop


def ensure_fetched(shop: Workshop, job: Job) -> Outcome:
    """Make sure that all which the wanted models need is on this disk, and leave what is served as it is."""
    outcome = Outcome()
    states = look_at_all(shop.store, pinned(job), "size" if job.verify == "size" else "receipt", shop.receipts)
    if job.verify != "full" and all(is_settled(state, job.verify) for state in states):
        for state in states:
            _tell(outcome, state, None, False)
        return outcome
    with store_lock(shop, job):
        _fetch(shop, job, outcome)
    return outcome


def _fetch(shop: Workshop, job: Job, outcome: Outcome) -> None:
    plans = [plan(shop, wish, job.verify, touch=not job.check) for wish in job.wishes]
    if not job.repair:
        refuse_repair(plans)
    if not job.check:
        make_room(shop, plans)
    refuse_full_disk(shop.store, plans)
    outcome.download_bytes = bytes_to_fetch(shop.store, plans)
    if outcome.download_bytes:
        outcome.after.append(f"download: {sized(outcome.download_bytes)}")
    lacking = {one.name for one in plans if _is_lacking(shop.store, one)}
    if not job.check and any(one.fetch or one.write_manifest or one.proof_is_new for one in plans):
        _carry_out(shop, plans, outcome)
    for one in plans:
        _tell(outcome, predict(one, job.verify), one, one.name in lacking)
    outcome.changed = bool(lacking)


def _is_lacking(store: Store, one: Plan) -> bool:
    """Whether a model's switch would still need something from outside."""
    if one.write_manifest and find_fetched(store, one.name, one.manifest.digest) is None:
        return True
    return not all(waits_aside(store, blob) for blob in one.fetch)


def _carry_out(shop: Workshop, plans: t.Sequence[Plan], outcome: Outcome) -> None:
    store = shop.store
    make_folders(store)
    refuse_split_store(store)
    shop.progress.expect(sum({blob.digest: blob.size for one in plans for blob in one.fetch}.values()))
    served = _served(store)
    proven: dict[str, FileKey] = {}
    for one in plans:
        proven.update(one.proven)
        proven.update(bring_blobs(shop, one, proven, served))
        if one.write_manifest:
            remember(store, one.name, one.manifest)
    trusted = {digest for one in plans for digest in one.trusted}
    keep_receipts(shop, {digest: key for digest, key in proven.items() if digest not in trusted}, outcome)


def _served(store: Store) -> set[str]:
    """The blobs that a server may read, because a manifest names them: another file in their place would change it."""
    named: set[str] = set()
    for path in store.manifest_files().values():
        try:
            named.update(blob.digest for blob in store.read_manifest(path).blobs)
        except (ManifestInvalid, OSError):
            continue
    return named


def _tell(outcome: Outcome, state: ModelState, one: Plan | None, lacking: bool) -> None:
    blobs = [{"role": blob.role, "digest": blob.digest, "size": blob.size} for blob in one.fetch] if one else []
    outcome.models.append({**plain_entry(state), "changed": lacking, "fetched": blobs if lacking else []})
    outcome.lines.append(f"{state.name}: {_words(one, lacking)}")
    if lacking:
        outcome.before.append(f"fetched {state.name}: nothing")
        outcome.after.append(f"fetched {state.name}: {state.digest}")


def _words(one: Plan | None, lacking: bool) -> str:
    if one is None or not (one.fetch or one.write_manifest):
        return what_happens(one)
    if not lacking:
        return "already fetched"
    count = len(one.fetch)
    return f"fetched ahead, {count} blob{'s' * (count != 1)} of {sized(sum(blob.size for blob in one.fetch))}"
