# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at models on disk and in memory, shared by every module that judges them. Private."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, replace

from .._engine.client import Engine, EngineError
from .._model.wishes import Wish
from .._store.disk import printable
from .._store.inspect import ModelState, look_at_all
from .._store.paths import Store, Survey
from .._store.receipts import Receipts
from .health import Fact, Observation, judge_health, probe


class NoStore(Exception):
    """The models folder cannot be found; str() is a sentence for the operator."""


class NoVolume(NoStore):
    """The volume does not exist."""


@dataclass(frozen=True)
class Assessment:
    """The state of the wanted models after one look."""

    states: tuple[ModelState, ...]
    survey: Survey
    healthy: Fact
    models_dir: str


def find_models_dir(engine: Engine | None, store: str | None, project: str, volume: str, why_no_engine: str) -> str:
    """The models folder: the given one, else that of the project's volume; NoStore says why there is none."""
    if store:
        if not os.path.isabs(store):
            raise NoStore(f"store {store} is not an absolute path; use the folder that contains blobs and manifests")
        return store
    if engine is None:
        raise NoStore(f"{why_no_engine}; or set store to the models folder, which needs no Engine")
    found = engine.volume(project, volume)
    if found is None:
        raise NoVolume(
            f"the Engine has no volume {volume} of project {project}; run playbooks/deploy.yml,"
            " or set store to the models folder"
        )
    if not found.path:
        raise NoStore(
            f"volume {found.name} cannot be read from the host: {found.why_no_path}; set store to its models folder"
        )
    return os.path.join(found.path, "models")


def assess_models(
    wishes: t.Sequence[Wish],
    *,
    models_dir: str,
    verify: str = "full",
    receipts: Receipts | None = None,
    observe: t.Callable[[t.Sequence[Wish]], Observation] | None = None,
    answer_within: float = 60,
    gpu: bool | None = None,
    context_length: int | None = None,
) -> Assessment:
    """The wanted models on disk and in the server; observe asks the server, None skips it."""
    store = Store(models_dir)
    states = look_at_all(store, [(wish.name, wish.digest) for wish in wishes], verify, receipts)
    healthy: Fact = {}
    if observe is not None:
        # The server must use what is on the disk, whether it is the wanted digest or not.
        served = [replace(wish, digest=state.digest) for wish, state in zip(wishes, states)]
        healthy = judge_health(observe(served), served, answer_within, gpu, context_length)
    return Assessment(tuple(states), store.survey(), healthy, store.models_dir)


def observer(
    engine: Engine | None, why_no_engine: str, project: str, service: str, answer_within: float
) -> t.Callable[[t.Sequence[Wish]], Observation]:
    """How assess_models asks the server of one Compose service; also handles a missing Engine."""

    def observe(wishes: t.Sequence[Wish]) -> Observation:
        if engine is None:
            return Observation(engine_error=why_no_engine)
        return probe(engine, project, service, wishes, answer_within)

    return observe


def connect(docker_host: str) -> tuple[Engine | None, str]:
    """The Engine, or why it is not available: a store can be read without one."""
    try:
        return Engine(docker_host), ""
    except EngineError as error:
        return None, str(error)


def plain_model(state: ModelState) -> Fact:
    """One entry of a module's `models`."""
    return {
        "name": state.name.display,
        "digest": state.digest,
        "cached": state.cached,
        "intact": state.intact,
        "problems": [
            {
                "kind": one.kind,
                "role": one.role,
                "blob": one.blob,
                "path": one.path,
                "expected": one.expected,
                "found": one.found,
                "action": one.action,
            }
            for one in state.problems
        ],
    }


def plain_survey(assessment: Assessment) -> Fact:
    """A module's `store`: what is there besides complete models."""
    survey = assessment.survey
    return {
        "models_dir": assessment.models_dir,
        "partials": [{"path": printable(one.path), "bytes": one.bytes, "role": one.role} for one in survey.partials],
        "unreferenced": [{"path": printable(one.path), "bytes": one.bytes} for one in survey.unreferenced],
        "unreferenced_bytes": sum(one.bytes for one in survey.unreferenced),
        "bad_manifests": [printable(path) for path in survey.bad_manifests],
        "strange": [*survey.unsafe, *survey.strange],
    }


def unmet_expectations(assessment: Assessment, expect: t.Collection[str]) -> list[str]:
    """Every unmet expectation in words: what, the file or answer that shows it, what to do."""
    unmet = [line for state in assessment.states for line in _unmet_on_disk(state, expect)]
    problems = assessment.healthy.get("problems", [])
    if "healthy" in expect:
        return unmet + [f"{one['subject']} is not healthy: {one['found']}; {one['action']}" for one in problems]
    if "pinned" in expect:
        # Only a running server knows what is pinned: if it cannot be asked, the expectation is not met.
        blind = ("engine", "no_container", "not_running", "api")
        kinds = (*blind, "not_listed", "not_loaded", "not_pinned")
        unmet += [
            f"{one['subject']} is not pinned in memory: {one['found']}; {one['action']}"
            for one in problems
            if one["kind"] in kinds
        ]
    return unmet


def _unmet_on_disk(state: ModelState, expect: t.Collection[str]) -> t.Iterator[str]:
    lost = [word for word, fact in (("cached", state.cached), ("intact", state.intact)) if word in expect and not fact]
    if not lost:
        return
    missing = " and not ".join(lost)
    if state.intact is None:
        yield f"{state.name} is not verified: {'; '.join(state.unproven)}; run with verify: full"
    for one in state.problems:
        yield f"{state.name} is not {missing}: {one.text}; {one.action}"


def summary(assessment: Assessment) -> str:
    """One sentence a model, one for the server: the module's msg."""
    parts = [_summary_of(state) for state in assessment.states]
    if assessment.healthy:
        problems = assessment.healthy["problems"]
        words = "; ".join(f"{one['subject']}: {one['found']}" for one in problems)
        words = words or ("busy with other requests" if assessment.healthy["busy"] else "it answers")
        parts.append(f"{'healthy' if assessment.healthy['ok'] else 'not healthy'}: {words}")
    return ". ".join(parts)


def _summary_of(state: ModelState) -> str:
    cached = "cached" if state.cached else "not cached"
    intact = {True: "intact", False: "not intact", None: "not verified"}[state.intact]
    reasons = [one.text for one in state.problems] or list(state.unproven)
    return f"{state.name}: {cached}, {intact}" + (f" ({'; '.join(reasons)})" if reasons else "")
