"""A stack as each Compose left it, recorded, and the same with one thing changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import (
    HostNetwork,
    plain_container,
    plain_image,
)
from ansible_collections.archiv.ollama.plugins.module_utils._engine.compose import read_config, read_hashes
from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import judge_stack
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import File, Seen
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import ModelState

FIXTURES = Path(__file__).parents[1] / "fixtures"
# Engine 26.1.5 knows an image by its id; Engine 29 with the containerd store by the digest of its index.
OLD, TODAY = "compose_2.26.1", "compose_5.6.0"
FILE = File("/opt/archiv/docker-compose.prod.yml", "aa", "0644", "aa", "0644")
WHOLE = ModelState(parse_name("qwen2.5:7b-instruct-q4_K_M"), "sha256:" + "1" * 64, True, True)
UNPROVEN = replace(WHOLE, intact=None, unproven=("weights: the host was rebooted since it was hashed",))


def recorded(name: str, by: str = OLD) -> Any:
    return json.loads((FIXTURES / by / name).read_text())


def clean(by: str = OLD) -> Seen:
    hashes = read_hashes((FIXTURES / by / "hashes.txt").read_text())
    wanted = read_config(recorded("config.json", by), hashes)
    containers = tuple(plain_container(raw) for raw in recorded("containers.json", by))
    images = {name: plain_image(raw) for name, raw in recorded("images.json", by).items()}
    networks = {item["Name"]: HostNetwork(item["Id"], item["Internal"]) for item in recorded("networks.json", by)}
    return Seen(
        files=(FILE,),
        wanted=wanted,
        containers=containers,
        images=images,
        networks=networks,
        volumes=frozenset(["archiv_ollama-models"]),
        models=(WHOLE,),
        healthy={"problems": [], "warnings": []},
    )


def change(service: str, **values: Any) -> Seen:
    """The clean stack with one container changed."""
    seen = clean()
    assert service in {item.service for item in seen.containers}
    containers = tuple(replace(item, **values) if item.service == service else item for item in seen.containers)
    return replace(seen, containers=containers)


def without(service: str) -> Seen:
    seen = clean()
    return replace(seen, containers=tuple(item for item in seen.containers if item.service != service))


def told(seen: Seen) -> list[tuple[str, str, str]]:
    return [(reason.kind, reason.subject, reason.action) for reason in judge_stack(seen)]


def on(service: str) -> dict[str, str]:
    return dict(next(item.networks for item in clean().containers if item.service == service))
