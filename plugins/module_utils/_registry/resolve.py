# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a registry has under a model's name now, compared with what was meant. Private to this collection."""

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

# How registries say that they serve no manifest by its digest.
_NOT_BY_DIGEST = (NotFound, BadAnswer, BadManifest, ServerError, Unauthorized)


def fetch_manifest(client: RegistryClient, name: ModelName, pinned: str | None = None) -> Manifest:
    """The manifest the registry has under a name, or with a pin exactly that one."""
    try:
        manifest = _read_manifest(client, name)
    except NotFound as error:
        if pinned is None:
            raise
        return _fetch_by_digest(client, name, pinned, error)
    if pinned is None or manifest.digest == pinned:
        return manifest
    moved = DigestMismatch(
        f"the registry's {name} is {manifest.digest} now and it no longer gives out the pinned {pinned}; the tag"
        " moved: pin the new digest after a look at it, or give a `mirror` that keeps the pinned one"
    )
    return _fetch_by_digest(client, name, pinned, moved)


def _fetch_by_digest(client: RegistryClient, name: ModelName, pinned: str, why_not_by_tag: RegistryError) -> Manifest:
    """What a tag has left, a registry may still keep."""
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
            f"what the registry sent as the manifest of {name} is not one: {error}; is something"
            " (a login page, a proxy) answering in its place?"
        ) from error
    if not any(layer.role == WEIGHTS for layer in manifest.layers):
        raise BadManifest(f"the registry's manifest of {name} names no weights, so it is not a model")
    return manifest


UpstreamState = t.Literal["same", "moved", "gone", "unreachable", "unknown"]


def ask_upstream(client: RegistryClient, name: ModelName, known: str | None) -> dict[str, t.Any]:
    """Whether the name still means the known manifest; nothing but the registry's manifest is read."""
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
            "same": f"it is {found} still",
            "moved": f"it moved: {known} -> {found}",
            "unknown": f"it is {found}, and no digest is known to compare with",
        }[state]
    return {"state": state, "known": known, "digest": found, "why": why}
