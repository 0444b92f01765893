# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares a stack as Compose reads it with the host. Pure and private to this collection."""

from __future__ import annotations

import datetime
import typing as t
from dataclasses import dataclass, field

from .._model.versions import is_too_old
from .._store.inspect import ModelState
from .._store.receipts import CHANGED
from .preflight import sized

# A compose file that starts with this was written by the role.
HEADER = "# Managed by archiv.ollama"

# Services whose containers may be restarted: they have no data. Others are only reported.
STATELESS = ("backend", "ollama", "ollama-model-init", "ollama-warm")
BACKEND = "backend"
KEEPER = "ollama-warm"
SERVER = "ollama"

# What the verdict shows of a container.
SHOWN = ("name", "service", "state", "health", "exit_code", "started")

_LABEL = "com.docker.compose."

# What is done about a reason, in words that also fit a run that only looks. With `wait` nothing is changed, with
# `prove` nothing is wrong.
ACTIONS = {
    "write": "deploy will write it",
    "remove": "deploy will remove it",
    "create": "deploy will create it",
    "recreate": "deploy will recreate the container",
    "restart": "deploy will restart the container",
    "start": "deploy will start it",
    "rebuild": "deploy will recreate the network and reconnect its containers",
    "connect": "deploy will connect it",
    "install": "deploy will install it",
    "check": "deploy will hash it, and reinstall it if it is damaged",
    "prove": "deploy will hash it, as does verify.yml with -e verify=full",
    "wait": "may recover on its own",
    "ask": "needs manual action",
}


@dataclass(frozen=True)
class Reason:
    """One difference from the inventory, why, and what is done about it."""

    kind: str
    subject: str
    why: str
    action: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.why} ({ACTIONS[self.action]})"


@dataclass(frozen=True)
class File:
    """A file of the stack as it should be and as it is; a sha256 of "" means that it is missing, or should be."""

    path: str
    wanted_sha256: str
    wanted_mode: str
    sha256: str = ""
    mode: str = ""
    ours: bool = True
    # The uids; None if any owner is fine.
    wanted_owner: int | None = None
    owner: int | None = None


@dataclass(frozen=True)
class Service:
    """What Compose would run."""

    name: str
    image: str = ""
    config_hash: str = ""
    networks: tuple[str, ...] = ()
    one_shot: bool = False
    published: bool = False
    memory: int = 0
    # Services with which it is restarted, from `restart: true` in its depends_on.
    restarts_with: tuple[str, ...] = ()
    # More names that it has on a network.
    aliases: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
class NetworkSeen:
    """A network that exists."""

    id: str
    internal: bool


@dataclass(frozen=True)
class Container:
    """A container of the project as the Engine lists it."""

    name: str
    service: str
    state: str
    health: str = ""
    exit_code: int = 0
    started: str = ""
    config_hash: str = ""
    compose_version: str = ""
    # The platform manifest it runs, or the image's id where the Engine keeps no manifests.
    image: str = ""
    # The real paths of its project's files, as Compose lists them, and its project folder.
    config_files: str = ""
    working_dir: str = ""
    env_files: str = ""
    # The id of each of its networks, as it was when it was connected.
    networks: t.Mapping[str, str] = field(default_factory=dict)
    # The names it has on each of them.
    aliases: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    memory: int = 0
    # Secrets that have changed since it was started.
    outdated: tuple[str, ...] = ()
    # The uid of its process, if there are secrets.
    uid: int | None = None


@dataclass(frozen=True)
class Observation:
    """Everything that one look at a host found."""

    files: tuple[File, ...] = ()
    # The real path of the first of them, the compose file.
    compose_file: str = ""
    # Why there is no answer from the Engine or from Compose; "" where there is one.
    engine_missing: str = ""
    compose_refused: str = ""
    compose_version: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    containers: tuple[Container, ...] = ()
    # By name; missing images and networks are absent. An image is the set of what its containers may run.
    images: t.Mapping[str, frozenset[str]] = field(default_factory=dict)
    networks: t.Mapping[str, NetworkSeen] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    # Where the models are on the host, or "" if unknown.
    models_dir: str = ""
    store_problem: str = ""
    # Unexpected files in it, which are left alone.
    strange: tuple[str, ...] = ()
    # What is wrong with the wanted models; the preflight reports it with the names of the inputs.
    models_problem: str = ""
    models: tuple[ModelState, ...] = ()
    # Bytes of blobs that no model uses, and free bytes on their file system; None if unknown.
    unreferenced: int | None = None
    free: int | None = None
    # The result of judge_health; {} if the server could not be asked.
    healthy: t.Mapping[str, t.Any] = field(default_factory=dict)


def judge_stack(seen: Observation) -> list[Reason]:
    """Every difference from the inventory; none means clean."""
    reasons = _judge_files(seen)
    if seen.engine_missing:
        return [*reasons, Reason("engine_missing", "Docker", seen.engine_missing, "ask")]
    if seen.compose_refused:
        return [*reasons, Reason("compose_refused", "Compose", seen.compose_refused, "ask")]
    reasons += _judge_networks(seen)
    reasons += [
        Reason("volume_missing", volume, "volume does not exist", "create")
        for volume in seen.wanted.volumes
        if volume not in seen.volumes
    ]
    for service in seen.wanted.services.values():
        reasons += _judge_service(service, seen)
    for problem in filter(None, (seen.store_problem, seen.models_problem)):
        reasons.append(Reason("models_unknown", "models", problem, "ask"))
    reasons += [reason for model in seen.models for reason in _judge_model(model)]
    return [*reasons, *_judge_health(seen, {reason.subject for reason in reasons})]


def find_missing_images(seen: Observation) -> list[str]:
    """Images that a start would have to pull."""
    return sorted({service.image for service in seen.wanted.services.values()} - set(seen.images) - {""})


def find_orphans(seen: Observation) -> list[str]:
    """Containers of the project whose service the file does not name; reported, never removed."""
    return sorted(
        f"{container.name} ({container.state})"
        for container in seen.containers
        if seen.wanted.services and container.service not in seen.wanted.services
    )


def find_foreign(seen: Observation) -> list[str]:
    """What was created by hand and a first deploy would take over: files without our header, and
    containers of the project started from a file that is not ours."""
    foreign = [f"{file.path} is not managed by archiv.ollama" for file in seen.files if not file.ours]
    if not foreign and (not seen.files or seen.files[0].sha256):
        return []
    return foreign + [
        f"container {container.name} ({container.service}) is from {container.config_files or 'an unknown file'}"
        for container in seen.containers
        if foreign or seen.compose_file not in container.config_files.split(",")
    ]


def find_adopted(seen: Observation) -> Container | None:
    """The backend of a stack that was set up by hand; None if there is none to adopt."""
    foreign = bool(find_foreign(seen))
    return next((item for item in seen.containers if foreign and item.service == BACKEND), None)


def find_wrong_networks(seen: Observation) -> list[str]:
    """Networks that are internal although they must not be, or the other way round."""
    wanted = seen.wanted.networks
    return [name for name in wanted if name in seen.networks and seen.networks[name].internal != wanted[name].internal]


def write_verdict(
    project: str,
    seen: Observation,
    reasons: t.Sequence[Reason],
    logs: t.Mapping[str, t.Sequence[str]],
    refusals: t.Sequence[str],
    after_start: bool = False,
) -> dict[str, t.Any]:
    """The module's result: the verdict for tasks, and the same as text."""
    unproven = [reason for reason in reasons if reason.action == "prove"]
    reasons = [reason for reason in reasons if reason.action != "prove"]
    recreated = find_recreations(seen, reasons)
    # Recreated containers need neither.
    gone = {item.name for item in seen.containers if item.service in recreated}
    return {
        "clean": not reasons,
        "reasons": [vars(reason) for reason in reasons],
        "report": _write_report(project, reasons, unproven, logs, after_start),
        "refusals": list(refusals),
        "orphans": find_orphans(seen),
        "foreign": find_foreign(seen),
        "engine": not (seen.engine_missing or seen.compose_refused),
        "start": any(reason.action not in ("install", "check", "wait") for reason in reasons),
        "prove": [reason.subject for reason in unproven],
        "restart": [name for name in find_restarts(seen, reasons) if name not in gone],
        "rebuild": find_rebuilds(seen, reasons),
        "connect": [lost for lost in find_connections(seen, reasons) if lost["container"] not in gone],
        "recreate": recreated,
        "pull": find_missing_images(seen),
        "models_dir": seen.models_dir,
        "models": [
            {
                "name": model.name.display,
                "digest": model.digest,
                "cached": model.cached,
                "intact": model.intact,
                "unproven": list(model.unproven),
            }
            for model in seen.models
        ],
        "store": {"unreferenced_bytes": seen.unreferenced, "free_bytes": seen.free},
        "healthy": dict(seen.healthy),
        "services": [
            {key: value for key, value in vars(container).items() if key in SHOWN} for container in seen.containers
        ],
    }


def _write_report(
    project: str,
    reasons: t.Sequence[Reason],
    unproven: t.Sequence[Reason],
    logs: t.Mapping[str, t.Sequence[str]],
    after_start: bool,
) -> list[str]:
    return [
        f"{project} differs from the inventory:" if reasons else f"{project} matches the inventory",
        # At the end of a deploy, no further deploy is announced.
        *(f"- {reason.subject}: {reason.why}" if after_start else f"- {reason}" for reason in reasons),
        *(f"- {reason}" for reason in unproven),
        *(f"{name} | {line}" for name, lines in logs.items() for line in lines),
    ]


def find_notes(seen: Observation) -> list[str]:
    """What the operator should know although nothing is done about it."""
    left = [f"not in the compose file, left alone: {orphan}" for orphan in find_orphans(seen)]
    owners = {file.wanted_owner for file in seen.files} - {None}
    left += [
        f"{item.name} runs as uid {item.uid}, which cannot read its secrets: set ollama_stack_backend_uid to"
        f" {item.uid}, unless its entrypoint reads them as root"
        for item in seen.containers
        if owners and item.service == BACKEND and item.uid not in {None, 0, *owners}
    ]
    odd = [f"{one['subject']}: {one['found']}; {one['action']}" for one in seen.healthy.get("warnings", ())]
    return [*left, *odd, *seen.strange]


def find_restarts(seen: Observation, reasons: t.Sequence[Reason]) -> list[str]:
    """Containers that must be restarted; a problem of a model is one of its server."""
    services = {
        reason.subject if reason.subject in seen.wanted.services else SERVER
        for reason in reasons
        if reason.action == "restart"
    }
    return [container.name for container in seen.containers if container.service in services]


def find_suspects(seen: Observation, reasons: t.Sequence[Reason]) -> list[str]:
    """Containers whose logs may show why they do not run properly."""
    kinds = ("container_stopped", "container_restarting", "container_unhealthy", "one_shot_failed", "api", "no_answer")
    subjects = {reason.subject for reason in reasons if reason.kind in kinds}
    if any(reason.kind == "not_loaded" for reason in reasons):
        subjects.add(KEEPER)
    return [item.name for item in seen.containers if subjects.intersection((item.service, item.name))]


def find_rebuilds(seen: Observation, reasons: t.Sequence[Reason]) -> list[dict[str, t.Any]]:
    """Networks to be recreated, and the project's containers on them."""
    return [
        {
            "name": reason.subject,
            "key": seen.wanted.networks[reason.subject].key,
            "internal": seen.wanted.networks[reason.subject].internal,
            "containers": [
                {"name": item.name, "aliases": _names_on(reason.subject, item, item.aliases)}
                for item in seen.containers
                if reason.subject in item.networks
            ],
        }
        for reason in reasons
        if reason.action == "rebuild"
    ]


def find_connections(seen: Observation, reasons: t.Sequence[Reason]) -> list[dict[str, t.Any]]:
    """Running containers to be reconnected to a network: Compose (2.26.1) does not do that."""
    services = {reason.subject for reason in reasons if reason.action == "connect"}
    return [
        {
            "network": network,
            "container": container.name,
            "aliases": _names_on(network, container, seen.wanted.services[container.service].aliases),
        }
        for container in seen.containers
        if container.state == "running" and container.service in services
        for network in seen.wanted.services[container.service].networks
        if network not in container.networks and network in seen.networks
    ]


def _names_on(network: str, container: Container, aliases: t.Mapping[str, tuple[str, ...]]) -> list[str]:
    """Those that Compose gives each container, and its own."""
    return sorted({container.service, container.name, *aliases.get(network, ())})


def find_recreations(seen: Observation, reasons: t.Sequence[Reason]) -> list[str]:
    """Services that Compose must recreate, whether it finds them changed or not."""
    services = {reason.subject for reason in reasons if reason.action == "recreate"}
    # Compose restarts these with the others, but only if both are given.
    while more := {item.name for item in seen.wanted.services.values() if services & {*item.restarts_with}} - services:
        services |= more
    return sorted(services)


def time_may_mend(reasons: t.Sequence[Reason], after_start: bool) -> bool:
    """Whether to look again; after a start also for what may still come up."""
    passing = ("wait", "prove", "restart", "start") if after_start else ("wait", "prove")
    return all(reason.action in passing for reason in reasons)


def is_clean(reasons: t.Sequence[Reason]) -> bool:
    """Whether everything matches: models that were not hashed recently do not count."""
    return all(reason.action == "prove" for reason in reasons)


def age_of(seen: Observation, now: float) -> float:
    """Seconds since the latest start of a running container; very large if none runs."""
    starts = [_moment(item.started) for item in seen.containers if item.state == "running"]
    return now - max(starts, default=0.0)


def _moment(text: str) -> float:
    """Seconds since 1970 of a time as the Engine writes it, whose fraction has nine digits."""
    try:
        return datetime.datetime.fromisoformat(f"{text[:19]}+00:00").timestamp()
    except ValueError:
        return 0.0


def _judge_files(seen: Observation) -> list[Reason]:
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


def _judge_networks(seen: Observation) -> list[Reason]:
    reasons = []
    for name, network in seen.wanted.networks.items():
        if name not in seen.networks:
            why = "network does not exist"
            reasons.append(Reason("network_missing", name, why, "create"))
        elif name in find_wrong_networks(seen):
            # Compose 2.26.1 silently keeps an existing network.
            why = "network is not internal" if network.internal else "network is internal and must not be"
            action = "rebuild" if network.plain else "ask"
            reasons.append(Reason("network_internal", name, why, action))
    return reasons


def _judge_service(service: Service, seen: Observation) -> list[Reason]:
    containers = [item for item in seen.containers if item.service == service.name]
    if not containers:
        return [Reason("container_missing", service.name, "container does not exist", "create")]
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
    if image and container.image and container.image not in image:
        why = f"tag {service.image} now points to a different image than the running container"
        reasons.append(Reason("image_retagged", service.name, why, "recreate"))
    if not reasons and container.memory != service.memory:
        # `docker update` changes it without Compose, and the hash stays the same.
        why = f"memory limit is {_limit(container.memory)}, expected {_limit(service.memory)}"
        reasons.append(Reason("limit_changed", service.name, why, _renew(service)))
    recreated = any(reason.action == "recreate" for reason in reasons)
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


def _renew(service: Service) -> str:
    return "recreate" if service.name in STATELESS else "ask"


def _is_stale(container: Container, network: str, seen: Observation) -> bool:
    known = container.networks.get(network)
    there = seen.networks.get(network)
    return bool(known) and (there is None or there.id != known)


def _name_change(service: Service, container: Container, seen: Observation) -> tuple[str, str]:
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
    mend = "restart" if service.name in STATELESS else "ask"
    if container.state == "paused":
        return [Reason("container_paused", service.name, "container is paused", mend)]
    if container.state == "restarting":
        why = f"container keeps restarting, last exit code {container.exit_code}"
        return [Reason("container_restarting", service.name, why, "wait")]
    if container.state != "running":
        why = f"container is {container.state}"
        return [Reason("container_stopped", service.name, why, "start")]
    if container.health == "starting":
        return [Reason("container_starting", service.name, "container is not healthy yet", "wait")]
    if container.health == "unhealthy":
        # The keeper is unhealthy while it loads a model.
        action = "wait" if service.name == KEEPER else mend
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
_TOLD = ("engine", "no_container", "not_running", "container_health")
# What is done about the others; the keeper loads and pins models.
_CURES = {"not_loaded": "wait", "not_pinned": "wait"}


def _judge_health(seen: Observation, named: set[str]) -> list[Reason]:
    version = seen.healthy.get("version") or ""
    old = is_too_old(version)
    # If the tag has no version, it is only known from the running server.
    reasons = [Reason("image_too_old", SERVER, f"Ollama {version} {old}", "ask")] if old else []
    return reasons + [
        Reason(problem["kind"], problem["subject"], problem["found"], _CURES.get(problem["kind"], "restart"))
        for problem in seen.healthy.get("problems", ())
        if problem["kind"] not in _TOLD and not named.intersection((problem["subject"], SERVER))
    ]


# What Docker and Compose print, read into the types above.


def read_container(raw: t.Mapping[str, t.Any]) -> Container:
    """Convert an inspect response to a container."""
    labels, state = raw["Config"].get("Labels") or {}, raw["State"]
    networks = raw["NetworkSettings"]["Networks"] or {}
    return Container(
        name=raw["Name"].lstrip("/"),
        service=labels.get(f"{_LABEL}service", ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state.get("ExitCode", 0),
        started=state.get("StartedAt", ""),
        config_hash=labels.get(f"{_LABEL}config-hash", ""),
        compose_version=labels.get(f"{_LABEL}version", ""),
        # Not Compose's label: it is the digest of the index or of the platform, depending on the version of Compose.
        image=(raw.get("ImageManifestDescriptor") or {}).get("digest") or raw.get("Image", ""),
        config_files=labels.get(f"{_LABEL}project.config_files", ""),
        working_dir=labels.get(f"{_LABEL}project.working_dir", ""),
        env_files=labels.get(f"{_LABEL}project.environment_file", ""),
        networks={name: network["NetworkID"] for name, network in networks.items()},
        aliases={name: tuple(network.get("Aliases") or ()) for name, network in networks.items()},
        memory=(raw.get("HostConfig") or {}).get("Memory", 0),
    )


def read_image(raw: t.Mapping[str, t.Any]) -> frozenset[str]:
    """All that a container of this image may run, from the Engine's inspect with its manifests.

    An index that was published again around the same platform manifest is the same image.
    """
    manifests = raw.get("Manifests") or []
    platforms = (item["Descriptor"]["digest"] for item in manifests if item["Kind"] == "image" and item["Available"])
    return frozenset((raw["Id"], *platforms))


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
                memory=_memory_limit(service),
                restarts_with=tuple(
                    needed for needed, how in (service.get("depends_on") or {}).items() if how.get("restart")
                ),
                aliases={
                    names[key]: tuple((own or {}).get("aliases") or ())
                    for key, own in (service.get("networks") or {}).items()
                },
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


def _limit(size: int) -> str:
    """As the Engine counts it: 0 is no limit."""
    return sized(size) if size else "none"


def _memory_limit(service: t.Mapping[str, t.Any]) -> int:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return int(service.get("mem_limit") or limits.get("memory") or 0)
