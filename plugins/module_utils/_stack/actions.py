# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a deploy does about the differences: which containers, networks and images it changes. Pure and private."""

from __future__ import annotations

import re
import typing as t

from .._engine.client import Container
from .types import BACKEND, GATE, KEEPER, SERVER, Reason, Seen


def find_missing_images(seen: Seen) -> list[str]:
    """Images that a start would have to pull."""
    return sorted({service.image for service in seen.wanted.services.values()} - set(seen.images) - {""})


def find_orphans(seen: Seen) -> list[str]:
    """Containers of the project whose service the file does not name; reported, never removed."""
    return sorted(
        f"{container.name} ({container.state})"
        for container in seen.containers
        if seen.wanted.services and container.service not in seen.wanted.services and not is_gate(container)
    )


def find_foreign(seen: Seen) -> list[str]:
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


def find_adopted(seen: Seen) -> Container | None:
    """The backend of a stack that was set up by hand; None if there is none to adopt."""
    foreign = bool(find_foreign(seen))
    return next((item for item in seen.containers if foreign and item.service == BACKEND), None)


def find_wrong_networks(seen: Seen) -> list[str]:
    """Networks that are internal although they must not be, or the other way round."""
    wanted = seen.wanted.networks
    return [name for name in wanted if name in seen.networks and seen.networks[name].internal != wanted[name].internal]


# Compose names a container that replaces another after that one, until the other is gone.
_HALF_MADE = re.compile(r"[0-9a-f]{12}_")


def is_leftover(container: Container) -> bool:
    """Whether an `up` that did not end has made it in place of another, and never started it.

    Compose (5.6.0) takes it for a second one of its service, and fails when it makes both anew: the name is taken.
    """
    return container.state == "created" and _HALF_MADE.match(container.name) is not None


def find_leftovers(seen: Seen) -> list[str]:
    """Containers that were never started and that nothing will start."""
    return [item.name for item in seen.containers if is_leftover(item)]


def find_restarts(seen: Seen, reasons: t.Sequence[Reason]) -> list[str]:
    """Containers that must be restarted; a problem of a model is one of its server."""
    services = {
        reason.subject if reason.subject in seen.wanted.services else SERVER
        for reason in reasons
        if reason.action == "restart"
    }
    return [container.name for container in seen.containers if container.service in services]


def is_gate(container: Container) -> bool:
    """Whether it is the gate of a deploy, and not a service of the archive's with that name."""
    mounts = container.raw.get("Mounts") or ()
    return container.service == GATE and any(one.get("Source", "").endswith("/.archiv/gate") for one in mounts)


def find_reloads(seen: Seen, reasons: t.Sequence[Reason]) -> list[str]:
    """The gate's container, where it must read its files anew."""
    wanted = any(reason.action == "reload" for reason in reasons)
    return [item.name for item in seen.containers if wanted and item.service == GATE]


def find_removals(reasons: t.Sequence[Reason]) -> list[str]:
    """Containers of ours that nothing wants any more."""
    return [reason.subject for reason in reasons if reason.kind == "container_unwanted"]


def find_suspects(seen: Seen, reasons: t.Sequence[Reason]) -> list[str]:
    """Containers whose logs may show why they do not run properly."""
    kinds = (
        "container_stopped",
        "container_restarting",
        "container_unhealthy",
        "gate_silent",
        "one_shot_failed",
        "api",
        "no_answer",
    )
    subjects = {reason.subject for reason in reasons if reason.kind in kinds}
    if any(reason.kind == "not_loaded" for reason in reasons):
        subjects.add(KEEPER)
    return [item.name for item in seen.containers if subjects.intersection((item.service, item.name))]


def find_rebuilds(seen: Seen, reasons: t.Sequence[Reason]) -> list[dict[str, t.Any]]:
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


def find_detached(seen: Seen, reasons: t.Sequence[Reason]) -> list[dict[str, t.Any]]:
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


def find_recreations(seen: Seen, reasons: t.Sequence[Reason]) -> list[str]:
    """Services that Compose must recreate, whether it finds them changed or not."""
    services = {reason.subject for reason in reasons if reason.action == "recreate"}
    # Compose restarts these with the others, but only if both are given.
    while more := {item.name for item in seen.wanted.services.values() if services & {*item.restarts_with}} - services:
        services |= more
    return sorted(services)


def find_taken_port(failure: str) -> str:
    """The port that a failed start could not have, as Docker says it; "" where it failed for something else."""
    found = re.search(r":(\d+) failed: port is already allocated", failure)
    return found.group(1) if found else ""


def advise_on_port(port: str, holders: t.Sequence[str]) -> str:
    """What gives a port back that is taken.

    An Engine that was killed while it started a container gives the port to nobody until it is started anew (seen on
    26.1.5; moby/moby#20486): neither Compose nor a new container helps.
    """
    if holders:
        return (
            f"Port {port} is used by container {', '.join(holders)}: stop it, or choose another"
            " ollama_stack_backend_port."
        )
    return (
        f"No container uses port {port}: the Engine was killed while it started one, and holds the port until it is"
        " restarted. Run `systemctl restart docker` on the host when all its containers may restart, then deploy again."
    )
