"""Throwaway hosts: systemd containers with SSH and an Engine of their own, which reboot like machines."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.models.containers import Container

from tests.lab import containers, engine, images, machine, network, passwords, tls
from tests.lab.settings import (
    HOST_IMAGES,
    KIND_LABEL,
    LAB_HOSTS,
    LABELS,
    MOLECULE_FROM,
    PREFIX,
    ROOT,
    STATE_DIR,
    LabError,
    container_name,
)
from tests.lab.steps import say

KEY_FILE = STATE_DIR / "ssh" / "id_ed25519"
READY_TIMEOUT = 60
# Who logs in, and becomes root with a password. Only a server that a provider has just handed over lets root in.
USER = "ops"
LET_IN = """
if [ "$USER" != root ]; then
    id "$USER" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --groups sudo "$USER"
    echo "$USER:$PASSWORD" | chpasswd
fi
home=$(getent passwd "$USER" | cut -d : -f 6)
install -d -m 0700 -o "$USER" -g "$USER" "$home/.ssh"
echo "$KEY" >"$home/.ssh/authorized_keys"
chown "$USER:$USER" "$home/.ssh/authorized_keys"
"""


def ensure_lab_hosts(client: docker.DockerClient, image: str) -> None:
    lab_network = network.ensure(client)
    ensure_key()
    with ThreadPoolExecutor(len(LAB_HOSTS)) as pool:
        jobs = [
            pool.submit(
                ensure,
                client,
                host,
                network.address(lab_network, number),
                ROOT / "inventory" / "lab",
                image,
            )
            for host, number in LAB_HOSTS.items()
        ]
        for job in jobs:
            job.result()


def ensure_molecule_host(client: docker.DockerClient, host: str, image: str) -> None:
    ensure_key()
    existing = containers.find(client, container_name(host))
    address = address_of(existing) if existing else free_address(client)
    ensure(client, host, address, ROOT / "molecule" / "inventory", image)


def ensure(client: docker.DockerClient, host: str, address: str, inventory: Path, image: str) -> None:
    name = container_name(host)
    volumes = {volume_name(host, image, kind): path for kind, path in machine.ENGINE_ROOTS.items()}
    for volume in volumes:
        client.volumes.create(volume, labels=LABELS)
    began = time.monotonic()
    made = containers.ensure_running(
        client,
        name,
        kind="host",
        address=address,
        files=[
            ("/usr/local/share/ca-certificates/lab.crt", tls.CA_FILE.read_bytes(), 0o644),
        ],
        image=images.tag_of(image),
        hostname=host,
        environment=machine.environment(client),
        host_config=machine.host_config(
            client,
            binds=[f"{volume}:{path}" for volume, path in volumes.items()],
            # `systemctl reboot` inside ends the container; this is the power supply that starts it again.
            restart_policy={"Name": "always"},
        ),
    )
    let_in(client, host, "root" if image == "bare" else USER)
    wait_ready(client, host, with_engine=image != "bare")
    write_host_vars(inventory, host, address)
    took = f"started in {time.monotonic() - began:.1f} s" if made else "there already"
    say(f"  Host {host} {address}: {took}")


def let_in(client: docker.DockerClient, host: str, user: str) -> None:
    """Let the lab's key log in as that user."""
    container = containers.find(client, container_name(host))
    assert container is not None
    given = {
        "USER": user,
        "KEY": KEY_FILE.with_suffix(".pub").read_text().strip(),
        "PASSWORD": passwords.ensure(passwords.SUDO_FILE),
    }
    result = container.exec_run(["sh", "-euc", LET_IN], environment=given)
    if result.exit_code:
        raise LabError(f"Host {host} does not take the user {user}: {result.output!r}")


def wait_ready(client: docker.DockerClient, host: str, with_engine: bool) -> None:
    container = containers.find(client, container_name(host))
    assert container is not None
    deadline = time.monotonic() + READY_TIMEOUT
    checks = ["systemctl is-system-running --wait"] + (["docker info"] if with_engine else [])
    pending = list(checks)
    while pending and time.monotonic() < deadline:
        if container.exec_run(["sh", "-c", pending[0]]).exit_code == 0:
            pending.pop(0)
        else:
            time.sleep(0.2)
    if pending:
        raise LabError(
            f"Host {host} is not ready after {READY_TIMEOUT} s: `{pending[0]}` fails in it; "
            f"`docker exec {container.name} systemctl --failed` shows why, `make lab-down lab-up` makes it anew."
        )


def ensure_key() -> None:
    if KEY_FILE.with_suffix(".pub").exists():
        return
    engine.need("ssh-keygen", "openssh-client")
    KEY_FILE.parent.mkdir(parents=True, exist_ok=True)
    KEY_FILE.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", PREFIX, "-f", str(KEY_FILE)],
        check=True,
    )


def write_host_vars(inventory: Path, host: str, address: str) -> None:
    file = inventory / "host_vars" / f"{host}.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        yaml.safe_dump({"ansible_host": address, "lab_container": container_name(host)}, explicit_start=True)
    )


def remove(client: docker.DockerClient, host: str) -> None:
    container = containers.find(client, container_name(host))
    if container is not None:
        containers.remove(container)
    volumes = {volume_name(host, image, kind) for image in HOST_IMAGES for kind in machine.ENGINE_ROOTS}
    for found in client.volumes.list(filters=engine.ours()):
        if found.name in volumes:
            found.remove()
    forget_host_vars(host)


def volume_name(host: str, image: str, kind: str) -> str:
    """With the image, because no Engine starts over what a much older or newer one has left."""
    return f"{container_name(host)}-{image}-{kind}"


def forget_host_vars(host: str) -> None:
    for inventory in ("inventory/lab", "molecule/inventory"):
        (ROOT / inventory / "host_vars" / f"{host}.yml").unlink(missing_ok=True)


def running(client: docker.DockerClient) -> list[Container]:
    found: list[Container] = client.containers.list(all=True, filters=engine.ours("host"))
    return found


def address_of(container: Container) -> str:
    networks: dict[str, Any] = container.attrs["NetworkSettings"]["Networks"]
    configured = next(iter(networks.values()))["IPAMConfig"] or {}
    return str(configured["IPv4Address"])


def free_address(client: docker.DockerClient) -> str:
    lab_network = network.ensure(client)
    taken = {address_of(host) for host in running(client)}
    for number in range(MOLECULE_FROM, 255):
        address = network.address(lab_network, number)
        if address not in taken:
            return address
    raise LabError(
        "The lab's network has no free address left; `make lab-down` removes hosts that runs have left behind."
    )


def label_kind(container: Container) -> str:
    return str(container.labels.get(KIND_LABEL, "?"))
