"""Small stores for unit tests: models of a few kilobytes laid out as Ollama does."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

NAME = "qwen2.5:7b-instruct-q4_K_M"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
TYPES = {
    "config": "application/vnd.docker.container.image.v1+json",
    "weights": "application/vnd.ollama.image.model",
    "template": "application/vnd.ollama.image.template",
}


def sha256(content: bytes) -> str:
    """The digest as manifests write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class TinyModel:
    """Blobs by role and the manifest that names them."""

    blobs: dict[str, bytes]

    @property
    def manifest(self) -> bytes:
        """The manifest's bytes."""
        layers = {
            role: {"mediaType": TYPES[role], "digest": sha256(blob), "size": len(blob)}
            for role, blob in self.blobs.items()
        }
        config = layers.pop("config")
        return json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": list(layers.values())}
        ).encode()

    @property
    def digest(self) -> str:
        """The digest Ollama and registries show."""
        return sha256(self.manifest)

    def blob_path(self, models: Path, role: str) -> Path:
        """Where the blob of a role lies."""
        return models / "blobs" / sha256(self.blobs[role]).replace(":", "-")

    def install(self, models: Path, *parts: str) -> Path:
        """Write blobs and manifest, by default under NAME; the manifest's path."""
        (models / "blobs").mkdir(parents=True, exist_ok=True)
        for role, blob in self.blobs.items():
            self.blob_path(models, role).write_bytes(blob)
        parts = parts or ("registry.ollama.ai", "library", *NAME.split(":"))
        manifest = models / "manifests" / Path(*parts)
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_bytes(self.manifest)
        return manifest


def tiny_model(seed: int = 0, weights: int = 20_000) -> TinyModel:
    """The same bytes for the same seed."""
    source = random.Random(seed)
    return TinyModel(
        {
            "config": json.dumps({"model_format": "gguf", "seed": seed}).encode(),
            "weights": source.randbytes(weights),
            "template": b"{{ .Prompt }}" + source.randbytes(20).hex().encode(),
        }
    )
