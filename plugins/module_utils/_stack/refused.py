# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a stack did not serve, by what the Docker Engine saw. Private."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._engine.client import EngineError
from .._engine.sockets import EVENTS_KEPT, EngineSocket

_ENGINE_SECONDS = 20.0
_LABEL = "com.docker.compose."
_HEALTHY = "health_status: healthy"


def ask_refused(
    docker_host: str, project: str, together: t.Sequence[t.Collection[str]], ago: float
) -> list[float] | None:
    """For each group of services how long it was down in the last seconds; None where the Engine forgot some."""
    until = time.time_ns()
    since = until - int(ago * 1e9)
    if since >= until:
        return None
    try:
        with contextlib.closing(EngineSocket(docker_host, _ENGINE_SECONDS, _ENGINE_SECONDS)) as engine:
            events = engine.events(since, until)
            containers = engine.containers(project)
    except EngineError:
        return None
    if len(events) >= EVENTS_KEPT:
        return None
    checked = {item.service for item in containers if item.health}
    return [count_refused(events, project, services, checked, until) for services in together]


def count_refused(
    events: t.Iterable[t.Mapping[str, t.Any]],
    project: str,
    services: t.Collection[str],
    checked: t.Collection[str],
    until: int,
) -> float:
    """Seconds in which at least one of these services was down, until a time in nanoseconds since 1970.

    A service is down from the end of its container until another is healthy, or started where nothing checks its
    health. One that had no container before was not serving, and is not counted.
    """
    down: dict[str, int] = {}
    times: list[tuple[int, int]] = []
    for event in sorted(events, key=lambda one: int(one["timeNano"])):
        attributes = (event.get("Actor") or {}).get("Attributes") or {}
        service, action, at = str(attributes.get(f"{_LABEL}service")), event.get("Action"), int(event["timeNano"])
        if attributes.get(f"{_LABEL}project") != project or service not in services:
            continue
        # A one-off container of the service serves nobody.
        if event.get("Type") != "container" or attributes.get(f"{_LABEL}oneoff") == "True":
            continue
        if action == "die":
            down.setdefault(service, at)
        elif action == (_HEALTHY if service in checked else "start") and service in down:
            times.append((down.pop(service), at))
    times += [(begun, until) for begun in down.values()]
    return _length(times) / 1e9


def _length(times: t.Iterable[tuple[int, int]]) -> int:
    """The length of all of them together; what overlaps counts once."""
    total, reached = 0, 0
    for begun, ended in sorted(times):
        total += max(ended - max(begun, reached), 0)
        reached = max(reached, ended)
    return total
