# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Model manifests: from untrusted bytes to a typed list of blobs. Pure and private."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import dataclass

# The limit that registries have for manifests.
MANIFEST_LIMIT = 4 * 1024 * 1024
WEIGHTS = "weights"

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYER_PREFIX = "application/vnd.ollama.image."
_ROLES = {"model": WEIGHTS, "tensor": WEIGHTS, "prompt": "template", "params": "parameters"}
_MANIFEST_TYPES = (
    "",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


class ManifestInvalid(ValueError):
    """Not a manifest that Ollama can use; str() says briefly what it is instead."""


@dataclass(frozen=True)
class Layer:
    """One blob as a manifest names it."""

    media_type: str
    digest: str
    size: int

    @property
    def role(self) -> str:
        """What the blob is to the model: weights, template, system, license, ..."""
        if not self.media_type.startswith(_LAYER_PREFIX):
            return "config"
        kind = self.media_type[len(_LAYER_PREFIX) :]
        return _ROLES.get(kind, kind)


@dataclass(frozen=True)
class Manifest:
    """A parsed manifest; digest is the sha256 of its bytes, the one Ollama and registries show."""

    digest: str
    config: Layer
    layers: tuple[Layer, ...]
    raw: bytes

    @property
    def blobs(self) -> tuple[Layer, ...]:
        """Each blob once, the largest first: problems are most likely with the weights."""
        unique = {blob.digest: blob for blob in (self.config, *self.layers)}
        return tuple(sorted(unique.values(), key=lambda blob: -blob.size))

    @property
    def size(self) -> int:
        """Bytes of all its blobs."""
        return sum(blob.size for blob in self.blobs)


def parse_manifest(raw: bytes) -> Manifest:
    """Parse a manifest; ManifestInvalid says what is wrong."""
    document = _decode(raw)
    if document.get("schemaVersion") != 2:
        raise ManifestInvalid(f"schemaVersion {document.get('schemaVersion')!r} instead of 2")
    media_type = document.get("mediaType", "")
    if media_type not in _MANIFEST_TYPES:
        raise ManifestInvalid(f"media type {media_type!r} instead of an image manifest")
    layers = document.get("layers")
    if not isinstance(layers, list):
        raise ManifestInvalid("no list of layers")
    return Manifest(
        digest="sha256:" + hashlib.sha256(raw).hexdigest(),
        config=_parse_layer("config", document.get("config")),
        layers=tuple(_parse_layer(f"layer {n}", layer) for n, layer in enumerate(layers, 1)),
        raw=raw,
    )


def _decode(raw: bytes) -> dict[str, t.Any]:
    if not raw:
        raise ManifestInvalid("an empty file")
    if len(raw) > MANIFEST_LIMIT:
        raise ManifestInvalid(f"more than {MANIFEST_LIMIT} bytes")
    if not raw.strip(b"\0"):
        raise ManifestInvalid("only zero bytes")
    try:
        document = json.loads(raw.decode("utf-8"), parse_int=_parse_int)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid("not JSON") from error
    if not isinstance(document, dict):
        raise ManifestInvalid("JSON, but not an object")
    return document


def _parse_int(digits: str) -> int:
    # Python parses a number of a million digits in quadratic time.
    if len(digits) > 19:
        raise ValueError("number too long")
    return int(digits)


def _parse_layer(where: str, value: object) -> Layer:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} is not an object")
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str):
        raise ManifestInvalid(f"{where} has no media type")
    # The digest becomes a file name, so it must be valid.
    if not isinstance(digest, str) or DIGEST.fullmatch(digest) is None:
        raise ManifestInvalid(f"{where} has a malformed digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestInvalid(f"{where} has size {size!r}")
    return Layer(media_type, digest, size)
