# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wanted models, as the `models` option names them. Pure and private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .names import (
    DigestInvalid,
    ModelName,
    NameInvalid,
    parse_digest,
    parse_name,
    refuse_port,
)

_KEYS = {"name", "digest", "warm"}


class InputInvalid(ValueError):
    """Invalid options; str() lists all mistakes."""


@dataclass(frozen=True)
class Wish:
    """What is wanted for one model."""

    name: ModelName
    digest: str | None = None
    warm: bool = True


def read_wishes(entries: t.Sequence[object]) -> list[Wish]:
    """The `models` option as wishes: names, or {name, digest, warm}; InputInvalid lists every mistake."""
    wishes, mistakes = [], []
    for number, entry in enumerate(entries):
        try:
            wishes.append(_read_wish(entry))
        except (InputInvalid, NameInvalid, DigestInvalid) as error:
            mistakes.append(f"models[{number}]: {error}")
    doubled = {wish.name.display for wish in wishes if sum(wish.name.key == one.name.key for one in wishes) > 1}
    mistakes += [f"models: {name} is listed more than once" for name in sorted(doubled)]
    if not entries:
        mistakes.append("models: the list is empty; name at least one model")
    if mistakes:
        raise InputInvalid("; ".join(mistakes))
    return wishes


def _read_wish(entry: object) -> Wish:
    if isinstance(entry, str):
        return Wish(_parse(entry))
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise InputInvalid(f"{entry!r} is neither a model name nor {{name: ..., digest: ...}}")
    unknown = sorted(str(key) for key in entry if key not in _KEYS)
    if unknown:
        raise InputInvalid(f"{entry['name']} has unknown keys {', '.join(unknown)}; valid keys are digest, name, warm")
    digest, warm = entry.get("digest"), entry.get("warm", True)
    if digest is not None and not isinstance(digest, str):
        raise InputInvalid(f"{entry['name']} has digest {digest!r}; write it as a string, sha256:...")
    if not isinstance(warm, bool):
        raise InputInvalid(f"{entry['name']} has warm {warm!r}; write true or false")
    return Wish(_parse(entry["name"]), parse_digest(digest) if digest else None, warm)


def _parse(text: str) -> ModelName:
    name = parse_name(text)
    refuse_port(name)
    return name
