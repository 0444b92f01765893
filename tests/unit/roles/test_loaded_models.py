"""The server has a place for each model that stays loaded, so that none of them ever makes room for another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.unit.support.evaluate import rendered

WARM, COLD = [{"name": f"w{n}:1"} for n in range(4)], [{"name": f"c{n}:1", "warm": False} for n in range(2)]


def test_every_warm_model_has_a_place_and_cold_ones_share_one(tmp_path: Path) -> None:
    hosts: dict[str, dict[str, Any]] = {
        "one": {"ollama_stack_models": WARM[:1]},
        "all-warm": {"ollama_stack_models": WARM},
        # A cold one must not push a warm one out; two of them take turns.
        "two-cold": {"ollama_stack_models": WARM[:2] + COLD},
        # The operator gave up the pin: one at a time, which is what the preflight makes sure of.
        "idle": {"ollama_stack_models": WARM, "ollama_stack_keep_alive": "30m"},
    }
    files = rendered(tmp_path, hosts)
    places = {name: re.findall(r'OLLAMA_MAX_LOADED_MODELS: "(.*)"', text) for name, text in files.items()}
    assert places == {"one": ["1"], "all-warm": ["4"], "two-cold": ["3"], "idle": ["1"]}
