"""A sound deploy: its inputs, its host and what Compose read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._stack import preflight as _preflight

ROOT = Path(__file__).parents[3]
GIB, MIB = 1024**3, 1024**2
HOST = _preflight.Host(
    memory=16 * GIB,
    cpus=8,
    engine_version="26.1.5+dfsg1",
    compose_version="2.26.1-4",
    store="/var/lib/docker",
    free={1: 100 * GIB, 2: 100 * GIB},
    store_device=1,
    images_device=2,
    models=(_preflight.Model("qwen2.5:7b-instruct-q4_K_M", 5 * GIB, 224 * MIB, to_fetch=5 * GIB),),
)


def inputs(**changed: Any) -> dict[str, Any]:
    defaults = yaml.safe_load((ROOT / "roles/ollama_stack/defaults/main.yml").read_text())
    return {**defaults, "ollama_stack_backend_image": "registry.example.org/archiv:1.0", **changed}


def document() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((ROOT / "tests/unit/fixtures/compose_2.26.1/config.json").read_text())
    return recorded


def refusals(host: _preflight.Host = HOST, **changed: Any) -> list[str]:
    return _preflight.find_refusals(inputs(**changed), document(), host)


def of(*sizes: int, cold: int = 0, **same: Any) -> _preflight.Host:
    """A host for models of so many GiB, the last ones not warm."""
    warm = [True] * (len(sizes) - cold) + [False] * cold
    models = [_preflight.Model(f"m{n}:1", size * GIB, warm=warm[n], **same) for n, size in enumerate(sizes)]
    return replace(HOST, models=tuple(models))
