"""A host's store, a registry with one model, and ollama_model run on it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.modules import ollama_model
from tests.unit.support.fake_registry import FakeRegistry, Reply, Twist
from tests.unit.support.stores import NAME, TinyModel, sha256, tiny_model

MODEL = tiny_model(weights=300_000)
PATH = f"library/{NAME}"
CANARY = "canary-secret"
Fact = dict[str, Any]


class Host:
    """A host's store, and the module run on it."""

    def __init__(self, folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> None:
        self.models = folder / "volume" / "models"
        self.receipts = folder / "receipts"
        self.upstream = upstream
        self._capsys = capsys

    def options(self, **given: Any) -> Fact:
        return {
            "models": [NAME],
            "store": str(self.models),
            "receipts_dir": str(self.receipts),
            "mirror": self.upstream.url,
            "insecure": True,
            "restart": False,
            "timeout": 20,
            "stall_timeout": 5,
            **given,
        }

    def run(self, *, check: bool = False, **options: Any) -> Fact:
        given = {**self.options(**options), "_ansible_check_mode": check}
        with patch_module_args(given), pytest.raises(SystemExit):
            ollama_model.main()
        result: Fact = json.loads(self._capsys.readouterr().out)
        assert CANARY not in json.dumps({**result, "invocation": None})
        return result

    def ok(self, **options: Any) -> Fact:
        result = self.run(**options)
        assert not result.get("failed"), result["msg"]
        return result

    def fails(self, kind: str, **options: Any) -> str:
        result = self.run(**options)
        assert result.get("failed"), result
        assert (result["kind"], "Traceback" in result["msg"]) == (kind, False), result["msg"]
        return str(result["msg"])

    def blobs(self) -> dict[str, bytes]:
        folder = self.models / "blobs"
        return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else {}

    def manifests(self) -> list[str]:
        folder = self.models / "manifests"
        return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())

    def partials(self) -> list[str]:
        folder = self.models.parent / ".archiv" / "partials"
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def holds(self, model: TinyModel = MODEL) -> bool:
        blobs = self.blobs()
        return all(blobs.get(sha256(content).replace(":", "-")) == content for content in model.blobs.values())

    def is_clean(self) -> bool:
        """Nothing at a final path that is not what its name says."""
        return all(sha256(content).replace(":", "-") == name for name, content in self.blobs().items())


def weights_only(change: Callable[[Reply], Reply]) -> Twist:
    digest = sha256(MODEL.blobs["weights"])
    return lambda seen, reply: change(reply) if digest in seen.path else reply


def lie(status: int) -> Twist:
    return lambda seen, reply: replace(reply, status=status, body=b"")


def redirect(location: str) -> Twist:
    return lambda seen, reply: Reply(307, headers={"Location": location}) if "/blobs/" in seen.path else reply


def login(at: FakeRegistry, **given: str) -> dict[str, str]:
    return {"host": at.host, "username": "me", "password": CANARY, **given}


def zeroed(blob: Path) -> None:
    blob.write_bytes(bytes(blob.stat().st_size))


def folder(blob: Path) -> None:
    blob.unlink()
    (blob / "deep").mkdir(parents=True)
