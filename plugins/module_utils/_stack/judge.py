# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges a stack: what Compose reads in its file against what the host shows. Pure and private."""

from __future__ import annotations

import datetime
import typing as t

from .._engine.client import Container
from .._engine.compose import Service
from .._model.units import sized
from .._model.versions import is_too_old
from .._serve.health import HealthKind
from .._store.inspect import ModelState
from .._store.receipts import CHANGED
from .actions import find_wrong_networks
from .types import KEEPER, SERVER, STATELESS, Action, Reason, ReasonKind, Seen


def judge_stack(seen: Seen) -> list[Reason]:
    """Every reason why the host is not as wanted; none means clean."""
    reasons = _judge_files(seen)
    if seen.engine_missing:
        return [*reasons, Reason("engine_missing", "Docker", seen.engine_missing, "ask")]
    if seen.compose_refused:
        return [*reasons, Reason("compose_refused", "Compose", seen.compose_refused, "ask")]
    reasons += _judge_networks(seen)
    reasons += [
        Reason("volume_missing", volume, "the volume does not exist", "create")
        for volume in seen.wanted.volumes
        if volume not in seen.volumes
    ]
    for service in seen.wanted.services.values():
        reasons += _judge_service(service, seen)
    for problem in filter(None, (seen.store_problem, seen.models_problem)):
        reasons.append(Reason("models_unknown", "models", problem, "ask"))
    reasons += [reason for model in seen.models for reason in _judge_model(model)]
    return [*reasons, *_judge_health(seen, {reason.subject for reason in reasons})]


def time_may_mend(reasons: t.Sequence[Reason], after_start: bool) -> bool:
    """Whether looking again makes sense; after a start also for what may yet come up by itself."""
    passing = ("wait", "prove", "restart", "start") if after_start else ("wait", "prove")
    return all(reason.action in passing for reason in reasons)


def is_clean(reasons: t.Sequence[Reason]) -> bool:
    """Whether all is as wanted: bytes that nobody has hashed lately are no fault of theirs."""
    return all(reason.action == "prove" for reason in reasons)


def age_of(seen: Seen, now: float) -> float:
    """Seconds since a running container was started last; none that runs is as old as can be."""
    starts = [_moment(item.started) for item in seen.containers if item.state == "running"]
    return now - max(starts, default=0.0)


def _moment(text: str) -> float:
    """Seconds since 1970 of a time as the Engine writes it, whose fraction has nine digits."""
    try:
        return datetime.datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
    except ValueError:
        return 0.0


def _judge_files(seen: Seen) -> list[Reason]:
    reasons = []
    for file in seen.files:
        if not file.wanted_sha256:
            reasons.append(Reason("file_unwanted", file.path, "nothing asks for it any more", "remove"))
        elif not file.sha256:
            reasons.append(Reason("file_missing", file.path, "the file is missing", "write"))
        elif not file.ours:
            reasons.append(Reason("file_foreign", file.path, "it was not written by us", "write"))
        elif file.sha256 != file.wanted_sha256:
            why = "its content is not what the inventory says"
            reasons.append(Reason("file_differs", file.path, why, "write"))
        elif file.mode != file.wanted_mode:
            why = f"its mode is {file.mode}, not {file.wanted_mode}"
            reasons.append(Reason("file_mode", file.path, why, "write"))
        elif file.wanted_owner is not None and file.owner != file.wanted_owner:
            why = f"it belongs to uid {file.owner}, not {file.wanted_owner}"
            reasons.append(Reason("file_owner", file.path, why, "write"))
    return reasons


def _judge_networks(seen: Seen) -> list[Reason]:
    reasons = []
    for name, network in seen.wanted.networks.items():
        if name not in seen.networks:
            why = "the network does not exist"
            reasons.append(Reason("network_missing", name, why, "create"))
        elif name in find_wrong_networks(seen):
            # Compose 2.26.1 leaves an existing network as it is and says nothing.
            why = "it is not internal" if network.internal else "it is internal and must not be"
            action: Action = "rebuild" if network.plain else "ask"
            reasons.append(Reason("network_internal", name, why, action))
    return reasons


def _judge_service(service: Service, seen: Seen) -> list[Reason]:
    containers = [item for item in seen.containers if item.service == service.name]
    if not containers:
        return [Reason("container_missing", service.name, "it has no container", "create")]
    reasons = []
    for container in containers:
        reasons += _judge_configuration(service, container, seen)
        state = _judge_one_shot if service.one_shot else _judge_running
        reasons += state(service, container)
    return reasons


def _judge_configuration(service: Service, container: Container, seen: Seen) -> list[Reason]:
    reasons = []
    if container.config_hash != service.config_hash:
        kind, why = _name_change(service, container, seen)
        reasons.append(Reason(kind, service.name, why, "recreate"))
    image = seen.images.get(service.image)
    if image and container.image and container.image not in image:
        why = f"the name {service.image} means another image than the one it runs"
        reasons.append(Reason("image_retagged", service.name, why, "recreate"))
    if not reasons and container.memory != service.memory:
        # `docker update` changes it behind Compose's back, and the hash stays.
        why = f"its memory limit is {_limit(container.memory)}, not {_limit(service.memory)}"
        reasons.append(Reason("limit_changed", service.name, why, _renew(service)))
    recreated = any(reason.action == "recreate" for reason in reasons)
    if container.outdated and not recreated:
        # A mount keeps the file it was made of, and Compose does not look into it.
        why = f"it was started with another {', '.join(container.outdated)}"
        reasons.append(Reason("secret_rotated", service.name, why, "restart" if service.name in STATELESS else "ask"))
    for network in service.networks:
        if container.state == "running" and network not in container.networks and not recreated:
            if network not in seen.networks and service.name in STATELESS:
                # Compose makes the network, after which there is nobody left to connect.
                why = f"the network {network} it is to be on is gone"
                reasons.append(Reason("network_gone", service.name, why, "recreate"))
                continue
            why = f"its container is not on {network}"
            reasons.append(Reason("network_detached", service.name, why, "connect"))
        elif container.state != "running" and _is_stale(container, network, seen):
            # Compose (2.26.1) makes the network anew but starts the old container, which asks for the old one.
            action = _renew(service)
            why = f"the network {network} it was made for is gone"
            reasons.append(Reason("network_gone", service.name, why, action))
    return reasons


def _renew(service: Service) -> Action:
    return "recreate" if service.name in STATELESS else "ask"


def _is_stale(container: Container, network: str, seen: Seen) -> bool:
    known = container.networks.get(network)
    there = seen.networks.get(network)
    return bool(known) and (there is None or there.id != known)


def _name_change(service: Service, container: Container, seen: Seen) -> tuple[ReasonKind, str]:
    if _numbers(container.compose_version) != _numbers(seen.compose_version):
        return "compose_upgraded", (
            f"Compose was upgraded from {container.compose_version or 'an unknown version'}"
            f" to {seen.compose_version} and counts its configuration as changed"
        )
    return "config_changed", "its container runs with another configuration"


def _numbers(version: str) -> str:
    # Debian's plugin says 2.26.1-4 and writes 2.26.1 into its labels.
    return version.partition("-")[0].partition("+")[0]


def _judge_one_shot(service: Service, container: Container) -> list[Reason]:
    if container.state == "running":
        return [Reason("container_starting", service.name, "it is still at work", "wait")]
    if container.state != "exited":
        why = f"its container is {container.state}"
        return [Reason("container_stopped", service.name, why, "start")]
    if container.exit_code:
        why = f"it ended with exit code {container.exit_code}"
        return [Reason("one_shot_failed", service.name, why, "start")]
    return []


def _judge_running(service: Service, container: Container) -> list[Reason]:
    mend: Action = "restart" if service.name in STATELESS else "ask"
    if container.state == "paused":
        return [Reason("container_paused", service.name, "its container is paused", mend)]
    if container.state == "restarting":
        why = f"its container dies and is restarted again and again (exit code {container.exit_code})"
        return [Reason("container_restarting", service.name, why, "wait")]
    if container.state != "running":
        why = f"its container is {container.state}"
        return [Reason("container_stopped", service.name, why, "start")]
    if container.health == "starting":
        return [Reason("container_starting", service.name, "it is not healthy yet", "wait")]
    if container.health == "unhealthy":
        # The keeper is unhealthy while a model is not loaded, and then it is at work.
        action: Action = "wait" if service.name == KEEPER else mend
        return [Reason("container_unhealthy", service.name, "it is unhealthy", action)]
    return []


def _judge_model(model: ModelState) -> list[Reason]:
    name = model.name.display
    told = "; ".join(problem.text for problem in model.problems)
    pins = [problem for problem in model.problems if problem.kind == "pin"]
    if pins and len(pins) == len(model.problems):
        why = f"{pins[0].expected} is not what the store holds ({pins[0].found})"
        return [Reason("model_other", name, why, "install")]
    if not model.cached and all(problem.kind == "missing" and not problem.blob for problem in model.problems):
        return [Reason("model_missing", name, "it is not in the store", "install")]
    if model.problems:
        return [Reason("model_damaged", name, told, "install")]
    changed = [doubt for doubt in model.unproven if doubt.endswith(CHANGED)]
    if changed:
        return [Reason("model_changed", name, changed[0], "check")]
    if model.intact is None:
        why = model.unproven[0] if model.unproven else "nobody looked"
        size = f"its {sized(model.manifest.size)}" if model.manifest else "its bytes"
        return [Reason("model_unproven", name, f"{size} are not proven ({why})", "prove")]
    return []


# Health's problems that the containers' and models' own reasons tell already.
_TOLD: tuple[HealthKind, ...] = ("engine", "no_container", "not_running", "container_health")
# What mends the others; the keeper loads and pins by itself.
_CURES: dict[HealthKind, Action] = {"not_loaded": "wait", "not_pinned": "wait"}


def _judge_health(seen: Seen, named: set[str]) -> list[Reason]:
    version = seen.healthy.get("version") or ""
    old = is_too_old(version)
    # A tag that names no version is found out only once the server itself speaks.
    reasons = [Reason("image_too_old", SERVER, f"Ollama {version} {old}", "ask")] if old else []
    return reasons + [
        Reason(problem["kind"], problem["subject"], problem["found"], _CURES.get(problem["kind"], "restart"))
        for problem in seen.healthy.get("problems", ())
        if problem["kind"] not in _TOLD and not named.intersection((problem["subject"], SERVER))
    ]


def _limit(size: int) -> str:
    """As the Engine counts it: 0 is no limit."""
    return sized(size) if size else "none"
