# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of ollama_model to its result: finds the store and the Engine, then installs. Private."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._engine.client import Engine, EngineError, find_remote
from .._install.apply import (
    InstallError,
    Workshop,
    stale_path,
    stale_since,
)
from .._install.download import Limits
from .._install.ensure import Job, Outcome, ensure_absent, ensure_present
from .._install.progress import Progress
from .._install.pull import PullEngine, ensure_pulled
from .._model.wishes import InputInvalid, Wish, read_wishes
from .._registry.client import Deadline, RegistryClient, RegistryError
from .._registry.resolve import find_mistakes, read_access
from .._serve.assess import (
    Assessment,
    NoStore,
    NoVolume,
    connect,
    find_models_dir,
    plain_survey,
)
from .._serve.health import Fact
from .._serve.reload import restart_and_load, serving
from .._store.disk import Unsafe
from .._store.lock import LockError
from .._store.paths import Store
from .._store.receipts import Receipts
from .bounds import of_disk

# The store of a host without an Engine: an empty one.
_NOWHERE = "/nonexistent/models"
_MOST_CONNECTIONS = 64

Params = t.Mapping[str, t.Any]


def run(params: Params, check: bool) -> Fact:
    """The module's result; exceptions carry the message for the operator."""
    wishes = read_options(params)
    engine, why_no_engine = None, ""
    if not params["store"] or params["restart"]:
        engine, why_no_engine = connect(params["docker_host"])
    warnings: list[str] = []
    models_dir = _models_dir(params, engine, why_no_engine, check, warnings)
    shop = _workshop(params, models_dir)
    job = Job(tuple(wishes), params["verify"], params["repair"], params["prune"], check)
    shop.progress.say("checking the store")
    with contextlib.closing(shop.progress):
        outcome = _ensure(params, shop, job)
    restarted: list[str] = []
    if params["restart"] and (outcome.stale or stale_since(shop.store) is not None):
        restarted = _restart(params, shop.store, engine, why_no_engine, wishes, check, outcome)
    return {
        "changed": outcome.changed,
        "msg": ". ".join(outcome.lines),
        "models": outcome.models,
        "download_bytes": outcome.download_bytes,
        "restarted": restarted,
        "pruned": outcome.pruned,
        "store": plain_survey(Assessment((), shop.store.survey(), {}, shop.store.models_dir)),
        "diff": {"before": _text(outcome.before), "after": _text(outcome.after)},
        "warnings": warnings + outcome.warnings,
    }


def _ensure(params: Params, shop: Workshop, job: Job) -> Outcome:
    if params["state"] == "absent":
        return ensure_absent(shop, job)
    if params["method"] == "engine":
        # Connect only if something has to be pulled: check mode works without an Engine.
        host = params["docker_host"]
        return ensure_pulled(shop, job, lambda: PullEngine(host), params["project"], params["init_service"])
    return ensure_present(shop, job)


def read_options(params: Params) -> list[Wish]:
    """The wanted models, after all options were checked; InputInvalid lists all mistakes."""
    mistakes, wishes = [], []
    try:
        wishes = read_wishes(params["models"])
    except InputInvalid as error:
        mistakes.append(str(error))
    mistakes += find_mistakes(params)
    mistakes += find_remote(params["docker_host"])
    if not 1 <= params["connections"] <= _MOST_CONNECTIONS:
        mistakes.append(f"connections: {params['connections']} must be from 1 to {_MOST_CONNECTIONS}")
    for option in ("timeout", "stall_timeout", "load_timeout"):
        if not 0 < params[option] < float("inf"):
            mistakes.append(f"{option}: {params[option]:g} must be more than 0 seconds")
    if mistakes:
        raise InputInvalid("; ".join(mistakes))
    return wishes


def _models_dir(params: Params, engine: Engine | None, why_no_engine: str, check: bool, warnings: list[str]) -> str:
    try:
        return find_models_dir(engine, params["store"], params["project"], params["volume"], why_no_engine)
    except NoStore as error:
        if isinstance(error, NoVolume) and params["state"] == "absent":
            return _NOWHERE
        if not check or params["store"]:
            raise
        warnings.append(f"check mode assumes an empty store: {error}")
        return _NOWHERE


def _workshop(params: Params, models_dir: str) -> Workshop:
    stall = params["stall_timeout"]
    return Workshop(
        store=Store(models_dir),
        receipts=Receipts(models_dir, params["receipts_dir"]),
        client=RegistryClient(read_access(params), Deadline(params["timeout"]), stall),
        limits=Limits(connections=params["connections"], stall_timeout=stall),
        progress=Progress(params["progress_path"]),
    )


def _restart(
    params: Params,
    store: Store,
    engine: Engine | None,
    why_no_engine: str,
    wishes: t.Sequence[Wish],
    check: bool,
    outcome: Outcome,
) -> list[str]:
    """Restart the containers that may use replaced files; returns their names."""
    if engine is None:
        outcome.warnings.append(
            f"restart the server that uses {params['store']}, it may still use replaced files: {why_no_engine}"
        )
        return []
    marked = stale_since(store)
    since = marked if marked is not None and not outcome.stale else time.time()
    containers = serving(engine, params["project"], params["service"], since)
    names = [container.name for container in containers]
    if names:
        outcome.changed = True
        outcome.lines.append(f"restarted {', '.join(names)} and reloaded the models")
    if not check:
        # The backend asks for the first; of the others, only those that were loaded are loaded again.
        wanted = [wish.name.display for wish in wishes[:1] if wish.warm]
        failure = restart_and_load(engine, containers, wanted, params["load_timeout"])
        if failure:
            raise InstallError("load", f"the models on disk are intact, but {failure}")
        store.disk.remove(stale_path(store))
    return names


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def kind_of(error: Exception) -> str:
    """The failure in one word, for playbooks."""
    if isinstance(error, (RegistryError, InstallError)):
        return error.kind
    if isinstance(error, InputInvalid):
        return "input"
    if isinstance(error, EngineError):
        return "engine"
    if isinstance(error, LockError):
        return "lock"
    if isinstance(error, Unsafe):
        return "store"
    return "disk" if isinstance(error, OSError) else "store"


def sentence_of(error: Exception) -> str:
    """What to tell the operator."""
    return of_disk(error) if isinstance(error, OSError) and not isinstance(error, Unsafe) else str(error)
