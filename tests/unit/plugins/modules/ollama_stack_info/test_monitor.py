"""What watches a host is judged in the same look, and a Prometheus is asked only before something is changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack import alert, host
from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.stack_host import Run, kinds, write

TEXT = "#!/bin/sh\n"
PROMETHEUS = {"url": "http://prometheus.example.org:9090", "name": "staging-1"}
MONITOR = {"ollama_stack_monitor": True}


@pytest.fixture
def installed(tmp_path: Path) -> list[dict[str, str]]:
    (tmp_path / "ollama-stack").write_text(TEXT)
    return [{"path": str(tmp_path / "ollama-stack"), "sha256": hashlib.sha256(TEXT.encode()).hexdigest()}]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Prometheuses that were asked."""
    found: list[str] = []

    def find_doubts(url: str, name: str, ca_path: str | None) -> list[str]:
        found.append(f"{url} {name}")
        return ["no series of this host"]

    monkeypatch.setattr(alert, "find_doubts", find_doubts)
    return found


@pytest.mark.usefixtures("cli", "model")
def test_difference_of_it_alone_is_not_clean_and_starts_nothing(
    run: Run, engine: FakeEngine, tmp_path: Path, installed: list[dict[str, str]]
) -> None:
    write(tmp_path)
    clean = run(installed=installed, docker_host=engine.host)
    assert (clean["clean"], clean["monitor"]) == (True, False)
    (tmp_path / "ollama-stack").write_text("#!/bin/bash\n")
    verdict = run(installed=installed, docker_host=engine.host)
    assert kinds(verdict) == ["monitor_differs"]
    assert (verdict["clean"], verdict["start"], verdict["monitor"]) == (False, False, True)
    (tmp_path / "ollama-stack").unlink()
    assert kinds(run(installed=installed, docker_host=engine.host)) == ["monitor_missing"]


@pytest.mark.usefixtures("bare")
def test_host_without_systemd_cannot_have_it(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refusals(**inputs: Any) -> list[str]:
        return [one for one in run(inputs=inputs)["refusals"] if "ollama_stack_monitor" in one]

    monkeypatch.setattr(host, "SYSTEMD", str(tmp_path / "none"))
    assert refusals(**MONITOR) and not refusals(ollama_stack_monitor=False)
    monkeypatch.setattr(host, "SYSTEMD", str(tmp_path))
    assert not refusals(**MONITOR)


@pytest.mark.usefixtures("bare")
def test_prometheus_is_asked_before_a_change_and_not_after_it(run: Run, asked: list[str]) -> None:
    assert "no series of this host" in str(run(prometheus=PROMETHEUS)["warnings"])
    assert asked == ["http://prometheus.example.org:9090 staging-1"]
    run(prometheus=PROMETHEUS, wait_for="clean")
    assert len(asked) == 1


@pytest.mark.usefixtures("cli", "model")
def test_prometheus_is_not_asked_where_nothing_is_to_be_done(
    run: Run, engine: FakeEngine, tmp_path: Path, asked: list[str]
) -> None:
    write(tmp_path)
    assert run(prometheus=PROMETHEUS, docker_host=engine.host)["clean"] and asked == []
