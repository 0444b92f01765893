# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts as text for node_exporter's textfile collector. Pure and private.

Labels are names of services and models from the wanted state, and versions: nothing that a client could choose.
"""

from __future__ import annotations

import typing as t

from .collect import Facts
from .models import ModelFacts, read_models
from .oom import State, moment

PREFIX = "archiv_ollama_"
_LONGEST_LABEL = 160
Labels = t.Mapping[str, str]
Sample = tuple[Labels, t.Optional[float]]
# By their names without the prefix; what ends in _total is a counter, all others are gauges.
HELP = {
    "info": "Versions of the stack, of this collection, Ollama and the Docker Engine.",
    "engine_up": "Whether the Docker Engine answered.",
    "server_up": "Whether Ollama's API answered.",
    "container_memory_unreclaimable_bytes": "Memory that the kernel cannot take back: anonymous, shared and its own.",
    "container_memory_working_set_bytes": "Memory in use without file pages that were not used lately.",
    "container_memory_peak_bytes": "The most memory that the container has used since it was started.",
    "container_memory_limit_bytes": "The memory limit of the container.",
    "container_oom_kills_total": "Processes that the kernel killed because the container was out of memory.",
    "container_oom_gaps_total": "Times in which such kills may have been missed.",
    "container_restarts_total": "How often the Docker Engine restarted the container.",
    "container_running": "Whether the container runs.",
    "container_healthy": "Whether its health check passes; absent without one, and while it starts.",
    "container_start_time_seconds": "When the container was started.",
    "model_info": "The digest of the model in the store.",
    "model_wanted_digest_matches": "Whether the store has the wanted digest; absent where none is wanted.",
    "model_cached": "Whether all files of the model are there with the right size.",
    "model_intact": "Whether its bytes are right; absent while they are not verified.",
    "model_warm_wanted": "Whether the model is to stay loaded.",
    "model_resident": "Whether the model is loaded.",
    "model_pinned": "Whether the model is loaded with no time after which it is unloaded.",
    "model_gpu_ratio": "The part of the loaded model that is in the memory of a GPU.",
    "gpu_wanted": "Whether a GPU is wanted.",
    "store_blobs_damaged": "Files of wanted models that are damaged.",
    "store_blobs_missing": "Files of wanted models that are missing.",
    "store_unreferenced_bytes": "Bytes of files in the store that no model uses.",
    "store_free_bytes": "Free bytes on the file system of the store.",
    "store_size_bytes": "Size of the file system of the store.",
    "images_free_bytes": "Free bytes on the file system of the Docker Engine's images.",
    "images_size_bytes": "Size of the file system of the Docker Engine's images.",
    "scrub_timestamp_seconds": "When the last scrub ended.",
    "scrub_success": "Whether the last scrub found everything whole.",
    "deploy_timestamp_seconds": "When the host was deployed last.",
    "deploy_success": "Whether the last deploy succeeded.",
    "verify_timestamp_seconds": "When the host was verified last.",
    "verify_success": "Whether the last verification found everything as wanted.",
    "answer_seconds": "How long the model took for one token at the last deploy or verification.",
    "answer_timestamp_seconds": "When that was.",
    "wanted_present": "Whether it is known what is wanted on this host.",
    "wanted_current": "Whether the compose file is the one that the last deploy wrote.",
    "time_seconds": "The clock of the host when this was written.",
    "metrics_interval_seconds": "How often this is written.",
}


def render(facts: Facts, state: State) -> str:
    """The whole file."""
    samples = {**_of_stack(facts), **_of_services(facts, state), **_of_models(facts), **_of_store(facts)}
    lines: list[str] = []
    for name, help_text in HELP.items():
        rows = [_row(name, labels, value) for labels, value in samples.get(name, ()) if value is not None]
        if rows:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {PREFIX}{name} {help_text}", f"# TYPE {PREFIX}{name} {kind}", *rows]
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
    times = {
        f"{event}_{name}": _one(value)
        for event, told in (("scrub", facts.scrub), *((one, facts.records.get(one)) for one in ("deploy", "verify")))
        for name, value in read_result(told).items()
    }
    return {
        "info": [(versions, 1)],
        "engine_up": _one(not facts.engine_problem),
        "server_up": _one(bool(facts.server_version)),
        "gpu_wanted": _one(bool(wanted.gpu)),
        **times,
        "wanted_present": _one(1),
        "wanted_current": _one(not facts.wanted_stale),
        "time_seconds": _one(facts.now),
        "metrics_interval_seconds": _one(wanted.metrics_interval),
    }


def read_result(told: object) -> dict[str, float]:
    """When something ended, and whether well; {} while it never has."""
    if not isinstance(told, dict) or type(told.get("time")) not in (int, float) or "ok" not in told:
        return {}
    return {"timestamp_seconds": told["time"], "success": bool(told["ok"])}


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
    return f"{PREFIX}{name}{{{told}}} {_plain(value)}" if told else f"{PREFIX}{name} {_plain(value)}"


def _escape(text: str) -> str:
    return text[:_LONGEST_LABEL].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _plain(value: float) -> str:
    # Bytes and times have more digits than a float's shortest form would keep readable.
    return str(int(value)) if value == int(value) else f"{value:.3f}"
