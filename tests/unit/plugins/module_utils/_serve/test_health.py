"""Health is judged from what was seen; a wait behind others is busy, not unhealthy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.cgroup import Usage
from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Engine, plain_container
from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import Wish
from ansible_collections.archiv.ollama.plugins.module_utils._serve import probe as _probe
from ansible_collections.archiv.ollama.plugins.module_utils._serve.health import (
    Answer,
    Served,
    judge_health,
)
from ansible_collections.archiv.ollama.plugins.module_utils._serve.probe import probe
from tests.unit.support.fake_engine import FakeEngine, recorded, serve_engine
from tests.unit.support.fake_ollama import PORT, VERSIONS, FakeOllama, Handler, answer_of, serve_ollama

NAME = "qwen2.5:7b-instruct-q4_K_M"
WISH = Wish(parse_name(NAME))
RUNNING = plain_container(recorded("inspect_ollama"))


def models_of(name: str) -> list[dict[str, Any]]:
    """The models of a recorded answer."""
    return list(answer_of(name)[1]["models"])


def digest() -> str:
    """The digest the recorded server holds."""
    return f"sha256:{models_of('ps_pinned')[0]['digest']}"


HEALTHY = Served(
    container=RUNNING,
    usage=Usage(oom_kills=0, memory_used=1024, memory_limit=None, cpu_seconds=1),
    version="0.34.2",
    tags=models_of("tags"),
    ps=models_of("ps_pinned"),
    answers={NAME: Answer(0.2)},
)


def kinds(seen: Served, *wishes: Wish, **options: Any) -> tuple[list[str], list[str]]:
    """The kinds of problems and of warnings."""
    healthy = judge_health(seen, wishes or [WISH], **options)
    assert healthy["ok"] == (not healthy["problems"])
    return [one["kind"] for one in healthy["problems"]], [one["kind"] for one in healthy["warnings"]]


def test_all_well_is_healthy() -> None:
    healthy = judge_health(HEALTHY, [replace(WISH, digest=digest())])
    assert (healthy["ok"], healthy["problems"], healthy["warnings"]) == (True, [], [])
    assert (healthy["version"], healthy["oom_kills"], healthy["memory_limit"]) == ("0.34.2", 0, 8 * 1024**3)
    (model,) = healthy["models"]
    assert (model["listed"], model["loaded"], model["pinned"], model["answered"]) == (True, True, True, True)
    assert (model["processor"], model["context_length"], model["seconds"]) == ("cpu", 2048, 0.2)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_server_is_healthy(version: str) -> None:
    tags, ps = (answer_of(name, version)[1]["models"] for name in ("tags", "ps_pinned"))
    healthy = judge_health(replace(HEALTHY, version=version, tags=tags, ps=ps), [replace(WISH, digest=digest())])
    (model,) = healthy["models"]
    assert (healthy["problems"], model["pinned"], model["processor"]) == ([], True, "cpu")


def container(**changes: Any) -> Any:
    """The recorded container, some of what was seen of it changed."""
    return replace(RUNNING, **changes)


def loaded(**changes: Any) -> Served:
    """Healthy, but for the loaded model's entry."""
    return replace(HEALTHY, ps=[models_of("ps_pinned")[0] | changes])


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        pytest.param(Served(engine_error="no Docker Engine listens"), "engine", id="no Engine"),
        pytest.param(Served(), "no_container", id="no container"),
        pytest.param(Served(container=container(state="exited")), "not_running", id="exited"),
        pytest.param(replace(HEALTHY, version="", api_error="refused"), "api", id="no API"),
        pytest.param(replace(HEALTHY, container=container(health="unhealthy")), "container_health", id="unhealthy"),
        pytest.param(replace(HEALTHY, container=container(health="starting")), "container_health", id="starting"),
        pytest.param(replace(HEALTHY, tags=[]), "not_listed", id="not listed"),
        pytest.param(replace(HEALTHY, ps=[], answers={}), "not_loaded", id="not loaded"),
        pytest.param(replace(HEALTHY, ps=models_of("ps_expiring")), "not_pinned", id="expires in five minutes"),
        pytest.param(loaded(expires_at="0001-01-01T00:00:00Z"), "not_pinned", id="still loading"),
        pytest.param(loaded(expires_at=None), "not_pinned", id="no expiry"),
        pytest.param(replace(HEALTHY, answers={NAME: Answer(1, "HTTP 500: x", 500)}), "no_answer", id="error"),
        pytest.param(replace(HEALTHY, answers={NAME: Answer(60, "late", timed_out=True)}), "no_answer", id="stuck"),
    ],
)
def test_one_thing_wrong_is_one_problem(seen: Served, problem: str) -> None:
    assert kinds(seen)[0] == [problem]


def test_other_digest_in_memory_than_on_disk_is_stale() -> None:
    assert kinds(HEALTHY, replace(WISH, digest="sha256:" + "0" * 64))[0] == ["stale"]


def test_prefix_of_a_listed_name_is_not_listed() -> None:
    assert kinds(HEALTHY, Wish(parse_name("qwen2.5:7b-instruct")))[0] == ["not_listed"]


def test_name_in_other_case_is_the_same_model() -> None:
    seen = replace(HEALTHY, answers={NAME.upper(): Answer(0.1)})
    assert kinds(seen, Wish(parse_name(NAME.upper())))[0] == []


@pytest.mark.parametrize(
    "answer", [Answer(60, "late", timed_out=True, at_work=True), Answer(0.1, "HTTP 503: server busy", status=503)]
)
def test_wait_behind_others_is_busy_not_unhealthy(answer: Answer) -> None:
    healthy = judge_health(replace(HEALTHY, answers={NAME: answer}), [WISH])
    assert (healthy["ok"], healthy["busy"], healthy["models"][0]["answered"]) == (True, True, False)


def test_model_that_need_not_be_warm_need_only_be_listed() -> None:
    cold = Wish(parse_name("truncated:1b"), warm=False)
    assert kinds(HEALTHY, WISH, cold)[0] == []
    assert kinds(replace(HEALTHY, tags=[]), cold)[0] == ["not_listed"]


@pytest.mark.parametrize(
    ("seen", "options", "warning"),
    [
        (replace(HEALTHY, usage=Usage(oom_kills=3)), {}, "oom_kills"),
        (replace(HEALTHY, container=container(oom_killed=True)), {}, "oom_kills"),
        (replace(HEALTHY, container=container(restarts=2)), {}, "restarts"),
        (replace(HEALTHY, usage=Usage(memory_used=8 * 1024**3 - 1)), {}, "memory"),
        (HEALTHY, {"gpu": True}, "cpu_fallback"),
        (replace(HEALTHY, container=container(gpu_declared=True)), {}, "cpu_fallback"),
        (HEALTHY, {"context_length": 1024}, "context_length"),
    ],
)
def test_odd_but_answering_is_healthy_with_a_warning(seen: Served, options: dict[str, Any], warning: str) -> None:
    assert kinds(seen, **options) == ([], [warning])


def test_gpu_meant_to_be_unused_is_no_warning() -> None:
    assert kinds(replace(HEALTHY, container=container(gpu_declared=True)), gpu=False) == ([], [])


def test_context_beyond_the_trained_one_is_no_warning() -> None:
    assert kinds(HEALTHY, context_length=4096) == ([], [])


@pytest.mark.parametrize(("size", "vram", "processor"), [(10, 0, "cpu"), (10, 10, "gpu"), (10, 4, "40% gpu")])
def test_processor_is_read_from_the_sizes(size: int, vram: int, processor: str) -> None:
    healthy = judge_health(loaded(size=size, size_vram=vram), [WISH])
    assert healthy["models"][0]["processor"] == processor


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    """A server on Ollama's own port."""
    with serve_ollama(PORT) as server:
        yield server


@pytest.fixture
def fake(tmp_path: Path, ollama: FakeOllama) -> Iterator[FakeEngine]:
    """An Engine whose one container is that server."""
    with serve_engine(tmp_path) as engine:
        assert engine.inspect is not None
        engine.inspect["NetworkSettings"]["Networks"] = {"archiv-net": {"IPAddress": ollama.address}}
        yield engine


def test_probe_sees_what_is_there(fake: FakeEngine) -> None:
    seen = probe(Engine(fake.host), "archiv", "ollama", [WISH], 5)
    assert (seen.version, seen.api_error, list(seen.answers)) == ("0.34.2", "", [NAME])
    assert judge_health(seen, [WISH])["ok"]


def test_probe_asks_no_model_that_is_not_loaded(fake: FakeEngine, ollama: FakeOllama) -> None:
    ollama.answers["/api/ps"] = answer_of("ps_empty")
    seen = probe(Engine(fake.host), "archiv", "ollama", [WISH], 5)
    assert seen.answers == {}
    assert "/api/generate" not in [path for path, _ in ollama.bodies]


def test_probe_without_container_or_engine_says_so(fake: FakeEngine) -> None:
    engine = Engine(fake.host)
    fake.answers["/containers/json"] = (200, [])
    assert probe(engine, "archiv", "ollama", [WISH]) == Served()
    fake.answers["/containers/json"] = (500, {"message": "kaputt"})
    assert "kaputt" in probe(engine, "archiv", "ollama", [WISH]).engine_error


def test_probe_of_a_stopped_container_asks_nothing(fake: FakeEngine, ollama: FakeOllama) -> None:
    assert fake.inspect is not None
    fake.inspect["State"] = {"Status": "exited", "ExitCode": 137, "Pid": 0}
    seen = probe(Engine(fake.host), "archiv", "ollama", [WISH])
    assert ollama.bodies == []
    assert judge_health(seen, [WISH])["problems"][0]["kind"] == "not_running"


def test_probe_passes_on_why_the_api_is_silent(fake: FakeEngine, ollama: FakeOllama) -> None:
    ollama.answers["/api/version"] = (200, b"<html>")
    assert "JSON" in probe(Engine(fake.host), "archiv", "ollama", [WISH]).api_error
    ollama.answers["/api/version"] = answer_of("version")
    ollama.answers["/api/tags"] = (500, {"error": "invalid character"})
    assert "HTTP 500: invalid character" in probe(Engine(fake.host), "archiv", "ollama", [WISH]).api_error


def silent(handler: Handler) -> None:
    handler.server.stopping.wait(10)


@pytest.mark.parametrize(
    ("cpu_each_second", "others", "busy"),
    [
        pytest.param(1.0, 1, True, id="computing for another"),
        pytest.param(0.0, 1, False, id="idle, another connected: stuck"),
        pytest.param(1.0, 0, False, id="computing for nobody: stuck"),
    ],
)
def test_probe_tells_busy_from_stuck(
    fake: FakeEngine,
    ollama: FakeOllama,
    monkeypatch: pytest.MonkeyPatch,
    cpu_each_second: float,
    others: int,
    busy: bool,
) -> None:
    ollama.answers["/api/generate"] = silent
    begun = time.monotonic()
    monkeypatch.setattr(_probe, "usage_of", lambda pid: Usage(cpu_seconds=cpu_each_second * (time.monotonic() - begun)))
    monkeypatch.setattr(_probe, "clients_waiting", lambda pid, port: others)
    healthy = judge_health(probe(Engine(fake.host), "archiv", "ollama", [WISH], 0.3), [WISH])
    assert (healthy["busy"], healthy["ok"]) == (busy, busy)
