"""Containers of the lab: created once, known by label, put right by a second call."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from tests.lab.settings import KIND_LABEL, LABEL, LABELS, NETWORK, PREFIX, SPEC_LABEL, LabError

File = tuple[str, bytes, int]
FREEZER = Path("/sys/fs/cgroup/freezer")


def find(client: docker.DockerClient, name: str) -> Container | None:
    try:
        container = client.containers.get(name)
    except NotFound:
        return None
    if container.labels.get(LABEL) != PREFIX:
        raise LabError(
            f"A container named {name} exists and is not the lab's (it lacks our label); "
            f"rename it (`docker rename {name} ...`) or work in another clone."
        )
    return container


def ensure_running(
    client: docker.DockerClient,
    name: str,
    kind: str,
    address: str,
    files: list[File],
    host_config: dict[str, Any],
    aliases: tuple[str, ...] = (),
    **settings: Any,
) -> bool:
    """Run the container as described; True when it had to be made anew."""
    spec = spec_of([address, aliases, host_config, settings], files)
    container = find(client, name)
    if container is not None and is_sound(container, spec):
        if container.status != "running":
            start(container, address)
        return False
    if container is not None:
        remove(container)
    endpoint = client.api.create_endpoint_config(ipv4_address=address, aliases=list(aliases))
    created = client.api.create_container(
        name=name,
        labels={**LABELS, KIND_LABEL: kind, SPEC_LABEL: spec},
        host_config={**host_config, "NetworkMode": NETWORK},
        networking_config={"EndpointsConfig": {NETWORK: endpoint}},
        **settings,
    )
    container = client.containers.get(created["Id"])
    container.put_archive("/", tar_of(files))
    start(container, address)
    return True


def remove(container: Container) -> None:
    """Ends and removes it, and what is paused in it."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if "did not receive an exit event" not in str(error.explanation):
            raise
        thaw(FREEZER, str(container.id))
        container.remove(force=True, v=True)


def thaw(freezer: Path, container_id: str) -> None:
    """On cgroup v1 a frozen process does not die of a SIGKILL, so a host lives as long as what is paused in it."""
    for state in freezer.glob(f"**/{container_id}/**/freezer.state"):
        state.write_text("THAWED")


def is_sound(container: Container, spec: str) -> bool:
    # One that was created and never started may lack its files: an interrupted run left it.
    return container.labels.get(SPEC_LABEL) == spec and container.status != "created"


def start(container: Container, address: str) -> None:
    try:
        container.start()
    except APIError as error:
        explanation = str(error.explanation)
        if "Address already in use" in explanation:
            explanation = (
                f"its address {address} is taken by another container on {NETWORK}; "
                f"`docker network inspect {NETWORK}` shows which one to remove"
            )
        raise LabError(f"The container {container.name} does not start: {explanation}.") from error


def spec_of(described: list[Any], files: list[File]) -> str:
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
    for path, content, mode in files:
        digest.update(f"{path} {mode} {len(content)}".encode() + content)
    return digest.hexdigest()[:16]


def tar_of(files: list[File]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content, mode in files:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
