# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes a running server let go of weights that were replaced under it. Private to this collection."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.archiv.ollama.plugins.module_utils._engine import Container, Engine, EngineError
from ansible_collections.archiv.ollama.plugins.module_utils._health import reach
from ansible_collections.archiv.ollama.plugins.module_utils._ollama import ApiError, OllamaApi

# The server looks for GPUs before it answers, up to 30 s for each library folder.
_START_SECONDS = 90.0
_POLL_SECONDS = 0.5


def serving(engine: Engine, project: str, service: str) -> list[Container]:
    """The containers that may hold a model in memory."""
    return [one for one in engine.containers(project, service) if one.state == "running"]


def restart_and_load(engine: Engine, containers: t.Sequence[Container], names: t.Sequence[str], within: float) -> str:
    """Restart what serves, then load each model again; returns what failed, "" when nothing did."""
    for container in containers:
        engine.restart(container.id)
    for container in containers:
        failure = _load(engine, container, names, within)
        if failure:
            return failure
    return ""


def _load(engine: Engine, container: Container, names: t.Sequence[str], within: float) -> str:
    failure = ""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            api = _reach_again(engine, container)
        except (ApiError, EngineError) as error:
            failure = str(error)
            time.sleep(_POLL_SECONDS)
            continue
        return _load_all(api, container, names, within)
    return f"{container.name} was restarted and does not answer after {_START_SECONDS:g} s: {failure}"


def _reach_again(engine: Engine, container: Container) -> OllamaApi:
    """A restarted container may have another address."""
    for now in engine.containers(container.raw["Config"]["Labels"]["com.docker.compose.project"], container.service):
        if now.id == container.id:
            return reach(engine, now)[0]
    raise ApiError(f"{container.name} is gone")


def _load_all(api: OllamaApi, container: Container, names: t.Sequence[str], within: float) -> str:
    for name in names:
        try:
            api.generate_one_token(name, within)
        except (ApiError, EngineError) as error:
            return f"{container.name} was restarted but does not answer with {name}: {error}"
    return ""
