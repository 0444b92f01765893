# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ollama_model from its options to its result. Private."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass

from .._engine.client import Engine, EngineError
from .._engine.volume import NoStore, NoVolume, connect, find_models_dir
from .._install.ahead import ensure_fetched
from .._install.apply import stale_path, stale_since
from .._install.ensure import ensure_absent, ensure_present
from .._install.progress import Progress
from .._install.pull import ensure_pulled
from .._install.types import Fact, InstallError, InstallKind, Job, Outcome, Workshop
from .._model.wishes import InputInvalid
from .._registry.client import Deadline, RegistryClient
from .._registry.errors import RegistryError
from .._serve.reload import restart_and_load, serving
from .._store.disk import Unsafe, of_disk
from .._store.lock import LockError
from .._store.paths import Store
from .._store.receipts import Receipts
from .._store.survey import plain_survey, take_survey
from .model_options import ModelOptions

Kind = t.Union[InstallKind, t.Literal["disk", "engine", "input", "lock"]]
# The store of a host without an Engine: an empty one.
_NOWHERE = "/nonexistent/models"


@dataclass(frozen=True)
class Found:
    """The store, and the Engine if it is needed, or why there is none."""

    models_dir: str
    engine: Engine | None
    why_no_engine: str
    warnings: tuple[str, ...] = ()


def run(options: ModelOptions, check: bool) -> Fact:
    """The module's result; exceptions carry the message for the operator."""
    found = find_store(options, check)
    shop = open_workshop(options, found.models_dir)
    outcome = install(options, shop, check)
    restarted = restart(options, found, shop.store, outcome, check)
    return report(shop.store, outcome, restarted, found.warnings)


def find_store(options: ModelOptions, check: bool) -> Found:
    """The given folder or that of the project's volume; check mode assumes an empty store if it is missing."""
    engine, why_no_engine = None, ""
    if not options.store or options.restart:
        engine, why_no_engine = connect(options.docker_host)
    try:
        models_dir = find_models_dir(engine, options.store, options.project, options.volume, why_no_engine)
    except NoStore as error:
        if isinstance(error, NoVolume) and options.state == "absent":
            return Found(_NOWHERE, engine, why_no_engine)
        if not check or options.store:
            raise
        return Found(_NOWHERE, engine, why_no_engine, (f"check mode assumes an empty store: {error}",))
    return Found(models_dir, engine, why_no_engine)


def open_workshop(options: ModelOptions, models_dir: str) -> Workshop:
    """The objects that an installation needs."""
    return Workshop(
        store=Store(models_dir),
        receipts=Receipts(models_dir, options.receipts_dir),
        client=RegistryClient(options.access, Deadline(options.timeout), options.limits.stall_timeout),
        limits=options.limits,
        progress=Progress(options.progress_path),
    )


def install(options: ModelOptions, shop: Workshop, check: bool) -> Outcome:
    """Install or remove the models."""
    job = Job(options.wishes, options.verify, options.repair, options.prune, check)
    shop.progress.say("checking the store")
    with contextlib.closing(shop.progress):
        if options.state == "absent":
            return ensure_absent(shop, job)
        if options.state == "fetched":
            return ensure_fetched(shop, job)
        if options.method == "engine":
            # Connect only if something has to be pulled: check mode works without an Engine.
            host = options.docker_host
            return ensure_pulled(shop, job, lambda: Engine(host), options.project, options.init_service)
        return ensure_present(shop, job)


def restart(options: ModelOptions, found: Found, store: Store, outcome: Outcome, check: bool) -> list[str]:
    """Restart containers that may use replaced files, also those of a killed earlier run; returns their names."""
    if not options.restart or options.state == "fetched":
        return []
    marked = stale_since(store)
    if marked is None and not outcome.stale:
        return []
    if found.engine is None:
        outcome.warnings.append(
            f"restart the server that uses {options.store}, it may still use replaced files: {found.why_no_engine}"
        )
        return []
    since = marked if marked is not None and not outcome.stale else time.time()
    containers = serving(found.engine, options.project, options.service, since)
    names = [container.name for container in containers]
    if names:
        outcome.changed = True
        outcome.lines.append(f"restarted {', '.join(names)} and reloaded the models")
    if not check:
        # The backend asks for the first; of the others, only those that were loaded are loaded again.
        wanted = [wish.name.display for wish in options.wishes[:1] if wish.warm]
        failure = restart_and_load(found.engine, containers, wanted, options.load_timeout)
        if failure:
            raise InstallError("load", f"the models on disk are intact, but {failure}")
        store.disk.remove(stale_path(store))
    return names


def report(store: Store, outcome: Outcome, restarted: list[str], warnings: t.Sequence[str]) -> Fact:
    """The module's result."""
    return {
        "changed": outcome.changed,
        "msg": ". ".join(outcome.lines),
        "models": outcome.models,
        "download_bytes": outcome.download_bytes,
        "restarted": restarted,
        "pruned": outcome.pruned,
        "store": plain_survey(take_survey(store), store.models_dir),
        "diff": {"before": _text(outcome.before), "after": _text(outcome.after)},
        "warnings": [*warnings, *outcome.warnings],
    }


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def kind_of(error: Exception) -> Kind:
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
