# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a running Ollama, for a token within a limit too, its container and the kernel's counters. Private."""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from .._engine.cgroup import Usage, clients_waiting, usage_of
from .._engine.client import Container, EngineError, Reader
from .._model.wishes import Wish
from .api import (
    PORT,
    ApiError,
    ApiStatus,
    ApiTimeout,
    OllamaApi,
    over_exec,
    over_http,
)
from .health import Answer, Served, find_entry

# Below this share of one core a server that keeps a request waiting is stuck, not busy.
_AT_WORK = 0.2
_REACH_SECONDS = 5.0


def probe(engine: Reader, project: str, service: str, wishes: t.Sequence[Wish], answer_within: float = 60) -> Served:
    """Look at the container, the kernel's counters and the API, and ask each loaded model for one token within so
    many seconds; 0 asks none.
    """
    try:
        containers = engine.containers(project, service)
    except EngineError as error:
        return Served(engine_error=str(error))
    if not containers:
        return Served()
    running = [container for container in containers if container.state == "running"]
    container = (running or containers)[0]
    seen = Served(container=container, usage=usage_of(container.pid) if container.pid else Usage())
    return _ask(engine, seen, wishes, answer_within) if running else seen


def _ask(engine: Reader, seen: Served, wishes: t.Sequence[Wish], answer_within: float) -> Served:
    container = t.cast(Container, seen.container)
    try:
        api, version = reach(engine, container)
        tags, ps = api.tags(), api.ps()
    except (ApiError, EngineError) as error:
        return replace(seen, api_error=str(error))
    answers = {
        # Asking a model that is not loaded would load it, and may push another out of memory.
        wish.name.display: _one_token(api, container, wish.name.display, answer_within)
        for wish in wishes
        if answer_within and wish.warm and find_entry(ps, wish.name.display) is not None
    }
    return replace(seen, version=version, tags=tags, ps=ps, answers=answers)


def reach(engine: Reader, container: Container) -> tuple[OllamaApi, str]:
    """The API of a running container and its version: at the container's address, else by exec."""
    failure: Exception = ApiError("the container has no IP address")
    for address in container.addresses.values():
        api = OllamaApi(over_http(f"http://{address}:{PORT}"), _REACH_SECONDS)
        try:
            return api, api.version()
        except ApiError as error:
            failure = error
    api = OllamaApi(over_exec(lambda command: engine.execute(container.id, command)), _REACH_SECONDS)
    try:
        return api, api.version()
    except (ApiError, EngineError):
        # The first failure is the one an operator can act on.
        raise failure from None


def _one_token(api: OllamaApi, container: Container, name: str, answer_within: float) -> Answer:
    begun, cpu_before = time.monotonic(), usage_of(container.pid).cpu_seconds
    try:
        return Answer(api.generate_one_token(name, answer_within))
    except ApiTimeout as error:
        seconds = time.monotonic() - begun
        at_work = _at_work(cpu_before, usage_of(container.pid).cpu_seconds, seconds)
        others = clients_waiting(container.pid, PORT) > 0
        return Answer(seconds, str(error), timed_out=True, at_work=at_work and others)
    except ApiStatus as error:
        return Answer(time.monotonic() - begun, str(error), status=error.status)
    except (ApiError, EngineError) as error:
        return Answer(time.monotonic() - begun, str(error))


def _at_work(before: float | None, after: float | None, seconds: float) -> bool:
    return before is not None and after is not None and after - before > _AT_WORK * seconds
