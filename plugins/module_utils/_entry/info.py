# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ollama_model_info from its options to its result. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._engine.client import find_remote
from .._engine.volume import connect, find_models_dir
from .._model.wishes import InputInvalid, Wish, read_wishes
from .._registry.access import Access
from .._registry.client import Deadline, RegistryClient
from .._registry.resolve import ask_upstream
from .._serve.assess import Assessment, assess_models, observer
from .._serve.health import Fact
from .._store.inspect import ModelState, Verify
from .._store.receipts import Receipts
from .access import find_mistakes, read_access


@dataclass(frozen=True)
class InfoOptions:
    """The options of the module."""

    wishes: tuple[Wish, ...]
    store: str
    project: str
    service: str
    volume: str
    verify: Verify
    receipts_dir: str
    # Whether the server is asked, and for how long one token may take.
    health: bool
    answer_within: float
    gpu: bool | None
    context_length: int | None
    expect: frozenset[str]
    docker_host: str
    # How registries are asked, None not to, and for how long.
    access: Access | None
    timeout: float


def read_options(params: t.Mapping[str, t.Any]) -> InfoOptions:
    """The options of ollama_model_info; InputInvalid says which are invalid or contradict each other."""
    mistakes = find_mistakes(params) + find_remote(params["docker_host"])
    needs_health = sorted({"healthy", "pinned"} & set(params["expect"]))
    if needs_health and not params["health"]:
        mistakes.append(f"expect: {', '.join(needs_health)} can only be checked with health: true")
    for option in ("answer_within", "timeout"):
        if not 0 < params[option] < float("inf"):
            mistakes.append(f"{option}: {params[option]:g} must be more than 0 seconds")
    if mistakes:
        raise InputInvalid("; ".join(mistakes))
    names = ("project", "service", "volume", "verify", "receipts_dir", "health", "answer_within", "gpu")
    return InfoOptions(
        wishes=tuple(read_wishes(params["models"])),
        store=params["store"] or "",
        expect=frozenset(params["expect"]),
        access=read_access(params) if params["upstream"] else None,
        context_length=params["context_length"],
        docker_host=params["docker_host"],
        timeout=params["timeout"],
        **{name: params[name] for name in names},
    )


def look(options: InfoOptions) -> Assessment:
    """Read the disk and, if wanted, ask the server."""
    engine, why_no_engine = None, ""
    if options.health or not options.store:
        engine, why_no_engine = connect(options.docker_host)
    models_dir = find_models_dir(engine, options.store, options.project, options.volume, why_no_engine)
    ask_server = observer(engine, why_no_engine, options.project, options.service, options.answer_within)
    return assess_models(
        options.wishes,
        models_dir=models_dir,
        verify=options.verify,
        receipts=Receipts(models_dir, options.receipts_dir) if options.verify == "receipt" else None,
        observe=ask_server if options.health else None,
        answer_within=options.answer_within,
        gpu=options.gpu,
        context_length=options.context_length,
    )


def ask(options: InfoOptions, states: t.Sequence[ModelState]) -> list[Fact | None]:
    """The registries' answers for each model, if they are asked."""
    if options.access is None:
        return [None for _ in states]
    client = RegistryClient(options.access, Deadline(options.timeout))
    return [ask_upstream(client, wish.name, wish.digest or state.digest) for wish, state in zip(options.wishes, states)]


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
