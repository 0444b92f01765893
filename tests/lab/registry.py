"""The lab's registry: run it, and publish the lab's images and models in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import docker
import requests

from tests.lab import containers, images, index, model, network, passwords, tls
from tests.lab.settings import (
    BACKEND_VERSION,
    HAPROXY_VERSION,
    LABELS,
    OLD_OLLAMA_VERSION,
    OLLAMA_VERSION,
    REGISTRY,
    REGISTRY_ADDRESS,
    REGISTRY_NAMES,
    REGISTRY_USER,
    LabError,
)
from tests.lab.steps import say, step

IMAGES = {
    "ollama": ("ollama/ollama", OLLAMA_VERSION),
    "backend": ("archiv/backend", BACKEND_VERSION),
    "gate": ("library/haproxy", HAPROXY_VERSION),
}
# Published when it is asked for.
OLD = {"old-ollama": ("ollama/ollama", OLD_OLLAMA_VERSION)}
READY_TIMEOUT = 20


def ensure(client: docker.DockerClient) -> None:
    tls.ensure()
    volume = f"{REGISTRY}-data"
    client.volumes.create(volume, labels=LABELS)
    address = network.address(network.ensure(client), REGISTRY_ADDRESS)
    made = containers.ensure_running(
        client,
        REGISTRY,
        kind="registry",
        address=address,
        aliases=REGISTRY_NAMES,
        files=[
            ("/etc/lab/registry.pem", tls.CERT_FILE.read_bytes(), 0o644),
            ("/etc/lab/registry.key", tls.KEY_FILE.read_bytes(), 0o600),
            ("/etc/lab/login", f"{REGISTRY_USER}:{passwords.ensure(passwords.REGISTRY_FILE)}".encode(), 0o600),
        ],
        image=images.tag_of("registry"),
        ports=[5000],
        host_config=client.api.create_host_config(
            # Plain HTTP, on loopback only: there a Docker client pushes without being told to trust anybody.
            port_bindings={5000: ("127.0.0.1", None)},
            binds=[f"{volume}:/var/lib/registry"],
            restart_policy={"Name": "unless-stopped"},
        ),
    )
    say(f"  Registry {address}: {'started' if made else 'there already'}")
    publish(client, wait_ready(client))


def wait_ready(client: docker.DockerClient) -> str:
    base = base_url(client)
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{base}/v2/", timeout=2).ok:
                return base
        except requests.RequestException:
            time.sleep(0.1)
    raise LabError(
        f"The lab's registry does not answer at {base} after {READY_TIMEOUT} s; `docker logs {REGISTRY}` shows why."
    )


def base_url(client: docker.DockerClient) -> str:
    container = containers.find(client, REGISTRY)
    ports: dict[str, Any] = container.attrs["NetworkSettings"]["Ports"] if container else {}
    bindings = ports.get("5000/tcp")
    if not bindings:
        raise LabError(f"The lab's registry {REGISTRY} does not run; run `make lab-up`.")
    return f"http://127.0.0.1:{bindings[0]['HostPort']}"


def publish(client: docker.DockerClient, base: str) -> None:
    publish_images(client, base, IMAGES)
    for wanted in model.MODELS:
        model.publish(model.build_model(wanted.seed), base, wanted.repository, wanted.tag)


def publish_images(client: docker.DockerClient, base: str, published: Mapping[str, tuple[str, str]]) -> None:
    """Have the registry serve each of the lab's images under its name."""
    for name, (repository, version) in published.items():
        recipe = images.tag_of(name).rpartition(":")[2]
        if not has_manifest(base, repository, recipe):
            with step(f"Publishing image {repository}:{version}"):
                pushed = f"{recipe}-alone"
                push(client, images.tag_of(name), base.removeprefix("http://"), repository, pushed)
                # The recipe's own tag comes last and says that the rest is there.
                index.publish(base, repository, pushed, [version, recipe])


def move(base: str, name: str) -> str:
    """Have the tag of an image or a model mean something else; the digest that it means now."""
    if name in IMAGES:
        return index.move(base, *IMAGES[name])
    wanted = find_model(name)
    return model.publish(model.build_model(f"{wanted.seed}-moved"), base, wanted.repository, wanted.tag)


def move_back(base: str, name: str) -> str:
    """Have the tag mean what it meant first; that digest."""
    if name in IMAGES:
        repository, version = IMAGES[name]
        return index.move_back(base, repository, images.tag_of(name).rpartition(":")[2], version)
    wanted = find_model(name)
    return model.publish(model.build_model(wanted.seed), base, wanted.repository, wanted.tag)


def find_model(name: str) -> model.Published:
    return next(wanted for wanted in model.MODELS if wanted.name == name)


def has_manifest(base: str, repository: str, reference: str) -> bool:
    answer = requests.head(f"{base}/v2/{repository}/manifests/{reference}", headers=index.ACCEPT, timeout=10)
    return answer.ok and answer.headers["Content-Type"] in index.INDEXES


def push(client: docker.DockerClient, image: str, host: str, repository: str, tag: str) -> None:
    target = f"{host}/{repository}"
    client.images.get(image).tag(target, tag)
    for line in client.images.push(target, tag=tag, stream=True, decode=True):
        if "error" in line:
            raise LabError(f"Pushing {target}:{tag} to the lab's registry failed: {line['error']}")
    client.images.remove(f"{target}:{tag}")
