"""A container that cannot be made anew leaves the old one serving."""

from __future__ import annotations

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
