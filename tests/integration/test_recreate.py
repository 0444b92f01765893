"""A container that cannot be made anew leaves the old one serving."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import Play, Typed

# The Engine takes such a container apart only when it is to be created, and no look can tell before.
IMPOSSIBLE = '{"ollama_stack_backend_extra": {"runtime": "never-installed"}}'
BACKEND = "docker inspect --format '{{.Id}} {{.State.StartedAt}} {{.State.Running}}' archiv-backend-1"


def test_old_container_serves_on_where_the_new_one_cannot_be_made(play: Play, typed: Typed) -> None:
    play("deploy")
    before = typed(BACKEND)
    told = play("deploy", "-e", IMPOSSIBLE, code=2)
    assert "never-installed" in told
    assert typed(BACKEND) == before and "true" in before
    play("deploy")
    assert typed(BACKEND) == before
    play("verify")


# As Compose leaves it where an `up` ends in the midst: the old container stopped, the new one made beside it.
HALF_WAY = """python3 -c 'if True:
    import json, subprocess
    def docker(*words):
        return subprocess.run(["docker", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    [old] = json.loads(docker("inspect", "archiv-backend-1"))
    labels = [word for name, value in old["Config"]["Labels"].items() for word in ("--label", name + "=" + value)]
    docker("create", "--name", old["Id"][:12] + "_archiv-backend-1", *labels, old["Config"]["Image"])
    docker("stop", "archiv-backend-1")
'"""
NAMES = "docker ps --all --format '{{.Names}} {{.State}}' --filter label=com.docker.compose.service=backend"
CHANGED = json.dumps({"ollama_stack_backend_environment": {"APP_HALF_WAY": "no"}})


def test_what_an_interrupted_recreation_has_left_is_removed_and_the_next_deploy_passes(
    play: Play, typed: Typed
) -> None:
    play("deploy")
    typed(HALF_WAY)
    assert len(typed(NAMES).splitlines()) == 2
    assert "never started" in play("deploy", "-e", CHANGED)
    assert typed(NAMES).split() == ["archiv-backend-1", "running"]
    play("deploy")
    assert "changed=0" in play("deploy")


def test_switch_that_docker_refuses_half_way_leaves_no_backend_stopped(play: Play, typed: Typed) -> None:
    """Compose makes several services anew at a time: one that Docker refuses stops it where another's is stopped."""
    play("deploy")
    refused = {"ollama_stack_init_extra_hosts": {"registry.ollama.ai": "not-an-address"}, **json.loads(CHANGED)}
    told = play("deploy", "-e", json.dumps(refused), code=2)
    assert "was put back and verified" in told
    assert typed(NAMES).split() == ["archiv-backend-1", "running"]
    assert "changed=0" in play("deploy")


@pytest.mark.more
def test_secret_that_a_switch_drops_is_there_until_the_switch_is_verified(play: Play, typed: Typed) -> None:
    """What served before has it mounted, and is put back with it."""
    listed = "ls /opt/archiv/.archiv/secrets 2>/dev/null || true"
    play("deploy", "-e", json.dumps({"ollama_stack_backend_secrets": {"letter": "not for everybody"}}))
    refused = {
        "ollama_stack_init_extra_hosts": {"registry.ollama.ai": "not-an-address"},
        "ollama_stack_backend_secrets": {},
    }
    assert "was put back and verified" in play("deploy", "-e", json.dumps(refused), code=2)
    assert typed(listed).split() == ["letter"]
    play("deploy", "-e", json.dumps({"ollama_stack_backend_secrets": {}}))
    assert typed(listed) == ""
    play("deploy")
