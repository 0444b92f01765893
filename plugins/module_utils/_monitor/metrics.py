# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts as text for node_exporter's textfile collector. Pure and private.

Labels are names of services and models from the wanted state, and versions: nothing that a client could choose.
"""

from __future__ import annotations

import typing as t
from itertools import accumulate

from .._serve.gate import WITHIN
from .._store.disk import printable
from .collect import Facts, read_ended
from .models import ModelFacts, read_models
from .names import METRICS, PREFIX
from .oom import State, moment

_LONGEST_LABEL = 160
Labels = t.Mapping[str, str]
Sample = tuple[Labels, t.Optional[float]]


def render(facts: Facts, state: State) -> str:
    """The whole file."""
    samples = {
        **_of_stack(facts),
        **_of_services(facts, state),
        **_of_gate(facts),
        **_of_models(facts),
        **_of_store(facts),
    }
    lines: list[str] = []
    for metric in METRICS:
        rows = [
            _row(series, labels, value)
            for series in metric.series
            for labels, value in samples.get(series[len(PREFIX) :], ())
            if value is not None
        ]
        if rows:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.type}", *rows]
    return "\n".join(lines) + "\n"


def _of_stack(facts: Facts) -> dict[str, list[Sample]]:
    wanted = facts.wanted
    if wanted is None:
        return {"wanted_present": _one(0), "time_seconds": _one(facts.now)}
    versions = {
        "project": wanted.project,
        "version": wanted.version,
        "ollama_version": facts.server_version,
        "engine_version": facts.engine_version,
    }
    ended = {
        "scrub": facts.scrub.ended,
        **{event: read_ended(facts.records.get(event)) for event in ("deploy", "verify")},
    }
    times = {
        f"{event}_{name}": _one(value)
        for event, one in ended.items()
        if one is not None
        for name, value in (("timestamp_seconds", one.time), ("success", one.ok))
    }
    return {
        "info": [(versions, 1)],
        "engine_up": _one(not facts.engine_problem),
        "server_up": _one(bool(facts.server_version)),
        "gpu_wanted": _one(bool(wanted.gpu)),
        "switch_interrupted": _one(facts.switch.interrupted),
        **times,
        "wanted_present": _one(1),
        "wanted_current": _one(not facts.wanted_stale),
        "time_seconds": _one(facts.now),
        "metrics_interval_seconds": _one(wanted.metrics_interval),
    }


def _of_services(facts: Facts, state: State) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}

    def add(name: str, service: str, value: float | None) -> None:
        found.setdefault(f"container_{name}", []).append(({"service": service}, value))

    for service, one in state.counts.items():
        add("oom_kills_total", service, one.oom_kills)
        add("oom_gaps_total", service, one.gaps)
        add("restarts_total", service, one.restarts)
        if facts.look is not None:
            container = facts.containers.get(service)
            add("running", service, container is not None and container.state == "running")
    for service, container in facts.containers.items():
        memory = facts.memory[service]
        add("memory_unreclaimable_bytes", service, memory.unreclaimable)
        add("memory_working_set_bytes", service, memory.working_set)
        add("memory_peak_bytes", service, memory.peak)
        add("memory_limit_bytes", service, memory.limit)
        if container.state == "running":
            add("start_time_seconds", service, moment(container.started) / 1e9)
            healthy = {"healthy": True, "unhealthy": False}.get(container.health)
            add("healthy", service, healthy)
    return found


def _of_gate(facts: Facts) -> dict[str, list[Sample]]:
    if facts.wanted is None or not facts.wanted.gate:
        return {}
    counts = facts.gate
    if counts is None:
        return {"gate_up": _one(0)}
    # The gate counts while it tells: an answer may be in a bucket already and not yet in those of longer times.
    reached = list(accumulate((*(counts.within[seconds] for seconds in WITHIN), counts.answered), max))
    bounds = (*map(str, WITHIN), "+Inf")
    return {
        "gate_up": _one(1),
        "gate_waiting": _one(counts.waiting),
        "gate_at_work": _one(counts.at_work),
        "gate_questions_total": _one(counts.questions),
        "gate_light_total": _one(counts.light),
        "gate_without_token_total": _one(counts.without_token),
        "gate_refused_total": [({"reason": reason}, count) for reason, count in counts.refused.items()],
        "gate_answer_seconds_bucket": [({"le": bound}, count) for bound, count in zip(bounds, reached)],
        "gate_answer_seconds_sum": _one(counts.answered_milliseconds / 1000),
        "gate_answer_seconds_count": _one(reached[-1]),
    }


def _of_models(facts: Facts) -> dict[str, list[Sample]]:
    models = read_models(facts)
    values: dict[str, t.Callable[[ModelFacts], float | None]] = {
        "model_wanted_digest_matches": lambda one: one.matches,
        "model_cached": lambda one: one.cached,
        "model_intact": lambda one: one.intact,
        "model_warm_wanted": lambda one: one.wish.warm,
        "model_resident": lambda one: one.resident,
        "model_pinned": lambda one: one.pinned,
        "model_gpu_ratio": lambda one: one.gpu_ratio,
        "answer_seconds": lambda one: one.answer_seconds,
        "answer_timestamp_seconds": lambda one: one.answer_time,
    }
    found: dict[str, list[Sample]] = {
        name: [({"model": one.name}, value(one)) for one in models] for name, value in values.items()
    }
    found["model_info"] = [({"model": one.name, "digest": one.digest}, 1) for one in models if one.digest]
    return found


def _of_store(facts: Facts) -> dict[str, list[Sample]]:
    store, images = facts.store, facts.images
    return {
        "store_blobs_damaged": _one(len(store.damaged) if store else None),
        "store_blobs_missing": _one(len(store.missing) if store else None),
        "store_unreferenced_bytes": _one(store.unreferenced if store else None),
        "store_free_bytes": _one(store.disk.free if store and store.disk else None),
        "store_size_bytes": _one(store.disk.size if store and store.disk else None),
        "images_free_bytes": _one(images.free if images else None),
        "images_size_bytes": _one(images.size if images else None),
    }


def _one(value: float | None) -> list[Sample]:
    return [({}, value)]


def _row(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
    return f"{name}{{{told}}} {_plain(value)}" if told else f"{name} {_plain(value)}"


def _escape(text: str) -> str:
    # A server may call its version whatever it likes; what a parser stumbles over would cost all metrics of the host.
    return printable(text)[:_LONGEST_LABEL].replace("\\", "\\\\").replace('"', '\\"')


def _plain(value: float) -> str:
    # Bytes and times have more digits than a float's shortest form would keep readable.
    return str(int(value)) if value == int(value) else f"{value:.3f}"
