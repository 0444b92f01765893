# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges a stack: what Compose wants against what the host shows. Pure and private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

# A compose file that begins so was written by the role.
HEADER = "# Managed by archiv.ollama"

# Changes with every rotation; Compose itself does not look into the files it mounts as secrets.
SECRETS_LABEL = "archiv.ollama.secrets"

# Services whose container may be restarted to mend it: they hold no data. Any other is only reported.
STATELESS = ("backend", "ollama", "ollama-model-init", "ollama-warm")
KEEPER = "ollama-warm"
SERVER = "ollama"

# What the verdict tells of a container.
SHOWN = ("name", "service", "state", "health", "exit_code")

# What is done about a reason, in the words of the report. `wait` alone means that nothing is touched.
ACTIONS = {
    "write": "it is written",
    "create": "it is created",
    "recreate": "its container is recreated",
    "restart": "its container is restarted",
    "start": "it is started",
    "rebuild": "the network is made anew and its containers are connected again",
    "connect": "it is connected",
    "install": "the model is installed",
    "load": "it is loaded",
    "wait": "it is waited for",
    "ask": "a person has to look",
}


@dataclass(frozen=True)
class Reason:
    """One thing that is not as wanted, why that is so, and what is done about it."""

    kind: str
    subject: str
    why: str
    action: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.why}; {ACTIONS[self.action]}"


@dataclass(frozen=True)
class File:
    """A file of the stack as it should be and as it is; a sha256 of "" means that it is missing."""

    path: str
    wanted_sha256: str
    wanted_mode: str
    sha256: str = ""
    mode: str = ""
    ours: bool = True


@dataclass(frozen=True)
class Service:
    """What Compose would run."""

    name: str
    image: str = ""
    config_hash: str = ""
    networks: tuple[str, ...] = ()
    one_shot: bool = False
    published: bool = False
    secrets: str = ""


@dataclass(frozen=True)
class Network:
    """A network: its key in the compose file, whether it is internal, whether it is a plain one."""

    key: str
    internal: bool
    plain: bool = True


@dataclass(frozen=True)
class Wanted:
    """The compose file as Compose itself reads it; networks and volumes under their real names."""

    services: dict[str, Service] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Container:
    """A container of the project as the Engine lists it."""

    name: str
    service: str
    state: str
    health: str = ""
    exit_code: int = 0
    config_hash: str = ""
    compose_version: str = ""
    image_id: str = ""
    config_files: str = ""
    networks: tuple[str, ...] = ()
    secrets: str = ""


@dataclass(frozen=True)
class Observation:
    """Everything one look at a host brought home."""

    files: tuple[File, ...] = ()
    # Why there is no answer from the Engine or from Compose; "" where there is one.
    engine_missing: str = ""
    compose_refused: str = ""
    compose_version: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    containers: tuple[Container, ...] = ()
    # By name; an image or network that is not there is absent.
    images: t.Mapping[str, str] = field(default_factory=dict)
    networks: t.Mapping[str, bool] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    models: tuple[dict[str, t.Any], ...] = ()
    health: dict[str, t.Any] = field(default_factory=dict)


def judge_stack(seen: Observation) -> list[Reason]:
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
    return reasons


def find_orphans(seen: Observation) -> list[str]:
    """Containers of the project whose service the file does not name; reported, never removed."""
    return sorted(
        f"{container.name} ({container.state})"
        for container in seen.containers
        if seen.wanted.services and container.service not in seen.wanted.services
    )


def find_foreign(seen: Observation) -> list[str]:
    """What a person made and a first deploy would take over: files without our header, and
    containers of the project started from a file that is not ours."""
    foreign = [f"{file.path} was not written by us" for file in seen.files if not file.ours]
    if all(file.sha256 for file in seen.files) and not foreign:
        return []
    ours = {file.path for file in seen.files}
    return foreign + [
        f"container {container.name} runs service {container.service} of {container.config_files or 'an unknown file'}"
        for container in seen.containers
        if foreign or not ours.intersection(container.config_files.split(","))
    ]


def write_verdict(project: str, seen: Observation, reasons: t.Sequence[Reason]) -> dict[str, t.Any]:
    """What the module returns: the verdict for tasks, and the same in lines for a person."""
    orphans = find_orphans(seen)
    foreign = find_foreign(seen)
    if not reasons:
        report = [f"{project} is as wanted"]
    else:
        report = [f"{project} is not as wanted:", *(f"- {reason}" for reason in reasons)]
    report += [f"- left alone, the compose file does not name it: {orphan}" for orphan in orphans]
    return {
        "clean": not reasons,
        "reasons": [vars(reason) for reason in reasons],
        "report": report,
        "orphans": orphans,
        "foreign": foreign,
        "engine": not (seen.engine_missing or seen.compose_refused),
        "services": [
            {key: value for key, value in vars(container).items() if key in SHOWN} for container in seen.containers
        ],
    }


def only_waiting(reasons: t.Sequence[Reason]) -> bool:
    """Whether time alone may mend everything that is not as wanted."""
    return all(reason.action == "wait" for reason in reasons)


def _judge_files(seen: Observation) -> list[Reason]:
    reasons = []
    for file in seen.files:
        if not file.sha256:
            reasons.append(Reason("file_missing", file.path, "the file is missing", "write"))
        elif not file.ours:
            reasons.append(Reason("file_foreign", file.path, "it was not written by us", "write"))
        elif file.sha256 != file.wanted_sha256:
            why = "its content is not what the inventory says"
            reasons.append(Reason("file_differs", file.path, why, "write"))
        elif file.mode != file.wanted_mode:
            why = f"its mode is {file.mode}, not {file.wanted_mode}"
            reasons.append(Reason("file_mode", file.path, why, "write"))
    return reasons


def _judge_networks(seen: Observation) -> list[Reason]:
    reasons = []
    for name, network in seen.wanted.networks.items():
        if name not in seen.networks:
            why = "the network does not exist"
            reasons.append(Reason("network_missing", name, why, "create"))
        elif seen.networks[name] != network.internal:
            # Compose 2.26.1 leaves an existing network as it is and says nothing.
            why = "it is not internal" if network.internal else "it is internal and must not be"
            action = "rebuild" if network.plain else "ask"
            reasons.append(Reason("network_internal", name, why, action))
    return reasons


def _judge_service(service: Service, seen: Observation) -> list[Reason]:
    containers = [item for item in seen.containers if item.service == service.name]
    if not containers:
        return [Reason("container_missing", service.name, "it has no container", "create")]
    reasons = []
    for container in containers:
        reasons += _judge_configuration(service, container, seen)
        state = _judge_one_shot if service.one_shot else _judge_running
        reasons += state(service, container)
    return reasons


def _judge_configuration(service: Service, container: Container, seen: Observation) -> list[Reason]:
    reasons = []
    if container.config_hash != service.config_hash:
        kind, why = _name_change(service, container, seen)
        reasons.append(Reason(kind, service.name, why, "recreate"))
    image = seen.images.get(service.image)
    if image and container.image_id and image != container.image_id:
        why = f"the name {service.image} means another image than the one it runs"
        reasons.append(Reason("image_retagged", service.name, why, "recreate"))
    # A container that does not run has no part in a network either; starting it mends that.
    for network in service.networks:
        if container.state == "running" and network not in container.networks:
            why = f"its container is not on {network}"
            reasons.append(Reason("network_detached", service.name, why, "connect"))
    return reasons


def _name_change(service: Service, container: Container, seen: Observation) -> tuple[str, str]:
    if container.secrets != service.secrets:
        return "secret_rotated", "a secret it mounts was rotated"
    if container.compose_version != seen.compose_version:
        return "compose_upgraded", (
            f"Compose was upgraded from {container.compose_version or 'an unknown version'}"
            f" to {seen.compose_version} and counts its configuration as changed"
        )
    return "config_changed", "its container runs with another configuration"


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
    mend = "restart" if service.name in STATELESS else "ask"
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
        action = "wait" if service.name == KEEPER else mend
        return [Reason("container_unhealthy", service.name, "it is unhealthy", action)]
    return []


# What Docker and Compose print, read into the types above.

_HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)")
_EXIT = re.compile(r"\((\d+)\)")


def read_container(summary: t.Mapping[str, t.Any]) -> Container:
    """One entry of the Engine's list of containers (API 1.24 and later)."""
    labels = summary.get("Labels") or {}
    status = summary.get("Status") or ""
    health, exited = _HEALTH.search(status), _EXIT.search(status)
    networks = (summary.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        name=(summary.get("Names") or ["?"])[0].lstrip("/"),
        service=labels.get("com.docker.compose.service", ""),
        state=summary.get("State") or "",
        health=health.group(1) if health else "",
        exit_code=int(exited.group(1)) if exited else 0,
        config_hash=labels.get("com.docker.compose.config-hash", ""),
        compose_version=labels.get("com.docker.compose.version", ""),
        image_id=labels.get("com.docker.compose.image") or summary.get("ImageID") or "",
        config_files=labels.get("com.docker.compose.project.config_files", ""),
        networks=tuple(sorted(networks)),
        secrets=labels.get(SECRETS_LABEL, ""),
    )


def is_one_off(summary: t.Mapping[str, t.Any]) -> bool:
    """Whether a person made it with `compose run`; such a container is nobody's business here."""
    return (summary.get("Labels") or {}).get("com.docker.compose.oneoff") == "True"


def read_hashes(text: str) -> dict[str, str]:
    """The lines of `docker compose config --hash '*'`: a service and its hash."""
    return dict(line.split() for line in text.splitlines() if len(line.split()) == 2)


def read_config(document: t.Mapping[str, t.Any], hashes: t.Mapping[str, str]) -> Wanted:
    """The answer of `docker compose config --format json`."""
    networks = document.get("networks") or {}
    names = {key: (value or {}).get("name", key) for key, value in networks.items()}
    services = document.get("services") or {}
    one_shots = {
        needed
        for service in services.values()
        for needed, how in (service.get("depends_on") or {}).items()
        if how.get("condition") == "service_completed_successfully"
    }
    return Wanted(
        services={
            name: Service(
                name=name,
                image=service.get("image", ""),
                config_hash=hashes.get(name, ""),
                networks=tuple(sorted(names[key] for key in service.get("networks") or {})),
                one_shot=name in one_shots,
                published=bool(service.get("ports")),
                secrets=(service.get("labels") or {}).get(SECRETS_LABEL, ""),
            )
            for name, service in services.items()
        },
        networks={
            names[key]: Network(
                key=key,
                internal=bool((value or {}).get("internal")),
                plain=not set(value or {}) - {"name", "internal", "ipam"} and not (value or {}).get("ipam"),
            )
            for key, value in networks.items()
            if not (value or {}).get("external")
        },
        volumes=tuple(sorted((value or {}).get("name", key) for key, value in (document.get("volumes") or {}).items())),
    )
