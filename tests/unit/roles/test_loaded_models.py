"""The server has a place for each model that stays loaded, so that none of them ever makes room for another."""

from __future__ import annotations

import re

import pytest

from tests.render import render

WARM, COLD = [{"name": f"w{n}:1"} for n in range(4)], [{"name": f"c{n}:1", "warm": False} for n in range(2)]
IDLE = {"ollama_stack_keep_alive": "30m"}


@pytest.mark.parametrize(
    ("models", "more", "places"),
    [
        (WARM[:1], {}, 1),
        (WARM, {}, 4),
        # A cold one must not push a warm one out; two of them take turns.
        (WARM[:2] + COLD, {}, 3),
        # The operator gave up the pin: one at a time, which is what the preflight makes sure of.
        (WARM, IDLE, 1),
    ],
)
def test_every_warm_model_has_a_place_and_cold_ones_share_one(
    models: list[dict[str, object]], more: dict[str, object], places: int
) -> None:
    text = render("staging-1", {"ollama_stack_models": models, **more})
    assert re.findall(r'OLLAMA_MAX_LOADED_MODELS: "(.*)"', text) == [str(places)]
