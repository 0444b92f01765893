# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each wanted model needs on a host: from the store, else from its registry's manifest. Private."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t
from dataclasses import replace

from .._model.gguf import (
    HEADER_LIMIT,
    HeaderInvalid,
    context_bytes,
    parse_metadata,
)
from .._model.manifest import WEIGHTS, Layer, Manifest
from .._model.versions import dotted, parse_version
from .._model.wishes import Wish
from .._registry.access import Access
from .._registry.client import Deadline, RegistryClient
from .._registry.errors import RegistryError
from .._registry.resolve import fetch_manifest
from .._store.fetched import find_fetched
from .._store.inspect import ModelState
from .._store.paths import Store, StoreError
from .._store.survey import take_survey
from .preflight import MAY_PASS, Model

# Short timeouts, as somebody waits for the look; a slow registry is left to the download.
ASK_SECONDS = 15.0
STALL_SECONDS = 10.0
# Ollama's default without a GPU.
OWN_CONTEXT = 4096
_PARAMETERS_LIMIT = 1024 * 1024


def measure(
    wishes: t.Sequence[Wish],
    states: t.Sequence[ModelState],
    store: Store,
    registry: Access | None,
    ollama_version: str,
    context: int,
    parallel: int,
) -> tuple[Model, ...]:
    """Every wanted model that is known; registry are the options for asking registries, None to ask none."""
    seen = {state.name.key: state for state in states}
    client = _connect(registry, ollama_version) if registry is not None else None
    silent: set[str] = set()
    held = _held_bytes(store)
    # A damaged blob occupies its space until it is replaced.
    bad = {problem.blob for state in states for problem in state.problems if problem.blob and problem.kind != "mode"}
    coming: set[str] = set()
    models = []
    for wish in wishes:
        name = wish.name.display
        manifest = _stored(wish, seen.get(wish.name.key)) or _fetched(wish, store)
        if manifest is None and client is not None and wish.name.host not in silent:
            try:
                manifest = fetch_manifest(client, wish.name, wish.digest)
            except RegistryError as error:
                models.append(Model(name, trouble=error.kind, why=str(error)))
                if error.kind in MAY_PASS:
                    silent.add(wish.name.host)
        if manifest is None:
            continue
        models.append(
            Model(
                name,
                size=manifest.size,
                context=_context(store, manifest, context or OWN_CONTEXT, parallel),
                to_fetch=sum(
                    _to_fetch(store, blob, held, blob.digest in bad)
                    for blob in manifest.blobs
                    if blob.digest not in coming
                ),
                warm=wish.warm,
                weights=",".join(layer.digest for layer in manifest.layers if layer.role == WEIGHTS),
            )
        )
        coming.update(blob.digest for blob in manifest.blobs)
    return tuple(models)


def _connect(access: Access, ollama_version: str) -> RegistryClient:
    # DNS lookups have no deadline: without a reply each name server would take 10 s.
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
    version = parse_version(ollama_version)
    access = replace(access, ollama_version=dotted(version) if version else None)
    return RegistryClient(access, Deadline(ASK_SECONDS), STALL_SECONDS)


def _stored(wish: Wish, state: ModelState | None) -> Manifest | None:
    """The manifest in the store, unless another one is wanted."""
    if state is None or wish.digest not in (None, state.digest):
        return None
    return state.manifest


def _fetched(wish: Wish, store: Store) -> Manifest | None:
    """The manifest that was fetched ahead, for which no registry need be asked."""
    try:
        return find_fetched(store, wish.name, wish.digest)
    except StoreError:
        return None


def _held_bytes(store: Store) -> dict[str, int]:
    """What interrupted downloads, which will be resumed, already occupy."""
    try:
        partials = take_survey(store).partials
    except StoreError:
        return {}
    return {one.digest: one.bytes for one in partials if os.path.dirname(one.path) == store.partials_dir}


def _to_fetch(store: Store, blob: Layer, held: t.Mapping[str, int], damaged: bool) -> int:
    """The missing bytes of a blob on disk."""
    with contextlib.suppress(OSError):
        if not damaged and store.disk.stat(store.blob_path(blob.digest)).st_size == blob.size:
            return 0
    return max(0, blob.size - held.get(blob.digest, 0))


def _context(store: Store, manifest: Manifest, context: int, parallel: int) -> int:
    """0 for a model that is not in the store: the size per token is only in its weights."""
    paths = {layer.role: store.blob_path(layer.digest) for layer in reversed(manifest.layers)}
    try:
        if "parameters" in paths:
            # The model's own setting has precedence over the server's.
            context = _own_context(store.disk.read(paths["parameters"], _PARAMETERS_LIMIT)) or context
        return context_bytes(parse_metadata(store.disk.read(paths[WEIGHTS], HEADER_LIMIT)), context, parallel)
    except (OSError, KeyError, HeaderInvalid):
        return 0


def _own_context(raw: bytes) -> int:
    try:
        number = json.loads(raw)["num_ctx"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0
    return number if isinstance(number, int) and number > 0 else 0
