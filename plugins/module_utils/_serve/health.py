# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges Ollama: whether it answers with the wanted models, loaded and pinned. Pure and private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._engine.cgroup import Usage
from .._engine.client import Container
from .._model.names import same_model
from .._model.units import sized
from .._model.wishes import Wish

# "For ever" is the largest duration Go knows, about the year 2318; never a fixed date.
_FOR_EVER = 2200
# A container this close to a limit without swap is one request away from being killed.
_NEARLY_FULL = 0.95
Fact = dict[str, t.Any]
# What can be wrong with a server or odd about it.
HealthKind = t.Literal[
    "api",
    "container_health",
    "context_length",
    "cpu_fallback",
    "engine",
    "memory",
    "no_answer",
    "no_container",
    "not_listed",
    "not_loaded",
    "not_pinned",
    "not_running",
    "oom_kills",
    "restarts",
    "stale",
]


@dataclass(frozen=True)
class Answer:
    """How one request for one token ended."""

    seconds: float
    error: str = ""
    status: int = 0
    timed_out: bool = False
    at_work: bool = False


@dataclass(frozen=True)
class Served:
    """Everything observed about a running Ollama."""

    engine_error: str = ""
    container: Container | None = None
    usage: Usage = field(default_factory=Usage)
    version: str = ""
    api_error: str = ""
    tags: t.Sequence[Fact] = ()
    ps: t.Sequence[Fact] = ()
    answers: t.Mapping[str, Answer] = field(default_factory=dict)


def judge_health(
    seen: Served,
    wishes: t.Sequence[Wish],
    answer_within: float = 60,
    gpu: bool | None = None,
    context_length: int | None = None,
) -> Fact:
    """The module's `healthy`: ok, the facts, what makes it unhealthy (problems), other findings (warnings).

    gpu None means: expected when the container declares one.
    """
    problems: list[Fact] = []
    warnings: list[Fact] = []
    models = [_judge_model(seen, wish, answer_within, problems) for wish in wishes] if seen.version else []
    if not seen.version:
        problems.append(_why_no_answer(seen))
    elif seen.container is not None:
        problems.extend(_judge_state(seen.container))
    if seen.container is not None:
        _warn_of_container(seen.container, seen.usage, warnings)
        expected_gpu = seen.container.gpu_declared if gpu is None else gpu
        _warn_of_models(models, expected_gpu, context_length, warnings)
    return {
        "ok": not problems,
        "container": seen.container.name if seen.container else None,
        "state": seen.container.state if seen.container else None,
        "health": seen.container.health if seen.container else None,
        "restarts": seen.container.restarts if seen.container else None,
        "version": seen.version or None,
        "busy": any(model["busy"] for model in models),
        "oom_kills": seen.usage.oom_kills,
        "memory_used": seen.usage.memory_used,
        "memory_limit": (seen.container.memory or None) if seen.container else None,
        "models": models,
        "problems": problems,
        "warnings": warnings,
    }


def problem(kind: HealthKind, subject: str, found: str, action: str) -> Fact:
    """One problem, in the format of `healthy`."""
    return {"kind": kind, "subject": subject, "found": found, "action": action}


def _why_no_answer(seen: Served) -> Fact:
    if seen.engine_error:
        return problem("engine", "Docker Engine", seen.engine_error, "start Docker on the host, then try again")
    if seen.container is None:
        action = "run playbooks/deploy.yml"
        return problem("no_container", "ollama", "no container of this project and service", action)
    name, state = seen.container.name, seen.container.state
    if state != "running":
        found = f"container is {state} (exit code {seen.container.exit_code})"
        return problem("not_running", name, found, f"check `docker logs {name}`, then run playbooks/deploy.yml")
    return problem("api", name, seen.api_error, f"check `docker logs {name}`")


def _judge_state(container: Container) -> list[Fact]:
    action = f"check `docker inspect -f '{{{{json .State.Health}}}}' {container.name}`"
    if container.state != "running":
        return [problem("not_running", container.name, f"container is {container.state}", action)]
    if container.health not in ("", "none", "healthy"):
        return [problem("container_health", container.name, f"health is {container.health}", action)]
    return []


def _judge_model(seen: Served, wish: Wish, answer_within: float, problems: list[Fact]) -> Fact:
    name = wish.name.display
    listed = find_entry(seen.tags, name)
    loaded = find_entry(seen.ps, name)
    answer = seen.answers.get(name)
    pinned = loaded is not None and is_pinned(loaded)
    fact = {
        "name": name,
        "warm": wish.warm,
        "listed": listed is not None,
        "loaded": loaded is not None,
        "pinned": pinned,
        "expires_at": loaded.get("expires_at") if loaded else None,
        "answered": None if answer is None else not answer.error,
        "seconds": None if answer is None else round(answer.seconds, 3),
        "busy": answer is not None and _is_busy(answer),
        "processor": _processor(loaded) if loaded else None,
        "context_length": loaded.get("context_length") if loaded else None,
        "longest_context": ((listed or {}).get("details") or {}).get("context_length"),
    }
    problems.extend(_model_problems(fact, wish, loaded, answer, answer_within))
    return fact


def _model_problems(
    fact: Fact, wish: Wish, loaded: Fact | None, answer: Answer | None, answer_within: float
) -> t.Iterator[Fact]:
    name = fact["name"]
    if not fact["listed"]:
        action = "install it with playbooks/deploy.yml; restart the server if the model is on disk"
        yield problem("not_listed", name, "not listed in /api/tags", action)
        return
    if not wish.warm:
        return
    if loaded is None:
        action = f"load it: ollama run --keepalive -1m {name} ''"
        yield problem("not_loaded", name, "not listed in /api/ps: the next request has to load it first", action)
        return
    if not fact["pinned"]:
        found = f"/api/ps says it expires at {loaded.get('expires_at')}"
        yield problem("not_pinned", name, found, 'set OLLAMA_KEEP_ALIVE to "-1" and load it again')
    if wish.digest and _digest(loaded) != wish.digest:
        found = f"the server uses {_digest(loaded)}, the disk has {wish.digest}"
        yield problem("stale", name, found, "restart the ollama service")
    if answer is not None and answer.error and not fact["busy"]:
        found = f"/api/generate: {answer.error}"
        action = f"it must return a token within {answer_within:g} s: check `docker logs`, restart the ollama service"
        yield problem("no_answer", name, found, action)


def _warn_of_container(container: Container, usage: Usage, warnings: list[Fact]) -> None:
    name = container.name
    if usage.oom_kills or container.oom_killed:
        found = f"out of memory: the kernel killed {usage.oom_kills or 'at least one'} of its processes"
        warnings.append(problem("oom_kills", name, found, "raise OLLAMA_MEM_LIMIT or use a smaller model"))
    if container.restarts:
        found = f"restarted {container.restarts} times since it was created"
        warnings.append(problem("restarts", name, found, f"check `docker logs {name}`"))
    used, limit = usage.memory_used, container.memory
    if used and limit and used > limit * _NEARLY_FULL:
        found = f"{sized(used)} of {sized(limit)} of memory in use"
        warnings.append(problem("memory", name, found, "raise OLLAMA_MEM_LIMIT or use a smaller model"))


def _warn_of_models(models: t.Sequence[Fact], gpu: bool, context_length: int | None, warnings: list[Fact]) -> None:
    for model in models:
        if gpu and model["processor"] == "cpu":
            found = "runs on the CPU only although a GPU is configured"
            warnings.append(
                problem("cpu_fallback", model["name"], found, "check the GPU's driver inside the container")
            )
        actual = model["context_length"]
        # Ollama never exceeds the length a model was trained with.
        wanted = min(context_length or 0, model["longest_context"] or context_length or 0)
        if wanted and actual and actual != wanted:
            found = f"context is {actual} tokens, expected {wanted}"
            action = "set OLLAMA_CONTEXT_LENGTH on the server; let no client send num_ctx"
            warnings.append(problem("context_length", model["name"], found, action))


def find_entry(models: t.Sequence[Fact], name: str) -> Fact | None:
    for model in models:
        if same_model(str(model.get("name") or model.get("model") or ""), name):
            return model
    return None


def is_pinned(loaded: Fact) -> bool:
    """Whether the server keeps this loaded model for ever."""
    return _year(loaded.get("expires_at")) > _FOR_EVER


def _digest(model: Fact) -> str:
    return "sha256:" + str(model.get("digest", "")).replace("sha256:", "")


def _year(moment: object) -> int:
    year = str(moment).partition("-")[0]
    return int(year) if year.isdigit() else 0


def _processor(loaded: Fact) -> str:
    size, on_gpu = loaded.get("size") or 0, loaded.get("size_vram") or 0
    if not on_gpu:
        return "cpu"
    return "gpu" if on_gpu >= size else f"{100 * on_gpu // size}% gpu"


def _is_busy(answer: Answer) -> bool:
    # 503 is Ollama's own "too many requests wait for a load".
    return answer.status == 503 or (answer.timed_out and answer.at_work)
