# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges files, networks and containers, with Docker's own health of each, against the inventory. Pure and private."""

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
from .actions import find_leftovers, find_wrong_networks, is_gate, is_leftover
from .locked import judge_images
from .releases import judge_releases
from .types import GATE, KEEPER, SERVER, STATELESS, Action, Reason, ReasonKind, Seen


def judge_stack(seen: Seen) -> list[Reason]:
    """Every difference from the inventory; none means clean."""
    reasons = _judge_files(seen) + _judge_installed(seen)
    if seen.engine_missing:
        return [*reasons, Reason("engine_missing", "Docker", seen.engine_missing, "ask")]
    if seen.compose_refused:
        return [*reasons, Reason("compose_refused", "Compose", seen.compose_refused, "ask")]
    reasons += judge_images(seen)
    reasons += _judge_networks(seen)
    reasons += [
        Reason("volume_missing", volume, "volume does not exist", "create")
        for volume in seen.wanted.volumes
        if volume not in seen.volumes
    ]
    for service in seen.wanted.services.values():
        reasons += _judge_service(service, seen) if service.name not in seen.ignored else ()
    reasons += [
        # Its names on the network lead to it as long as it runs.
        Reason("container_unwanted", item.name, "the gate is no longer wanted", "remove")
        for item in seen.containers
        if is_gate(item) and seen.wanted.services and GATE not in seen.wanted.services
    ]
    reasons += [
        Reason("container_leftover", name, "made by a run that was interrupted, and never started", "remove")
        for name in find_leftovers(seen)
    ]
    reasons += _judge_gate(seen, [reason.action for reason in reasons if reason.subject == GATE])
    for problem in filter(None, (seen.store_problem, seen.models_problem)):
        reasons.append(Reason("models_unknown", "models", problem, "ask"))
    reasons += [reason for model in seen.models for reason in _judge_model(model)]
    reasons += judge_releases(seen)
    # A model whose bytes are not verified may also not be loaded.
    return [*reasons, *_judge_health(seen, {reason.subject for reason in reasons if reason.action != "prove"})]


def time_may_mend(reasons: t.Sequence[Reason], after_start: bool) -> bool:
    """Whether to look again; after a start also for what may still come up."""
    passing = ("wait", "prove", "reload", "restart", "start") if after_start else ("wait", "prove")
    return all(reason.action in passing for reason in reasons)


def is_clean(reasons: t.Sequence[Reason]) -> bool:
    """Whether everything matches: models that were not hashed recently do not count."""
    return all(reason.action == "prove" for reason in reasons)


def age_of(seen: Seen, now: float) -> float:
    """Seconds since the latest start of a running container; very large if none runs."""
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
            reasons.append(Reason("file_unwanted", file.path, "no longer needed", "remove"))
        elif not file.sha256:
            reasons.append(Reason("file_missing", file.path, "file is missing", "write"))
        elif not file.ours:
            reasons.append(Reason("file_foreign", file.path, "not managed by archiv.ollama", "write"))
        elif file.sha256 != file.wanted_sha256:
            why = "content differs from the inventory"
            reasons.append(Reason("file_differs", file.path, why, "write"))
        elif file.mode != file.wanted_mode:
            why = f"mode is {file.mode}, expected {file.wanted_mode}"
            reasons.append(Reason("file_mode", file.path, why, "write"))
        elif file.wanted_owner is not None and file.owner != file.wanted_owner:
            why = f"owner is uid {file.owner}, expected {file.wanted_owner}"
            reasons.append(Reason("file_owner", file.path, why, "write"))
    return reasons


def _judge_installed(seen: Seen) -> list[Reason]:
    reasons = []
    for one in seen.installed:
        if not one.wanted_sha256 and one.present:
            reasons.append(Reason("monitor_unwanted", one.path, "no longer needed", "remove"))
        elif one.wanted_sha256 and not one.present:
            reasons.append(Reason("monitor_missing", one.path, "is missing", "monitor"))
        elif one.shared:
            reasons.append(Reason("monitor_differs", one.path, one.shared, "monitor"))
        elif one.sha256 != one.wanted_sha256:
            reasons.append(Reason("monitor_differs", one.path, "content differs from the inventory", "monitor"))
    return reasons


def _judge_networks(seen: Seen) -> list[Reason]:
    reasons = []
    for name, network in seen.wanted.networks.items():
        if name not in seen.networks:
            why = "network does not exist"
            reasons.append(Reason("network_missing", name, why, "create"))
        elif name in find_wrong_networks(seen):
            # Compose 2.26.1 silently keeps an existing network.
            why = "network is not internal" if network.internal else "network is internal and must not be"
            action: Action = "rebuild" if network.plain else "ask"
            reasons.append(Reason("network_internal", name, why, action))
    return reasons


def _judge_service(service: Service, seen: Seen) -> list[Reason]:
    containers = [item for item in seen.containers if item.service == service.name and not is_leftover(item)]
    if not containers:
        return [Reason("container_missing", service.name, "container does not exist", "create")]
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
    if image and container.image and container.image not in image.runs:
        why = f"tag {service.image} now points to a different image than the running container"
        reasons.append(Reason("image_retagged", service.name, why, "recreate"))
    if not reasons and container.memory != service.memory:
        # `docker update` changes it without Compose, and the hash stays the same.
        why = f"memory limit is {_limit(container.memory)}, expected {_limit(service.memory)}"
        reasons.append(Reason("limit_changed", service.name, why, _renew(service)))
    recreated = any(reason.action == "recreate" for reason in reasons)
    if container.swaps and not recreated:
        # Of a limit of 0 runc tells the kernel and not systemd, which allows swap when it reads its units anew
        # (opencontainers/cgroups#74, moby/moby#51446; seen with runc 1.1.15 and systemd 257).
        why = "the kernel lets it swap, because systemd has taken back the limit that the Engine had set"
        reasons.append(Reason("swap_allowed", service.name, why, "forbid"))
    if container.outdated and not recreated:
        # A mount keeps the file it was created from, and Compose does not compare its content.
        why = f"still runs with the old value of secret {', '.join(container.outdated)}"
        reasons.append(Reason("secret_rotated", service.name, why, "restart" if service.name in STATELESS else "ask"))
    for network in service.networks:
        if container.state == "running" and network not in container.networks and not recreated:
            if network not in seen.networks and service.name in STATELESS:
                # Compose creates the network, but does not connect running containers.
                why = f"network {network} was deleted"
                reasons.append(Reason("network_gone", service.name, why, "recreate"))
                continue
            why = f"container is not connected to network {network}"
            reasons.append(Reason("network_detached", service.name, why, "connect"))
        elif container.state != "running" and _is_stale(container, network, seen):
            # Compose (2.26.1) recreates the network but starts the old container, which refers to the old one.
            action = _renew(service)
            why = f"network {network} was deleted, so the container cannot start"
            reasons.append(Reason("network_gone", service.name, why, action))
    return reasons


# What starts a container anew, or leaves that to a person.
_STARTS: frozenset[Action] = frozenset(("ask", "create", "recreate", "restart", "start"))


def _judge_gate(seen: Seen, told: t.Sequence[Action]) -> list[Reason]:
    """Whether the gate has loaded its files; one that is about to be started anew will."""
    if seen.gate is None or not _STARTS.isdisjoint(told):
        return []
    if seen.gate.problem:
        # Docker's own look at its health, which asks the same, tells a gate that hangs from one that is busy.
        return [] if "wait" in told else [Reason("gate_silent", GATE, seen.gate.problem, "wait")]
    if seen.gate.mark != seen.gate_wanted:
        return [Reason("gate_outdated", GATE, "has not loaded the files that the inventory describes", "reload")]
    return []


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
            f" to {seen.compose_version} and treats the configuration as changed"
        )
    return "config_changed", "container runs with a different configuration"


def _numbers(version: str) -> str:
    # Debian's plugin says 2.26.1-4 and writes 2.26.1 into its labels.
    return version.partition("-")[0].partition("+")[0]


def _judge_one_shot(service: Service, container: Container) -> list[Reason]:
    if container.state == "running":
        return [Reason("container_starting", service.name, "still running", "wait")]
    if container.state != "exited":
        why = f"container is {container.state}"
        return [Reason("container_stopped", service.name, why, "start")]
    if container.exit_code:
        why = f"exited with code {container.exit_code}"
        return [Reason("one_shot_failed", service.name, why, "start")]
    return []


def _judge_running(service: Service, container: Container) -> list[Reason]:
    mend: Action = "restart" if service.name in STATELESS else "ask"
    if container.state == "paused":
        return [Reason("container_paused", service.name, "container is paused", mend)]
    if container.state == "restarting":
        why = f"container keeps restarting, last exit code {container.exit_code}"
        if container.oom_killed:
            why = "container keeps restarting: the kernel kills it at its memory limit, so raise the limit"
        return [Reason("container_restarting", service.name, why, "wait")]
    if container.state != "running":
        why = f"container is {container.state}"
        return [Reason("container_stopped", service.name, why, "start")]
    if container.health == "starting":
        return [Reason("container_starting", service.name, "container is not healthy yet", "wait")]
    if container.health == "unhealthy":
        # The keeper is unhealthy while it loads a model.
        action: Action = "wait" if service.name == KEEPER else mend
        return [Reason("container_unhealthy", service.name, "container is unhealthy", action)]
    return []


def _judge_model(model: ModelState) -> list[Reason]:
    name = model.name.display
    told = "; ".join(problem.text for problem in model.problems)
    pins = [problem for problem in model.problems if problem.kind == "pin"]
    if pins and len(pins) == len(model.problems):
        why = f"the store has {pins[0].found}, expected {pins[0].expected}"
        return [Reason("model_other", name, why, "install")]
    if not model.cached and all(problem.kind == "missing" and not problem.blob for problem in model.problems):
        return [Reason("model_missing", name, "not in the store", "install")]
    if model.problems:
        return [Reason("model_damaged", name, told, "install")]
    changed = [doubt for doubt in model.unproven if doubt.endswith(CHANGED)]
    if changed:
        return [Reason("model_changed", name, changed[0], "check")]
    if model.intact is None:
        why = model.unproven[0] if model.unproven else "not checked"
        size = sized(model.manifest.size) if model.manifest else "bytes"
        return [Reason("model_unproven", name, f"{size} not verified; {why}", "prove")]
    return []


# Problems of health that the reasons of containers and models already cover.
_TOLD: tuple[HealthKind, ...] = ("engine", "no_container", "not_running", "container_health")
# What is done about the others; the keeper loads and pins models.
_CURES: dict[HealthKind, Action] = {"not_loaded": "wait", "not_pinned": "wait"}


def _judge_health(seen: Seen, named: set[str]) -> list[Reason]:
    version = seen.healthy.get("version") or ""
    old = is_too_old(version)
    # If the tag has no version, it is only known from the running server.
    reasons = [Reason("image_too_old", SERVER, f"Ollama {version} {old}", "ask")] if old else []
    return reasons + [
        Reason(problem["kind"], problem["subject"], problem["found"], _CURES.get(problem["kind"], "restart"))
        for problem in seen.healthy.get("problems", ())
        if problem["kind"] not in _TOLD and not named.intersection((problem["subject"], SERVER))
    ]


def _limit(size: int) -> str:
    """As the Engine counts it: 0 is no limit."""
    return sized(size) if size else "none"
