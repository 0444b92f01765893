"""A network that cannot be made anew is given back to its containers, on a real Engine; the next deploy mends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.integration.conftest import Play, Typed
from tests.lab import containers, engine, hosts
from tests.lab.settings import container_name

FILE = "/opt/archiv/docker-compose.prod.yml"
# Compose does not see that it is not internal.
NOT_INTERNAL = f"""
docker compose -f {FILE} down
docker network create --label com.docker.compose.project=archiv --label com.docker.compose.network=archiv-net \
    archiv_archiv-net
docker compose -f {FILE} up -d
"""
# The first that is found where sudo looks for commands.
SHIM = "/usr/local/sbin/docker"
FAILS = f"""
real=$(command -v docker)
cat >{SHIM} <<END
#!/bin/sh
case "\\$*" in "network create --internal=true"*) echo "Error response from daemon: no room" >&2; exit 1 ;; esac
exec $real "\\$@"
END
chmod 755 {SHIM}
"""
# Who runs since when, and under which names it is found on the network.
RUNNING = """
docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}}' archiv-backend-1 archiv-ollama-1 archiv-ollama-warm-1
"""
NAMES = """
for name in archiv-backend-1 archiv-ollama-1 archiv-ollama-warm-1; do
  docker inspect --format '{{json (index .NetworkSettings.Networks "archiv_archiv-net").Aliases}}' $name
done
"""
INTERNAL = "docker network inspect --format '{{.Internal}}' archiv_archiv-net"


@pytest.fixture
def failing(play: Play, typed: Typed) -> Iterator[None]:
    """A network that must be made anew, and a docker command that cannot make it."""
    play("deploy")
    typed(NOT_INTERNAL)
    typed(FAILS)
    yield
    typed(f"rm -f {SHIM}")
    play("deploy")


def answer() -> int:
    """What the backend says to a question, which it passes on over that network."""
    host = containers.find(engine.require(), container_name("staging-1"))
    assert host is not None
    url = f"http://{hosts.address_of(host)}:8080/api/search/nl"
    return requests.post(url, json={"query": "Which letters came in 1913?"}, timeout=70).status_code


@pytest.mark.more
def test_network_that_cannot_be_made_anew_is_given_back(play: Play, typed: Typed, failing: None) -> None:
    before, names = typed(RUNNING), typed(NAMES)
    told = " ".join(play("deploy", code=2).split())
    assert "Recreating network archiv_archiv-net failed, and its containers were reconnected to it" in told
    assert "no room" in told
    assert typed(RUNNING) == before and typed(INTERNAL).strip() == "false"
    assert [set(line.split(",")) for line in typed(NAMES).split()] == [set(line.split(",")) for line in names.split()]
    assert answer() == 200
    typed(f"rm {SHIM}")
    play("deploy")
    assert typed(RUNNING) == before and typed(INTERNAL).strip() == "true"
    assert answer() == 200
    play("verify")
