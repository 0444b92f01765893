# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host said, read as hostile text: all that is not what it should be is unknown. Pure and private."""

from __future__ import annotations

import math
import re
import typing as t
import unicodedata

Raw = t.Mapping[str, t.Any]

_SPACES = re.compile(r"\s+")
# Control, format (marks of direction among them), surrogates, private use, separators of lines.
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_MARKS = ("Mn", "Me")
_MOST_MARKS = 2
_HOLE = "\N{REPLACEMENT CHARACTER}"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# A number that JSON's other readers hold exactly.
_LARGEST = 2.0**53
# 2001 to 2100: a clock outside of it is no clock.
_FIRST_TIME, _LAST_TIME = 1e9, 4.1e9


def clean(text: str, longest: int = 160) -> str:
    """One line that shows itself: nothing unseen, no turned direction, no pile of marks, not too long."""
    shown: list[str] = []
    marks = 0
    for letter in _SPACES.sub(" ", text[: 4 * longest]).strip():
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in _MARKS else 0
        if kind in _UNSEEN:
            if shown[-1:] != [_HOLE]:
                shown.append(_HOLE)
        elif marks <= _MOST_MARKS:
            shown.append(letter)
    whole = "".join(shown)
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


def text(raw: Raw, key: str, longest: int = 160) -> str:
    """A text, or "" where there is none."""
    value = raw.get(key)
    return clean(value, longest) if isinstance(value, str) else ""


def number(raw: Raw, key: str) -> float | None:
    """A number that is not negative."""
    return amount(raw.get(key))


def amount(value: object) -> float | None:
    # bool is a kind of int; a comparison holds for an int of any length, where float() would raise.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= _LARGEST and math.isfinite(value) else None


def count(raw: Raw, key: str) -> int | None:
    value = number(raw, key)
    return None if value is None else int(value)


def moment(raw: Raw, key: str) -> float | None:
    """A time in seconds since 1970."""
    return instant(raw.get(key))


def instant(value: object) -> float | None:
    seconds = amount(value)
    return seconds if seconds is not None and _FIRST_TIME <= seconds <= _LAST_TIME else None


def flag(raw: Raw, key: str) -> bool | None:
    value = raw.get(key)
    return value if isinstance(value, bool) else None


def digest(raw: Raw, key: str) -> str:
    value = raw.get(key)
    return str(value) if isinstance(value, str) and _DIGEST.fullmatch(value) else ""


def part(raw: Raw, key: str) -> Raw:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def parts(raw: Raw, key: str, most: int) -> list[Raw]:
    """The mappings of a list, so many at most."""
    return [one for one in items(raw, key)[:most] if isinstance(one, dict)]


def items(raw: Raw, key: str) -> list[t.Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def texts(raw: Raw, key: str, most: int) -> tuple[str, ...]:
    return tuple(clean(one) for one in items(raw, key)[:most] if isinstance(one, str))
