"""A server that may hold replaced bytes is restarted, and what it held is loaded again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Container, Engine, plain_container
from ansible_collections.archiv.ollama.plugins.module_utils._serve import reload as _serving
from ansible_collections.archiv.ollama.plugins.module_utils._serve.api import ApiRefused, ApiStatus
from ansible_collections.archiv.ollama.plugins.module_utils._serve.reload import restart_and_load, serving, started


def container(identity: str, state: str = "running") -> Container:
    return plain_container(
        {
            "Id": identity,
            "Name": f"/archiv-{identity}",
            "State": {"Status": state, "Health": {"Status": "healthy"}, "StartedAt": "2026-01-01T00:00:10.9Z"},
            "HostConfig": {},
            "Config": {"Labels": {"com.docker.compose.project": "archiv", "com.docker.compose.service": "ollama"}},
            "NetworkSettings": {"Networks": {}},
        }
    )


class Server:
    """An Engine with one Ollama: silent for a while after a restart, healthy a while later."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.container = container("one")
        self.held = ["qwen2.5:7b", "Other:1", "removed:1"]
        self.listed = ["qwen2.5:7b", "other:1", "cold:1"]
        self.silent = 0
        self.starting = 0
        self.steps: list[str] = []
        self.failure: Exception | None = None
        monkeypatch.setattr(_serving, "reach", self.reach)
        monkeypatch.setattr(_serving, "_POLL_SECONDS", 0.001)
        monkeypatch.setattr(_serving, "_START_SECONDS", 1.0)

    def containers(self, project: str, service: str) -> list[Container]:
        assert (project, service) == ("archiv", "ollama")
        self.starting -= 1
        return [replace(self.container, health="starting" if self.starting > 0 else "healthy")]

    def restart(self, identity: str) -> None:
        self.steps.append(f"restart {identity}")
        self.silent, self.starting, self.held = 3, 6, []

    def reach(self, engine: object, one: Container) -> tuple[Any, str]:
        self.silent -= 1
        if self.silent >= 0:
            raise ApiRefused("connection refused")
        return self, "0.34.2"

    def ps(self) -> list[dict[str, str]]:
        return [{"name": name} for name in self.held]

    def tags(self) -> list[dict[str, str]]:
        return [{"name": name} for name in self.listed]

    def generate_one_token(self, name: str, within: float) -> float:
        if self.failure is not None:
            raise self.failure
        self.steps.append(f"load {name}")
        return 0.1

    @property
    def engine(self) -> Engine:
        return cast(Engine, self)


def test_restart_loads_the_wanted_and_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch)
    assert restart_and_load(server.engine, [server.container], ["QWEN2.5:7b"], 5) == ""
    assert server.steps == ["restart one", "load QWEN2.5:7b", "load Other:1"]
    assert server.starting <= 0, "whoever asks next finds it healthy"


def test_server_that_stays_silent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch)
    monkeypatch.setattr(_serving, "_START_SECONDS", 0.01)
    monkeypatch.setattr(server, "restart", lambda identity: setattr(server, "silent", 10**9))
    failure = restart_and_load(server.engine, [server.container], [], 5)
    assert "archiv-one was restarted but does not answer" in failure and "connection refused" in failure


def test_model_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch)
    server.failure = ApiStatus(500, "tensor exceeds file size")
    assert "tensor exceeds" in restart_and_load(server.engine, [server.container], ["m:1"], 5)


def test_only_what_ran_before_the_replacement_holds_the_old(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch)
    begun = started("2026-01-01T00:00:10.9Z")
    assert [one.id for one in serving(server.engine, "archiv", "ollama", begun + 1)] == ["one"]
    assert serving(server.engine, "archiv", "ollama", begun - 1) == []
    server.container = container("two", "exited")
    assert serving(server.engine, "archiv", "ollama", begun + 1) == []


@pytest.mark.parametrize(
    ("moment", "seconds"), [("1970-01-01T00:01:40.5Z", 100), ("", 0), ("0001-01-01T00:00:00Z", None)]
)
def test_engine_time_is_read(moment: str, seconds: float | None) -> None:
    assert started(moment) == seconds if seconds is not None else started(moment) < 0
