"""A GPU that the host cannot hand out is refused before anything is touched; one that it can reaches the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import Play, Typed
from tests.render import render

# Nodes without a driver behind them: enough for everything but inference.
NODES = """
mkdir -p /dev/dri
mknod --mode=0660 /dev/kfd c 510 0
mknod --mode=0660 /dev/dri/renderD128 c 226 128
chown :993 /dev/kfd
chown :992 /dev/dri/renderD128
"""
# What runs, since when, and what is written.
STATE = """
docker ps --format '{{.Names}} {{.ID}}' | sort
docker inspect --format '{{.State.StartedAt}}' archiv-ollama-1 archiv-backend-1
sha256sum /opt/archiv/docker-compose.prod.yml /opt/archiv/.archiv/docker
"""
GROUPS = '{"ollama_stack_gpu": "amd", "ollama_stack_gpu_groups": [993, 992]}'


@pytest.fixture
def nodes(play: Play, typed: Typed) -> Iterator[None]:
    """The nodes of an AMD GPU; afterwards they are gone, and the stack does without."""
    typed(NODES)
    yield
    typed("rm -r /dev/kfd /dev/dri")
    play("deploy")


def test_missing_gpu_is_refused_and_the_stack_serves_on(play: Play, typed: Typed) -> None:
    play("deploy")
    before = typed(STATE)
    for kind, says in (("amd", "the host has no /dev/kfd and no /dev/dri/renderD*"), ("nvidia", "found no NVIDIA")):
        told = " ".join(play("deploy", "-e", f"ollama_stack_gpu={kind}", code=2).split())
        assert f"ollama_stack_gpu is '{kind}': {says}" in told
        assert typed(STATE) == before
    play("verify")


def test_amd_gpu_reaches_the_server_with_the_groups_that_the_refusal_names(
    play: Play, typed: Typed, nodes: None
) -> None:
    told = " ".join(play("deploy", "-e", "ollama_stack_gpu=amd", code=2).split())
    assert "/dev/dri/renderD128 belongs to group 992, /dev/kfd to group 993" in told
    assert "set [992, 993] for this host" in told
    play("deploy", "-e", GROUPS)
    assert " changed=0 " in play("deploy", "-e", GROUPS)
    server = "/proc/$(docker inspect --format '{{.State.Pid}}' archiv-ollama-1)"
    assert typed(f"sed -n 's/^Groups:\\s*//p' {server}/status").split() == ["992", "993", "10434"]
    seen = typed(f"stat --format '%n %g %a' {server}/root/dev/kfd {server}/root/dev/dri/renderD128").splitlines()
    assert [line.split()[1:] for line in seen] == [["993", "660"], ["992", "660"]]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"ollama_stack_gpu": "nvidia"},
            {"deploy": {"devices": [{"capabilities": ["gpu"], "driver": "nvidia", "count": -1}]}},
        ),
        (json.loads(GROUPS), {"devices": ["/dev/kfd", "/dev/dri"], "group_add": ["992", "993"]}),
        ({"ollama_stack_gpu": "amd"}, {"devices": ["/dev/kfd", "/dev/dri"]}),
        ({}, {}),
    ],
    ids=["nvidia", "amd", "amd that everybody may open", "none"],
)
def test_compose_reads_what_is_rendered(typed: Typed, variables: dict[str, Any], expected: dict[str, Any]) -> None:
    content = render("staging-1", variables)
    read = json.loads(typed(f"docker compose -f - config --format json <<'END'\n{content}\nEND\n"))
    service = read["services"]["ollama"]
    found = {
        "devices": [device["source"] for device in service.get("devices", [])],
        "group_add": service.get("group_add"),
        "deploy": (service.get("deploy") or {}).get("resources", {}).get("reservations"),
    }
    assert {key: value for key, value in found.items() if value} == expected
