# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restarts a server whose files were replaced, and reloads its models. Private to this collection."""

from __future__ import annotations

import calendar
import time
import typing as t

from .._engine.client import Container, Engine, EngineError
from .._model.names import same_model
from .api import ApiError, OllamaApi
from .probe import reach

# The server looks for GPUs before it answers, up to 30 s for each library folder.
_START_SECONDS = 90.0
_POLL_SECONDS = 0.5


def serving(engine: Engine, project: str, service: str, since: float) -> list[Container]:
    """The containers that may still use files that were replaced at the time since."""
    found = engine.containers(project, service)
    return [one for one in found if one.state == "running" and started(one.raw["State"].get("StartedAt", "")) <= since]


def started(moment: str) -> float:
    """The Engine's time in whole seconds; 0 if it is invalid."""
    try:
        return calendar.timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return 0.0


def restart_and_load(engine: Engine, containers: t.Sequence[Container], wanted: t.Sequence[str], within: float) -> str:
    """Restart the servers and load the wanted models and those that were loaded; returns what failed, or ""."""
    held = {container.id: _held(engine, container) for container in containers}
    for container in containers:
        engine.restart(container.id)
    for container in containers:
        failure = _load(engine, container, wanted, held[container.id], within)
        if failure:
            return failure
    return ""


def _held(engine: Engine, container: Container) -> list[str]:
    try:
        return [str(model.get("name", "")) for model in reach(engine, container)[0].ps()]
    except (ApiError, EngineError):
        # A server that does not answer has no models to reload.
        return []


def _load(engine: Engine, container: Container, wanted: t.Sequence[str], held: t.Sequence[str], within: float) -> str:
    failure = ""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            api = reach(engine, _again(engine, container))[0]
            break
        except (ApiError, EngineError) as error:
            failure = str(error)
            time.sleep(_POLL_SECONDS)
    else:
        return f"{container.name} was restarted but does not answer after {_START_SECONDS:g} s: {failure}"
    failure = _load_all(api, container, wanted, held, within)
    # The health check runs every few seconds; until then the container would be reported as starting.
    while not failure and time.monotonic() < end and _again(engine, container).health == "starting":
        time.sleep(_POLL_SECONDS)
    return failure


def _again(engine: Engine, container: Container) -> Container:
    """The container as it is now: a restart may give it another address."""
    project = container.raw["Config"]["Labels"]["com.docker.compose.project"]
    for now in engine.containers(project, container.service):
        if now.id == container.id:
            return now
    raise EngineError(f"container {container.name} has disappeared; run playbooks/deploy.yml")


def _load_all(
    api: OllamaApi, container: Container, wanted: t.Sequence[str], held: t.Sequence[str], within: float
) -> str:
    name = "its list of models"
    try:
        listed = [str(model.get("name", "")) for model in api.tags()]
        # A model that was removed from disk stays in memory until the restart, and is not loaded again.
        others = [one for one in held if _among(one, listed) and not _among(one, wanted)]
        for name in (*wanted, *others):
            api.generate_one_token(name, within)
    except (ApiError, EngineError) as error:
        return f"{container.name} was restarted but does not answer with {name}: {error}"
    return ""


def _among(name: str, names: t.Iterable[str]) -> bool:
    return any(same_model(name, one) for one in names)
