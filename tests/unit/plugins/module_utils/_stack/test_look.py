"""Which of an old stack's files are read when there is nothing else to go by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

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
