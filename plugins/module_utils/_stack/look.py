# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a stack on this host: files, Compose, Engine, models, health. Decides nothing. Private."""

from __future__ import annotations

import os
import shutil
import typing as t
from dataclasses import replace

from .._engine.cgroup import may_swap
from .._engine.client import Container, Engine, EngineError, Reader
from .._engine.compose import (
    ComposeMissing,
    ComposeRefused,
    Document,
    compose_version,
    read_config,
    read_other,
    reading,
)
from .._model.wishes import InputInvalid, Wish, read_wishes
from .._serve.assess import assess_models, observer
from .._serve.gate import ask_loaded
from .._store.disk import of_disk
from .._store.inspect import look_at_all
from .._store.paths import Store, StoreError
from .._store.receipts import Receipts
from .actions import find_adopted
from .files import SECRETS, find_outdated, find_uid, look_at_logins, look_at_secret, look_at_wanted, read_text
from .installed import look_at_installed
from .releases import look_at_releases
from .types import GATE, SERVER, VOLUME, File, Query, Seen

Connect = t.Callable[[str], Reader]


def observe(query: Query, connect: Connect | None = None) -> tuple[Seen, Document]:
    """Look at everything once; also the compose file as Compose reads it, {} if it does not. connect asks the Engine.

    Compose runs in parallel with the look at the disk and the Engine.
    """
    seen = Seen(
        files=tuple(_look_at_files(query))
        + tuple(look_at_secret(query, name) for name in sorted(query.secrets))
        + look_at_logins(query),
        installed=look_at_installed(query.installed),
        ignored=query.ignored,
        compose_file=os.path.realpath(os.path.join(query.directory, query.files[0]["path"])),
        locks=query.locks,
    )
    try:
        with reading(query.directory, _compose_content(query), query.docker_host) as read:
            seen, engine = _look_at_engine(seen, query, connect or Engine)
            document, hashes = read()
        seen = replace(seen, wanted=read_config(document, hashes))
        seen = _look_at_images(seen, engine)
        known = {service.config_hash for service in seen.wanted.services.values()}
        if not known.issuperset(container.config_hash for container in seen.containers):
            # The version costs one more start of the CLI, so it is only read if something differs.
            seen = replace(seen, compose_version=compose_version(query.docker_host))
    except ComposeMissing as error:
        return replace(seen, engine_missing=seen.engine_missing or str(error)), {}
    except ComposeRefused as error:
        return replace(seen, compose_refused=str(error)), {}
    return seen, document


def _look_at_files(query: Query) -> t.Iterator[File]:
    for wanted in query.files:
        file = look_at_wanted(query.directory, wanted)
        if file.wanted_sha256 or file.sha256:
            yield file


def _compose_content(query: Query) -> str:
    """What Compose reads: the wanted file, or that of the host where only its digest is known."""
    file = query.files[0]
    if "content" in file:
        return file["content"]
    path = os.path.join(query.directory, file["path"])
    try:
        return read_text(path)
    except OSError as error:
        raise ComposeRefused(f"{path} cannot be read: {error.strerror or error}") from error


def _look_at_engine(seen: Seen, query: Query, connect: Connect) -> tuple[Seen, Reader | None]:
    folder = os.path.join(query.directory, SECRETS)
    secrets = [file for file in seen.files if os.path.dirname(file.path) == folder]
    try:
        engine = connect(query.docker_host)
        seen = replace(
            seen,
            containers=_look_at_containers(engine, query.project, secrets),
            networks=engine.networks(),
            volumes=engine.volumes(),
        )
        seen = _look_at_gate(seen, query)
        if query.releases and isinstance(engine, Engine):
            seen = replace(seen, kept=look_at_releases(query.directory, engine, query.project))
        return _look_at_models(seen, query, engine), engine
    except EngineError as error:
        seen = replace(seen, engine_missing=str(error))
        # A folder on the host can be read without an Engine.
        return _look_at_models(seen, query, None) if query.models_dir else seen, None


def _look_at_containers(engine: Reader, project: str, secrets: t.Sequence[File]) -> tuple[Container, ...]:
    """The containers of a project, without those of `compose run`, and which of their secrets are outdated."""
    return tuple(
        replace(
            item,
            outdated=find_outdated(item.pid, secrets),
            uid=find_uid(item.pid) if secrets else None,
            swaps=item.no_swap and may_swap(item.pid),
            # Compose does not resolve links in these paths.
            config_files=",".join(map(os.path.realpath, filter(None, item.config_files.split(",")))),
        )
        for item in engine.containers(project)
    )


def _look_at_gate(seen: Seen, query: Query) -> Seen:
    """What the gate has loaded: it reads its files when it starts, and when it is told to."""
    gates = [item for item in seen.containers if item.service == GATE and item.state == "running"]
    return replace(seen, gate_wanted=query.gate, gate=ask_loaded(gates[0]) if query.gate and gates else None)


def _look_at_images(seen: Seen, engine: Reader | None) -> Seen:
    """The images by the names that Compose returns, with variables resolved."""
    if engine is None:
        return seen
    try:
        return replace(seen, images=engine.images(service.image for service in seen.wanted.services.values()))
    except EngineError as error:
        return replace(seen, engine_missing=str(error))


def _look_at_models(seen: Seen, query: Query, engine: Reader | None) -> Seen:
    try:
        wishes = read_wishes(query.models)
    except InputInvalid as error:
        return replace(seen, models_problem=str(error))
    models_dir = query.models_dir
    if engine is not None and not models_dir:
        volume = engine.volume(query.project, VOLUME)
        if volume is None:
            # An empty path, so that each model is reported as missing.
            return _assess(seen, query, engine, wishes, os.path.join(os.devnull, "models"))
        if not volume.path:
            return replace(seen, store_problem=f"volume {volume.name}: {volume.why_no_path}")
        models_dir = os.path.join(volume.path, "models")
    return replace(_assess(seen, query, engine, wishes, models_dir), models_dir=models_dir)


def _assess(seen: Seen, query: Query, engine: Reader | None, wishes: t.Sequence[Wish], models_dir: str) -> Seen:
    try:
        assessment = assess_models(
            wishes,
            models_dir=models_dir,
            verify="receipt",
            receipts=Receipts(models_dir, query.receipts_dir),
            observe=observer(
                engine, seen.engine_missing, query.project, SERVER, query.answer_within if query.tokens else 0
            ),
            answer_within=query.answer_within,
            context_length=query.context_length or None,
        )
    except StoreError as error:
        return replace(seen, store_problem=str(error))
    except OSError as error:
        return replace(seen, store_problem=of_disk(error))
    return replace(
        seen,
        models=assessment.states,
        healthy=assessment.healthy,
        unreferenced=sum(one.bytes for one in assessment.survey.unreferenced),
        free=_free(models_dir),
        store_problem="; ".join(assessment.survey.unsafe),
        strange=assessment.survey.strange,
    )


def _free(folder: str) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def hash_models(query: Query, seen: Seen) -> Seen:
    """The same with all models hashed, whatever their receipts say."""
    if not seen.models_dir:
        return seen
    pairs = [(wish.name, wish.digest) for wish in read_wishes(query.models)]
    return replace(seen, models=tuple(look_at_all(Store(seen.models_dir), pairs)))


def judge_adoption(query: Query, seen: Seen, document: Document, without: t.Sequence[str]) -> list[str]:
    """Why a backend that was set up by hand cannot be adopted."""
    # Imported here, because only adoption needs it.
    from . import adopt

    container = find_adopted(seen)
    if not document or (container is None and seen.files[0].ours):
        return []
    where = (container.config_files if container else seen.files[0].path) or "an unknown file"
    words = [word for path in where.split(",") for word in ("-f", path)]
    if container:
        words += ["--project-name", query.project, "--project-directory", container.working_dir or query.directory]
        words += [word for path in container.env_files.split(",") if path for word in ("--env-file", path)]
    try:
        old = read_other(words, query.docker_host)
    except (ComposeMissing, ComposeRefused) as error:
        return [adopt.unreadable(where, str(error))]
    return adopt.find_refusals(old, document, without, where)


def read_logs(query: Query, containers: t.Iterable[str]) -> dict[str, list[str]]:
    """The last log lines of containers that do not run properly."""
    try:
        engine = Engine(query.docker_host)
        return {name: engine.log(name) for name in containers}
    except EngineError:
        return {}
