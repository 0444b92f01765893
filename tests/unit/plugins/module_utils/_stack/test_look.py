"""What a look reads of an old stack's files and of the kernel's limits."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Container
from ansible_collections.archiv.ollama.plugins.module_utils._stack import look
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import File, Query, Seen


def test_old_backend_is_read_from_the_compose_file_where_no_container_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def read_other(words: Sequence[str], docker_host: str) -> dict[str, Any]:
        asked.append(list(words))
        return {}

    monkeypatch.setattr(look, "read_other", read_other)
    files = tuple(
        File(path, "1", "0644", "2", "0644", ours=False) for path in ("/a/docker-compose.prod.yml", "/a/.env")
    )
    query = Query("archiv", "/a", [], [], "", "/receipts", 60, 0)
    assert look.judge_adoption(query, Seen(files=files), {"services": {}}, []) == []
    assert asked == [["-f", "/a/docker-compose.prod.yml"]]


def test_only_a_container_that_may_not_swap_is_told_to_swap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the kernel lets others swap, whose limits allow it."""
    found = [
        Container(name=name, service=name, state="running", pid=pid, no_swap=no_swap)
        for name, pid, no_swap in (("safe", 1, True), ("lost", 2, True), ("free", 2, False))
    ]
    monkeypatch.setattr(look, "may_swap", lambda pid: pid == 2)
    engine: Any = SimpleNamespace(containers=lambda _project: found)
    seen = look._look_at_containers(engine, "archiv", [])
    assert [one.name for one in seen if one.swaps] == ["lost"]
