# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory of the server over the last day, for a small plot. Pure and private."""

from __future__ import annotations

import typing as t

_EVERY_SECONDS = 300
_DAY_SECONDS = 24 * 3600
Sample = list[float]


def read_samples(document: t.Mapping[str, t.Any] | None) -> list[Sample]:
    """The samples of a file, [time, bytes] each, the oldest first; none from a damaged one."""
    told = (document or {}).get("memory")
    return [one for one in told if _is_sample(one)] if isinstance(told, list) else []


def add_sample(samples: t.Sequence[Sample], now: float, amount: int) -> list[Sample] | None:
    """The samples with one more, without what is older than a day; None if it is not time for one."""
    kept = [one for one in samples if now - _DAY_SECONDS < one[0] <= now]
    # The timer is never quite exact.
    if kept and now - kept[-1][0] < _EVERY_SECONDS - 1:
        return None
    return [*kept[1 - _DAY_SECONDS // _EVERY_SECONDS :], [round(now), amount]]


def _is_sample(one: object) -> bool:
    return isinstance(one, list) and len(one) == 2 and all(type(value) in (int, float) for value in one)
