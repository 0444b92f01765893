"""A deploy asks and changes one Engine, the host's own, whatever root has set for the commands that are typed there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from tests.integration.conftest import Play, Typed

OWN = "docker --host unix:///var/run/docker.sock"
# Nothing answers there, so whatever asks it fails.
ELSEWHERE = """
docker context create elsewhere --docker host=unix:///nonexistent.sock
docker context use elsewhere
cp -p /etc/environment /etc/environment.kept
printf '%s\\n' DOCKER_HOST=tcp://127.0.0.1:9 DOCKER_TLS_VERIFY=1 DOCKER_API_VERSION=1.1 >>/etc/environment
"""
BACK = """
mv /etc/environment.kept /etc/environment
docker context use default
docker context rm elsewhere
"""
DRIFT = f"""
{OWN} rm --force archiv-backend-1
{OWN} pause archiv-ollama-warm-1
{OWN} update --memory 9g --memory-swap 9g archiv-ollama-1
"""


@pytest.fixture
def elsewhere(typed: Typed) -> Iterator[dict[str, str]]:
    """Root's context and variables lead away; the environment of a run that logs in anew and so is given them."""
    with tempfile.TemporaryDirectory(prefix="cp", dir="/tmp") as sockets:
        typed(ELSEWHERE)
        yield {"ANSIBLE_SSH_CONTROL_PATH_DIR": sockets}
        typed(BACK)


def test_deploy_verify_and_teardown_ask_the_hosts_own_engine(
    play: Play, typed: Typed, elsewhere: dict[str, str]
) -> None:
    play("deploy", env=elsewhere)
    typed(DRIFT)
    mended = play("deploy", env=elsewhere)
    assert "container is paused" in mended and "memory limit" in mended
    assert " changed=0 " in play("deploy", env=elsewhere)
    play("verify", env=elsewhere)

    teardown = ("teardown", "-e", "teardown_confirmed=archiv")
    typed("mv /opt/archiv/docker-compose.prod.yml /root/kept.yml")
    told = " ".join(play(*teardown, code=2, env=elsewhere).split())
    assert "project archiv has the containers" in told and "archiv-backend-1" in told
    typed("mv /root/kept.yml /opt/archiv/docker-compose.prod.yml")
    play(*teardown, env=elsewhere)
    assert typed(f"{OWN} ps --all --quiet --filter label=com.docker.compose.project=archiv") == ""

    # The volume is made by a module of its own, and only where there is none.
    typed(f"{OWN} volume rm archiv_ollama-models")
    play("deploy", env=elsewhere)
    assert " changed=0 " in play("deploy", env=elsewhere)
