"""Who reaches Ollama on a host of the lab: nobody from outside; who is on the host does, as docs/security.md says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from docker.models.containers import Container

from tests.integration.conftest import Play, Typed
from tests.lab import containers, engine
from tests.lab.settings import LAB_HOSTS, NETWORK, container_name

MODEL = "qwen2.5:7b-instruct-q4_K_M"
BACKEND = "registry.lab/archiv/backend:1.0.0"
# Ends with what it got, or with why it got nothing.
ASK = """
import sys, urllib.request
url, method, body = [*sys.argv[1:], "GET", ""][:3]
try:
    request = urllib.request.Request(url, body.encode() or None, method=method)
    print(urllib.request.urlopen(request, timeout=3).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(type(error).__name__)
"""
CONNECT = 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close(); print("open")'


@pytest.fixture
def server(play: Play, typed: Typed) -> str:
    """The address of Ollama's own container on the staging host."""
    play("deploy")
    seen = json.loads(typed("docker inspect archiv-ollama-1"))[0]["NetworkSettings"]["Networks"]
    return str(seen["archiv_archiv-net"]["IPAddress"])


@pytest.fixture
def neighbour(server: str) -> Iterator[Container]:
    """Another machine on the staging host's network, which sends what is for the containers to that host."""
    found = containers.find(engine.require(), container_name("production-1"))
    assert found is not None
    assert found.exec_run(["ip", "route", "add", f"{server}/32", "via", staging()]).exit_code == 0
    yield found
    found.exec_run(["ip", "route", "del", f"{server}/32"])


def staging() -> str:
    host = containers.find(engine.require(), container_name("staging-1"))
    assert host is not None and "staging-1" in LAB_HOSTS
    return str(host.attrs["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])


def asked(machine: Container, url: str) -> str:
    done = machine.exec_run(["python3", "-c", ASK, url])
    assert isinstance(done.output, bytes)
    return done.output.decode().strip()


def test_another_machine_that_routes_into_the_network_reaches_nobody(neighbour: Container, server: str) -> None:
    # It reaches the host itself, so it is the Engine's rules that drop the other question.
    assert asked(neighbour, f"http://{staging()}:8080/") in ("200", "404")
    assert asked(neighbour, f"http://{staging()}:11434/api/version") == "URLError"
    assert asked(neighbour, f"http://{server}:11434/api/version") in ("URLError", "TimeoutError")


def test_a_container_on_another_network_reaches_nobody(server: str, typed: Typed) -> None:
    run = f"docker run --rm --network bridge --entrypoint python3 {BACKEND} -c"
    assert typed(f"{run} '{ASK}' http://{staging()}:8080/").strip() in ("200", "404")
    assert typed(f"{run} '{ASK}' http://{server}:11434/api/version").strip() in ("URLError", "TimeoutError")


def test_a_user_of_the_host_reaches_the_server_without_a_token(server: str, typed: Typed) -> None:
    """Not covered, and said so: whoever has a shell there is inside."""
    ask = f"runuser -u nobody -- python3 -c '{ASK}' http://{server}:11434"
    assert typed(f"{ask}/api/version").strip() == "200"
    # But the store is read-only.
    body = json.dumps({"model": MODEL})
    assert typed(f"{ask}/api/delete DELETE '{body}'").strip() == "500"
    assert typed(f"{ask}/api/show POST '{body}'").strip() == "200"


def test_the_hosts_own_services_answer_inside_the_internal_network(server: str, typed: Typed) -> None:
    """Not covered, and said so: the host has an address in each of its networks."""
    network = json.loads(typed("docker network inspect archiv_archiv-net"))[0]
    [gateway] = [each["Gateway"] for each in network["IPAM"]["Config"] if ":" not in each["Subnet"]]
    inside = "nsenter --net --target $(docker inspect --format '{{.State.Pid}}' archiv-ollama-1)"
    assert typed(f"{inside} python3 -c '{CONNECT}' {gateway} 22").strip() == "open"
