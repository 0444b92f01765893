# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of ollama_model, read and checked once: below here nobody sees a module's parameters. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._engine.client import find_remote
from .._install.types import Limits
from .._model.wishes import InputInvalid, Wish, read_wishes
from .._registry.access import Access
from .._store.inspect import Verify
from .access import find_mistakes, read_access

_MOST_CONNECTIONS = 64


@dataclass(frozen=True)
class ModelOptions:
    """The options of ollama_model."""

    wishes: tuple[Wish, ...]
    state: t.Literal["present", "fetched", "absent"]
    method: t.Literal["registry", "engine"]
    verify: Verify
    repair: bool
    prune: bool
    restart: bool
    # The models folder, None for that of the project's volume.
    store: str | None
    receipts_dir: str
    docker_host: str
    project: str
    service: str
    init_service: str
    volume: str
    access: Access
    limits: Limits
    timeout: float
    load_timeout: float
    progress_path: str | None


def read_options(params: t.Mapping[str, t.Any]) -> ModelOptions:
    """The options after all checks; InputInvalid lists all mistakes."""
    mistakes = _find_mistakes(params)
    wishes: tuple[Wish, ...] = ()
    try:
        # A prune needs no model to remove.
        if params["models"] or params["state"] != "absent" or not params["prune"]:
            wishes = tuple(read_wishes(params["models"]))
    except InputInvalid as error:
        mistakes.insert(0, str(error))
    if mistakes:
        raise InputInvalid("; ".join(mistakes))
    return ModelOptions(
        wishes=wishes,
        access=read_access(params),
        limits=Limits(params["connections"], params["stall_timeout"]),
        state=params["state"],
        method=params["method"],
        verify=params["verify"],
        repair=params["repair"],
        prune=params["prune"],
        restart=params["restart"],
        store=params["store"],
        receipts_dir=params["receipts_dir"],
        docker_host=params["docker_host"],
        project=params["project"],
        service=params["service"],
        init_service=params["init_service"],
        volume=params["volume"],
        timeout=params["timeout"],
        load_timeout=params["load_timeout"],
        progress_path=params["progress_path"],
    )


def _find_mistakes(params: t.Mapping[str, t.Any]) -> list[str]:
    mistakes = find_mistakes(params) + find_remote(params["docker_host"])
    if not 1 <= params["connections"] <= _MOST_CONNECTIONS:
        mistakes.append(f"connections: {params['connections']} must be from 1 to {_MOST_CONNECTIONS}")
    for option in ("timeout", "stall_timeout", "load_timeout"):
        if not 0 < params[option] < float("inf"):
            mistakes.append(f"{option}: {params[option]:g} must be more than 0 seconds")
    if params["state"] == "fetched" and params["method"] == "engine":
        mistakes.append("method: engine cannot fetch ahead, as `ollama pull` puts a model in its place at once")
    return mistakes
