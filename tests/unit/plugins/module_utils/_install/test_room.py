"""Room is made by what nothing needs, and the download that it is made for needs what it counts as there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._install import plan


def test_room_is_not_made_by_what_the_download_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[set[str]] = []

    def drop(_store: Any, _receipts: Any, wanted: set[str]) -> bool:
        kept.append(wanted)
        return False

    monkeypatch.setattr(plan, "bytes_to_fetch", lambda *_given: 1)
    monkeypatch.setattr(plan, "has_space", lambda *_given: False)
    monkeypatch.setattr(plan, "drop_oldest", drop)
    blobs = [SimpleNamespace(digest="sha256:there"), SimpleNamespace(digest="sha256:lacking")]
    shop: Any = SimpleNamespace(store=SimpleNamespace(disk=None, partials_dir=""), receipts=None)
    one: Any = SimpleNamespace(manifest=SimpleNamespace(blobs=blobs))
    plan.make_room(shop, [one])
    assert kept == [{"sha256:there", "sha256:lacking"}]
