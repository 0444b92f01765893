"""A stack that was recorded, as an Engine, a docker command and a store show it to ollama_stack_info."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import File
from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.stores import NAME

ROOT = Path(__file__).parents[3]
RECORDED = Path(__file__).parents[1] / "fixtures" / "compose_2.26.1"
CONTENT = "# Managed by archiv.ollama\nservices:\n  ollama:\n    image: ollama/ollama:0.34.2\n"
CONFIG = {
    "services": {"ollama": {"image": "ollama/ollama:0.34.2", "networks": {"archiv-net": None}}},
    "networks": {"archiv-net": {"name": "archiv_archiv-net", "internal": True, "ipam": {}}},
    "volumes": {"ollama-models": {"name": "archiv_ollama-models"}},
}
CLI = """#!/bin/sh
env >{folder}/env
case "$*" in
  *--hash*) echo "ollama {hash}" ;;
  *"version --short"*) echo 2.26.1-4 ;;
  *"--format json"*) cat {folder}/config.json ;;
  *) exit 64 ;;
esac
"""
Run = Callable[..., dict[str, Any]]


def container() -> dict[str, Any]:
    """The recorded ollama, on the one network of CONFIG."""
    recorded: list[dict[str, Any]] = json.loads((RECORDED / "containers.json").read_text())
    return next(item for item in recorded if item["Name"] == "/archiv-ollama-1")


def kinds(verdict: dict[str, Any]) -> list[str]:
    return [reason["kind"] for reason in verdict["reasons"]]


def write(tmp_path: Path, content: str = CONTENT) -> None:
    (tmp_path / "stack").mkdir()
    file = tmp_path / "stack" / "docker-compose.prod.yml"
    file.write_text(content)
    file.chmod(0o644)


def starting(engine: FakeEngine, seconds_ago: float) -> None:
    """Have the server's container be within its start period since so many seconds."""
    assert engine.inspect is not None
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - seconds_ago))
    engine.inspect["State"] = {**engine.inspect["State"], "Health": {"Status": "starting"}, "StartedAt": moment}


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def secret(content: str, wanted: str) -> File:
    path = "/opt/archiv/.archiv/secrets/token"
    return File(path, digest(wanted), "0400", sha256=digest(content))


NAMES = [NAME, "llama3.2:1b"]
REFUSAL = f"ollama_stack_models is {NAME!r}: "


def refused(run: Run, models: Sequence[dict[str, Any]] = ({"name": NAME},), **options: Any) -> list[str]:
    """What speaks against a deploy of these models, but for who runs this test, and for an Engine that is not there."""
    image = {"ollama_stack_image": "ollama/ollama:0.34.2", "ollama_stack_backend_image": "archiv:1"}
    inputs = {"ollama_stack_models": models, **image, **options.pop("inputs", {})}
    verdict = run(models=models, inputs=inputs, **options)
    absent = [reason["why"] for reason in verdict["reasons"] if reason["kind"] == "engine_missing"]
    return [one for one in verdict["refusals"] if "become: true" not in one and one not in absent]
