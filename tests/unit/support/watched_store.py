"""A store with two models, what is wanted of it, and the state of its monitoring, in one folder."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._monitor import paths, scrub
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts
from tests.unit.support.stores import NAME, TinyModel, sha256, tiny_model

OTHER = ("registry.ollama.ai", "library", "other", "1b")


class WatchedStore:
    """One model is wanted, the other only lies there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, models: Path | None = None) -> None:
        home = folder / "home"
        self.models = models or folder / "volume/models"
        self.receipts_dir = home / "receipts"
        self.state = home / "monitor"
        for name, value in (("HOME", home), ("STATE_DIR", self.state), ("WANTED", home / "wanted.json")):
            monkeypatch.setattr(paths, name, str(value))
        for name in ("SCRUB", "MARK"):
            monkeypatch.setattr(paths, name, str(self.state / f"{name.lower()}.json"))
        for name, file in (("HISTORY", "history.jsonl"), ("LOCK", "lock"), ("SCRUB_LOCK", "scrub.lock")):
            monkeypatch.setattr(paths, name, str(self.state / file))
        self.model, self.other = tiny_model(1, 40_000), tiny_model(2)
        self.model.install(self.models)
        self.other.install(self.models, *OTHER)
        self.blobs = {sha256(blob): role for one in (self.model, self.other) for role, blob in one.blobs.items()}
        home.mkdir(mode=0o700)
        self.want()

    def want(self, *names: str) -> None:
        document = {
            "format": 1,
            "version": "1.2.3",
            "project": "archiv",
            "dir": "/opt/archiv",
            "docker_host": "unix:///nowhere",
            "files": [{"path": "docker-compose.prod.yml", "sha256": "a" * 64, "mode": "0644"}],
            "secrets": [],
            "owner": 0,
            "models": [{"name": name, "digest": None, "warm": True} for name in names or (NAME,)],
            "models_dir": str(self.models),
            "receipts_dir": str(self.receipts_dir),
            "answer_within": 60,
            "context_length": 0,
            "gpu": "",
            "metrics_interval": 30,
        }
        path = Path(paths.WANTED)
        path.write_text(json.dumps(document))
        path.chmod(0o600)

    def scrub(self, progress: bool = False) -> int:
        """`ollama-stack scrub`."""
        return scrub.run(argparse.Namespace(progress=progress))

    def receipts(self, boot: str | None = None) -> Receipts:
        return Receipts(str(self.models), str(self.receipts_dir), boot=boot)

    def proven(self, boot: str | None = None) -> set[str]:
        """The digests of the blobs that have a valid receipt."""
        receipts = self.receipts(boot)
        return {
            digest
            for digest in self.blobs
            if (path := self.path(digest)).exists() and not receipts.why_void(digest, FileKey.of(os.stat(path)))
        }

    def path(self, digest: str) -> Path:
        return self.models / "blobs" / digest.replace(":", "-")

    def record(self) -> dict[str, Any]:
        """scrub.json."""
        document: dict[str, Any] = json.loads(Path(paths.SCRUB).read_text())
        return document

    def weights(self, model: TinyModel | None = None) -> str:
        return sha256((model or self.model).blobs["weights"])


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedStore:
    """A whole store that nobody has read yet."""
    return WatchedStore(tmp_path, monkeypatch)
