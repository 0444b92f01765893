"""The variant dev beside production on one host: refused in the same folder, a stack of its own in another."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.conftest import Play, Typed

DEV = {"ollama_stack_variant": "dev", "ollama_stack_dir": "/opt/archiv-dev", "ollama_stack_backend_port": 8081}
PRODUCTION = """
docker ps --all --filter label=com.docker.compose.project=archiv --quiet --no-trunc | sort |
  xargs docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Status}}'
sha256sum /opt/archiv/docker-compose.prod.yml
"""
OURS = "--filter label=com.docker.compose.project=archiv-dev"
RUNNING = f"""
docker ps {OURS} --quiet |
  xargs docker inspect --format '{{{{.Name}}}} {{{{.HostConfig.RestartPolicy.Name}}}}' | sort
"""
PORTS = f"docker ps {OURS} --format '{{{{.Ports}}}}' | grep -e '->' | sort --unique"


@pytest.fixture
def dev(play: Play, typed: Typed) -> Iterator[list[str]]:
    """The options of a run for the variant; afterwards nothing of it is left."""
    play("deploy")
    options = ["-e", json.dumps(DEV)]
    yield options
    play("teardown", "-e", "teardown_confirmed=archiv-dev", "-e", "ollama_stack_remove_models=true", *options)
    assert typed(f"docker ps --all --quiet {OURS}; docker network ls --quiet {OURS}") == ""
    # Which stays for a person to remove.
    typed("docker volume rm archiv-dev_ollama-models; rm -rf /opt/archiv-dev")


@pytest.mark.more
def test_dev_is_a_stack_of_its_own_beside_production(play: Play, typed: Typed, dev: list[str]) -> None:
    before = typed(PRODUCTION)
    same_folder = {**DEV, "ollama_stack_dir": "/opt/archiv"}
    told = " ".join(play("deploy", "-e", json.dumps(same_folder), code=2).split())
    assert "/opt/archiv/docker-compose.prod.yml belongs to the other ollama_stack_variant" in told
    play("deploy", *dev)
    assert " changed=0 " in play("deploy", *dev)
    play("verify", *dev)
    # Nobody's machine starts it at a boot, and nobody else reaches it.
    running = [line.split() for line in typed(RUNNING).splitlines()]
    assert {name for name, _ in running} == {f"/archiv-dev-{name}-1" for name in ("backend", "ollama", "ollama-warm")}
    assert {policy for _, policy in running} == {"no"}
    assert typed(PORTS).startswith("127.0.0.1:8081->") and typed(PORTS).count("->") == 1
    assert typed(PRODUCTION) == before
