# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a registry has for a model's name now, compared with what is wanted. Private to this collection."""

from __future__ import annotations

import typing as t

from .._model.manifest import (
    WEIGHTS,
    Manifest,
    ManifestInvalid,
    parse_manifest,
)
from .._model.names import ModelName
from .client import RegistryClient
from .errors import BadAnswer, BadManifest, DigestMismatch, NotFound, RegistryError, ServerError, Unauthorized

# Errors of registries that do not serve manifests by digest.
_NOT_BY_DIGEST = (NotFound, BadAnswer, BadManifest, ServerError, Unauthorized)


def fetch_manifest(client: RegistryClient, name: ModelName, pinned: str | None = None) -> Manifest:
    """The registry's manifest for a name, or with a pin exactly that one."""
    try:
        manifest = _read_manifest(client, name)
    except NotFound as error:
        if pinned is None:
            raise
        return _fetch_by_digest(client, name, pinned, error)
    if pinned is None or manifest.digest == pinned:
        return manifest
    moved = DigestMismatch(
        f"the registry's {name} is now {manifest.digest} and the pinned {pinned} is no longer available; the tag"
        " has moved: review and pin the new digest, or set a `mirror` that keeps the pinned one"
    )
    return _fetch_by_digest(client, name, pinned, moved)


def _fetch_by_digest(client: RegistryClient, name: ModelName, pinned: str, why_not_by_tag: RegistryError) -> Manifest:
    """A registry may still have a manifest that no tag refers to."""
    try:
        manifest = _read_manifest(client, name, pinned)
    except _NOT_BY_DIGEST:
        raise why_not_by_tag from None
    if manifest.digest != pinned:
        raise why_not_by_tag
    return manifest


def _read_manifest(client: RegistryClient, name: ModelName, reference: str = "") -> Manifest:
    raw = client.manifest(name, reference)
    try:
        manifest = parse_manifest(raw)
    except ManifestInvalid as error:
        raise BadManifest(
            f"the registry sent an invalid manifest of {name}: {error}; is something else"
            " (a login page, a proxy) answering?"
        ) from error
    if not any(layer.role == WEIGHTS for layer in manifest.layers):
        raise BadManifest(f"the registry's manifest of {name} lists no weights, so it is not a model")
    return manifest


UpstreamState = t.Literal["same", "moved", "gone", "unreachable", "unknown"]


def ask_upstream(client: RegistryClient, name: ModelName, known: str | None) -> dict[str, t.Any]:
    """Whether the tag still refers to the known manifest; only the registry's manifest is read."""
    found = None
    state: UpstreamState
    try:
        found = fetch_manifest(client, name).digest
    except RegistryError as error:
        why = str(error)
        state = "gone" if isinstance(error, NotFound) else "unreachable"
    else:
        state = "unknown" if known is None else "same" if found == known else "moved"
        why = {
            "same": f"unchanged: {found}",
            "moved": f"moved: {known} -> {found}",
            "unknown": f"now {found}, no known digest to compare with",
        }[state]
    return {"state": state, "known": known, "digest": found, "why": why}
