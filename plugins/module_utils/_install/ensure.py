# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a store to the wanted state, or in check mode predicts how. Private to this collection."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import replace

from .._model.names import ModelName
from .._model.units import sized
from .._store.disk import printable
from .._store.inspect import ModelState, Verify, look_at_all, plain_model
from .._store.lock import hold_lock, who_holds
from .._store.paths import Store
from .._store.receipts import FileKey, ReceiptsUnsafe
from .._store.survey import Leftover, take_survey
from .apply import carry_out
from .plan import Plan, bytes_to_fetch, make_room, plan, refuse_full_disk, refuse_repair, refuse_unsafe
from .remove import Removal, plan_removal, prunable, remove
from .types import Fact, Job, Outcome, Workshop


def ensure_present(shop: Workshop, job: Job) -> Outcome:
    """Make sure that every wanted model is in the store and intact; look first, write only what is wrong."""
    outcome = Outcome()
    states = look_at_all(shop.store, pinned(job), "size" if job.verify == "size" else "receipt", shop.receipts)
    if job.verify != "full" and all(is_settled(state, job.verify) for state in states):
        for state in states:
            _tell(outcome, state, None)
    else:
        with store_lock(shop, job):
            _install(shop, job, outcome)
    if job.prune and not outcome.changed:
        prune(shop, job, outcome)
    return outcome


def is_settled(state: ModelState, verify: Verify) -> bool:
    """Whether nothing has to be done or checked further."""
    readable = not any(problem.kind == "mode" for problem in state.problems)
    return state.cached and readable and (verify == "size" or state.intact is True)


def _install(shop: Workshop, job: Job, outcome: Outcome) -> None:
    plans = [plan(shop, wish, job.verify, touch=not job.check) for wish in job.wishes]
    if not job.repair:
        refuse_repair(plans)
    if not job.check:
        make_room(shop, plans)
    refuse_full_disk(shop.store, plans)
    outcome.download_bytes = bytes_to_fetch(shop.store, plans)
    outcome.changed = any(one.changed for one in plans)
    outcome.stale = any(one.stale for one in plans)
    proven: t.Mapping[str, FileKey] = {}
    if not job.check and any(one.changed or one.proof_is_new for one in plans):
        proven = carry_out(shop, plans)
        # Blobs verified by a receipt keep it: with a new date they would never be read again.
        trusted = {digest for one in plans for digest in one.trusted}
        keep_receipts(shop, {digest: key for digest, key in proven.items() if digest not in trusted}, outcome)
    after = look_at_all(shop.store, pinned(job), "receipt", shop.receipts)
    if outcome.download_bytes:
        outcome.after.append(f"download: {sized(outcome.download_bytes)}")
    for one, state in zip(plans, after):
        _tell(outcome, predict(one, job.verify) if job.check else with_proof(state, proven), one)


def keep_receipts(shop: Workshop, proven: t.Mapping[str, FileKey], outcome: Outcome) -> None:
    try:
        shop.receipts.write(proven)
    except ReceiptsUnsafe as error:
        outcome.warnings.append(f"cannot write receipts, so the next run hashes all blobs again: {error}")


def predict(one: Plan, verify: Verify) -> ModelState:
    """The state a real run would leave."""
    left = tuple(problem for problem in one.problems if problem.kind == "spelling")
    sized_only = verify == "size" and not one.proof_is_new
    return ModelState(one.name, one.manifest.digest, True, None if sized_only else True, left, one.manifest)


def with_proof(state: ModelState, proven: t.Mapping[str, FileKey]) -> ModelState:
    """Blobs that were just hashed are verified, with or without a receipt."""
    if state.intact is None and state.manifest and all(blob.digest in proven for blob in state.manifest.blobs):
        return replace(state, intact=True, unproven=())
    return state


def _tell(outcome: Outcome, state: ModelState, one: Plan | None) -> None:
    changed = one is not None and one.changed
    fact = {**plain_entry(state), "changed": changed}
    if one is not None:
        fact["replaced"] = [problem.path for problem in one.replaced]
        fact["fetched"] = [{"role": blob.role, "digest": blob.digest, "size": blob.size} for blob in one.fetch]
    outcome.models.append(fact)
    outcome.lines.append(f"{state.name}: {what_happens(one)}")
    if one is not None and changed:
        for problem in one.problems:
            if problem.kind == "spelling":
                continue
            wanted = one.manifest.digest if one.write_manifest and not problem.blob else problem.expected
            outcome.before.append(f"{problem.role} {problem.path}: {problem.found}")
            outcome.after.append(f"{problem.role} {problem.path}: {wanted}")


def what_happens(one: Plan | None) -> str:
    """One model's part of the message."""
    if one is None or not (one.changed or one.proof_is_new):
        return "already present"
    if not one.changed:
        return "already present, all bytes hashed"
    verb = "repaired"
    if not one.present_before:
        verb = "installed"
    elif any(problem.kind == "pin" for problem in one.problems):
        verb = f"replaced by {one.manifest.digest}"
    count = len(one.fetch)
    return f"{verb}, {count} blob{'s' * (count != 1)} of {sized(sum(blob.size for blob in one.fetch))} fetched"


def ensure_absent(shop: Workshop, job: Job) -> Outcome:
    """Make sure that none of these models is in the store, nor the blobs that only they used."""
    outcome = Outcome()
    store = shop.store
    # Otherwise what is behind a link would count as absent.
    refuse_unsafe(store)
    if any(_manifests_of(store, wish.name) for wish in job.wishes):
        with store_lock(shop, job):
            found = {wish.name: _manifests_of(store, wish.name) for wish in job.wishes}
            going = {path for paths in found.values() for path in paths}
            for name, paths in found.items():
                for path in paths or (None,):
                    _remove(shop, job, plan_removal(store, name, path, going), outcome)
    else:
        going = set()
        outcome.lines += [f"{wish.name}: not present" for wish in job.wishes]
        outcome.models += [_absent(wish.name, []) for wish in job.wishes]
    if job.prune:
        prune(shop, job, outcome, going)
    return outcome


def _manifests_of(store: Store, name: ModelName) -> list[str]:
    """In every spelling, and the one that was fetched ahead."""
    ahead = store.fetched_path(name)
    return [*store.find_manifests(name), *([ahead] if store.find(ahead) is not None else [])]


def _remove(shop: Workshop, job: Job, removal: Removal, outcome: Outcome) -> None:
    gone = [shop.store.blob_path(blob.digest) for blob in removal.blobs]
    outcome.models.append({**_absent(removal.name, gone), "changed": removal.manifest_path is not None})
    if removal.manifest_path is None:
        outcome.lines.append(f"{removal.name}: not present")
        return
    outcome.changed = True
    outcome.before.append(f"manifest {removal.manifest_path}: {removal.digest or 'not readable'}")
    outcome.before += [f"{blob.role} {shop.store.blob_path(blob.digest)}: {sized(blob.size)}" for blob in removal.blobs]
    outcome.lines.append(f"{removal.name}: removed, {sized(removal.bytes)} freed")
    if removal.kept_because:
        outcome.warnings.append(f"{removal.name}: blobs kept: {removal.kept_because}")
    if not job.check:
        try:
            remove(shop.store, shop.receipts, removal)
        except ReceiptsUnsafe as error:
            outcome.warnings.append(f"stale receipts of {removal.name} could not be removed: {error}")


def _absent(name: ModelName, removed: list[str]) -> Fact:
    return {**plain_entry(ModelState(name, None, False, False)), "removed": removed}


def plain_entry(state: ModelState) -> Fact:
    """An entry of the module's `models` before any change."""
    return {**plain_model(state), "changed": False, "fetched": [], "replaced": []}


def prune(shop: Workshop, job: Job, outcome: Outcome, going: t.Collection[str] = ()) -> None:
    """Remove what no model uses; never in a run that installed, as what it replaced may still be needed."""
    survey = take_survey(shop.store, going)
    bad = ", ".join(map(printable, survey.bad_manifests))
    if bad and survey.unreferenced:
        outcome.warnings.append(f"unreferenced blobs were kept: {bad} cannot be read and may refer to them")
    if not prunable(survey, shop.store, time.time()):
        return
    # In check mode they are still there, and reported with their model.
    removed = {path for model in outcome.models for path in model.get("removed", ())}
    with store_lock(shop, job):
        candidates = prunable(take_survey(shop.store, going), shop.store, time.time())
        unused: list[Leftover] = [one for one in candidates if one.path not in removed]
        for leftover in unused:
            outcome.before.append(f"unused: {leftover.path}: {sized(leftover.bytes)}")
            outcome.pruned.append(leftover.path)
            if not job.check:
                shop.store.disk.remove(leftover.path)
    if unused:
        outcome.changed = True
        outcome.lines.append(f"removed {len(unused)} unused files ({sized(sum(one.bytes for one in unused))})")


def pinned(job: Job) -> list[tuple[ModelName, str | None]]:
    return [(wish.name, wish.digest) for wish in job.wishes]


@contextlib.contextmanager
def store_lock(shop: Workshop, job: Job) -> t.Iterator[None]:
    """Hold the store lock; check mode writes nothing, so it takes none."""
    refuse_unsafe(shop.store)
    if job.check:
        yield
        return
    store, names = shop.store, ", ".join(wish.name.display for wish in job.wishes)
    shop.progress.say(f"waiting for the lock held by {who_holds(store.disk, store.lock_path) or 'another process'}")
    with hold_lock(store.disk, store.lock_path, shop.client.deadline.left(), f"ollama_model of {names}"):
        shop.progress.say("checking the store")
        shop.receipts.read()
        yield
