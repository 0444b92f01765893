# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of each wanted model: on the disk, in memory, and how long it took to answer. Pure and private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._model.wishes import Wish
from .._serve.health import find_entry, is_pinned
from .._store.inspect import ModelState
from .collect import Facts, needs


@dataclass(frozen=True)
class ModelFacts:
    """One wanted model; what is unknown is None."""

    wish: Wish
    digest: str | None = None
    cached: bool | None = None
    intact: bool | None = None
    unproven: tuple[str, ...] = ()
    resident: bool | None = None
    pinned: bool | None = None
    # The part of it that is in the memory of a GPU.
    gpu_ratio: float | None = None
    answer_seconds: float | None = None
    answer_time: float | None = None

    @property
    def name(self) -> str:
        """The name as Ollama prints it."""
        return self.wish.name.display

    @property
    def matches(self) -> bool | None:
        """Whether the store has the wanted digest; None where none is wanted, or nothing is known."""
        return None if self.wish.digest is None or self.cached is None else self.wish.digest == self.digest


def read_models(facts: Facts) -> list[ModelFacts]:
    """Each wanted model."""
    wishes = facts.wanted.wishes if facts.wanted else ()
    states = facts.store.models if facts.store else [None] * len(wishes)
    return [_read_model(facts, wish, state) for wish, state in zip(wishes, states)]


def _read_model(facts: Facts, wish: Wish, state: ModelState | None) -> ModelFacts:
    told: dict[str, t.Any] = {}
    if state is not None:
        told.update(digest=state.digest, cached=state.cached, intact=state.intact, unproven=state.unproven)
        # The pin is another question than whether the bytes are right.
        if state.intact is False and all(problem.kind == "pin" for problem in state.problems):
            told["intact"] = None if state.unproven else True
        if facts.store and needs(state, facts.store.damaged):
            told["intact"] = False
    if facts.loaded is not None:
        entry = find_entry(facts.loaded, wish.name.display)
        told.update(resident=entry is not None, pinned=entry is not None and is_pinned(entry))
        if entry is not None:
            told["gpu_ratio"] = _gpu_ratio(entry)
    answers = facts.records.get("answers")
    answer = answers.get(wish.name.display) if isinstance(answers, dict) else None
    if isinstance(answer, dict):
        told.update(answer_seconds=_number(answer.get("seconds")), answer_time=_number(answer.get("time")))
    return ModelFacts(wish, **told)


def _gpu_ratio(entry: t.Mapping[str, t.Any]) -> float | None:
    size, on_gpu = _number(entry.get("size")), _number(entry.get("size_vram")) or 0.0
    return min(1.0, on_gpu / size) if size else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
