"""The lab's own network: a /24 with an address for every host, chosen so that it meets nobody else's."""

from __future__ import annotations

import hashlib
import ipaddress

import docker
from docker.errors import APIError
from docker.models.networks import Network
from docker.types import IPAMConfig, IPAMPool

from tests.lab import engine
from tests.lab.settings import LABELS, NETWORK, PREFIX, LabError

CANDIDATES = 20


def candidate_subnets(mark: str) -> list[str]:
    """Some /24 in 10.64.0.0/10, out of the way of what Engines (172.16/12, 192.168/16) hand out inside the hosts."""
    seed = int.from_bytes(hashlib.sha256(mark.encode()).digest()[:4], "big")
    return [
        f"10.{64 + index // 256 % 64}.{index % 256}.0/24"
        for index in (seed + 257 * number for number in range(CANDIDATES))
    ]


def find(client: docker.DockerClient) -> Network | None:
    # By its name too: tests make networks of their own with our label, which are gone again when they end.
    found = [one for one in client.networks.list(filters=engine.ours()) if one.name == NETWORK]
    return found[0] if found else None


def ensure(client: docker.DockerClient) -> Network:
    network = find(client)
    if network is not None:
        return network
    if client.networks.list(names=[f"^{NETWORK}$"]):
        raise LabError(
            f"A network named {NETWORK} exists and is not the lab's (it lacks our label); "
            f"remove it with `docker network rm {NETWORK}` or work in another clone."
        )
    for subnet in candidate_subnets(PREFIX):
        try:
            return client.networks.create(
                NETWORK,
                driver="bridge",
                labels=LABELS,
                ipam=IPAMConfig(pool_configs=[IPAMPool(subnet)]),
            )
        except APIError as error:
            if "overlaps" not in str(error):
                raise LabError(f"The Engine refused the network {NETWORK} ({subnet}): {error.explanation}") from error
    raise LabError(
        f"None of {CANDIDATES} subnets in 10.64.0.0/10 is free; "
        "remove networks that nobody uses (`docker network prune`) and try again."
    )


def address(network: Network, number: int) -> str:
    subnet = ipaddress.ip_network(network.attrs["IPAM"]["Config"][0]["Subnet"])
    return str(subnet[number])
