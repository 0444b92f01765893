"""How much there is to fetch, before anything is fetched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._install import plan
from ansible_collections.archiv.ollama.plugins.module_utils._model.manifest import Layer
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store


@pytest.mark.parametrize(("held", "left"), [(0, 10), (4, 6), (10, 0), (12, 0)])
def test_what_an_earlier_run_has_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, held: int, left: int) -> None:
    monkeypatch.setattr(plan, "held_bytes", lambda *_: held)
    blob = Layer("application/vnd.ollama.image.model", f"sha256:{'a' * 64}", 10)
    # Two models that share a blob fetch it once.
    plans: list[Any] = [SimpleNamespace(fetch=(blob,)), SimpleNamespace(fetch=(blob,))]
    assert plan.bytes_to_fetch(Store("/srv/models"), plans) == left
