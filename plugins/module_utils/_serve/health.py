# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the stack's Ollama answers with the wanted models: a pure judgement and a probe. Private."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field, replace

from .._engine.cgroup import Usage, clients_waiting, usage_of
from .._engine.client import Container, Engine, EngineError
from .._model.names import same_model
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

# "For ever" is the largest duration Go knows, about the year 2318; never a fixed date.
_FOR_EVER = 2200
# Below this share of one core a server that keeps a request waiting is stuck, not busy.
_AT_WORK = 0.2
# A container this close to a limit without swap is one request away from being killed.
_NEARLY_FULL = 0.95
_REACH_SECONDS = 5.0

Fact = dict[str, t.Any]


@dataclass(frozen=True)
class Answer:
    """How one request for one token ended."""

    seconds: float
    error: str = ""
    status: int = 0
    timed_out: bool = False
    at_work: bool = False


@dataclass(frozen=True)
class Observation:
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
    seen: Observation,
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
        "memory_limit": (seen.container.memory_limit or None) if seen.container else None,
        "models": models,
        "problems": problems,
        "warnings": warnings,
    }


def problem(kind: str, subject: str, found: str, action: str) -> Fact:
    """One problem, in the format of `healthy`."""
    return {"kind": kind, "subject": subject, "found": found, "action": action}


def _why_no_answer(seen: Observation) -> Fact:
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


def _judge_model(seen: Observation, wish: Wish, answer_within: float, problems: list[Fact]) -> Fact:
    name = wish.name.display
    listed = _entry(seen.tags, name)
    loaded = _entry(seen.ps, name)
    answer = seen.answers.get(name)
    pinned = loaded is not None and _year(loaded.get("expires_at")) > _FOR_EVER
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
    used, limit = usage.memory_used, container.memory_limit
    if used and limit and used > limit * _NEARLY_FULL:
        found = f"{used} of {limit} bytes of memory in use"
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


def _entry(models: t.Sequence[Fact], name: str) -> Fact | None:
    for model in models:
        if same_model(str(model.get("name") or model.get("model") or ""), name):
            return model
    return None


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


def probe(
    engine: Engine, project: str, service: str, wishes: t.Sequence[Wish], answer_within: float = 60
) -> Observation:
    """Look at the container, the kernel's counters and the API, and ask each loaded model for one token within so
    many seconds; 0 asks none.
    """
    try:
        containers = engine.containers(project, service)
    except EngineError as error:
        return Observation(engine_error=str(error))
    if not containers:
        return Observation()
    running = [container for container in containers if container.state == "running"]
    container = (running or containers)[0]
    seen = Observation(container=container, usage=usage_of(container.pid) if container.pid else Usage())
    return _ask(engine, seen, wishes, answer_within) if running else seen


def _ask(engine: Engine, seen: Observation, wishes: t.Sequence[Wish], answer_within: float) -> Observation:
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
        if answer_within and wish.warm and _entry(ps, wish.name.display) is not None
    }
    return replace(seen, version=version, tags=tags, ps=ps, answers=answers)


def reach(engine: Engine, container: Container) -> tuple[OllamaApi, str]:
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
