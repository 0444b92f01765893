"""What every test of ollama_model begins with."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._install import download as _fetch
from ansible_collections.archiv.ollama.plugins.module_utils._install import ranges as _ranges
from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.module_utils._store import receipts as _receipts
from tests.unit.support.certificates import Authority
from tests.unit.support.fake_registry import FakeRegistry, registry
from tests.unit.support.model_host import (
    MODEL,
    PATH,
    Host,
)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code, with waits of milliseconds, parts of kilobytes, and nobody trusted beside a given ca_path."""
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.setattr(_registry, "WAITS", (0.01, 0.02, 0.03))
    monkeypatch.setattr(_receipts, "FINE_RACY_SECONDS", 0)
    monkeypatch.setattr(_ranges, "_PART_MIN", 32 * 1024)
    monkeypatch.setattr(_ranges, "_PART_MAX", 32 * 1024)
    monkeypatch.setattr(_fetch, "_READ_MIN", 2 * 1024)
    monkeypatch.setattr(_fetch, "_READ_MAX", 8 * 1024)


@pytest.fixture
def upstream() -> Iterator[FakeRegistry]:
    with registry() as server:
        server.publish(PATH, MODEL)
        yield server


@pytest.fixture
def host(tmp_path: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, upstream, capsys)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))
