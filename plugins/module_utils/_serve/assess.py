# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at models on disk and in memory, shared by every module that judges them. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .._engine.client import Reader
from .._model.wishes import Wish
from .._store.inspect import ModelState, Verify, look_at_all
from .._store.paths import Store
from .._store.receipts import Receipts
from .._store.survey import Survey, take_survey
from .health import Fact, Served, judge_health
from .probe import probe


@dataclass(frozen=True)
class Assessment:
    """The state of the wanted models after one look."""

    states: tuple[ModelState, ...]
    survey: Survey
    healthy: Fact
    models_dir: str


def assess_models(
    wishes: t.Sequence[Wish],
    *,
    models_dir: str,
    verify: Verify = "full",
    receipts: Receipts | None = None,
    observe: t.Callable[[t.Sequence[Wish]], Served] | None = None,
    answer_within: float = 60,
    gpu: bool | None = None,
    context_length: int | None = None,
) -> Assessment:
    """The wanted models on disk and in the server; observe asks the server, None skips it."""
    store = Store(models_dir)
    states = look_at_all(store, [(wish.name, wish.digest) for wish in wishes], verify, receipts)
    healthy: Fact = {}
    if observe is not None:
        # The server must use what is on the disk, whether it is the wanted digest or not.
        served = [replace(wish, digest=state.digest) for wish, state in zip(wishes, states)]
        healthy = judge_health(observe(served), served, answer_within, gpu, context_length)
    return Assessment(tuple(states), take_survey(store), healthy, store.models_dir)


def observer(
    engine: Reader | None, why_no_engine: str, project: str, service: str, answer_within: float
) -> t.Callable[[t.Sequence[Wish]], Served]:
    """How assess_models asks the server of one Compose service; also handles a missing Engine."""

    def observe(wishes: t.Sequence[Wish]) -> Served:
        if engine is None:
            return Served(engine_error=why_no_engine)
        return probe(engine, project, service, wishes, answer_within)

    return observe
