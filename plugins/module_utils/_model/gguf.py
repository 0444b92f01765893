# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a model's context takes of memory, from the header of its weights. Pure and private."""

from __future__ import annotations

import struct
import typing as t

# How much of a file is read: the largest vocabularies with merges take some 20 MB.
HEADER_LIMIT = 32 * 1024 * 1024
# Longer lists are vocabularies; lists per layer are shorter.
_LONGEST_LIST = 4096
_SCALARS = {kind: struct.Struct("<" + form) for kind, form in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd")}
_TEXT, _LIST = 8, 9
_COUNT, _KIND = struct.Struct("<Q"), struct.Struct("<I")
# Families in which every layer keeps keys and values of the whole context. For others it is not known how much.
_PLAIN = (
    "command-r",
    "granite",
    "granitemoe",
    "llama",
    "mistral3",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "starcoder2",
)
_F16 = 2

Metadata = t.Mapping[str, object]


class HeaderInvalid(ValueError):
    """Not the header of a GGUF file, or one larger than any should be."""


def parse_metadata(raw: bytes) -> Metadata:
    """The numbers, words and short lists of numbers that a GGUF file begins with, by their keys."""
    if raw[:4] != b"GGUF":
        raise HeaderInvalid("no GGUF file")
    try:
        return _Cursor(raw).metadata()
    except (struct.error, IndexError, OverflowError) as error:
        raise HeaderInvalid("the header ends early") from error


class _Cursor:
    """A position in a header; every step advances it, so that no count can make it loop forever."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 4

    def metadata(self) -> Metadata:
        if self._one(_KIND) not in (2, 3):
            raise HeaderInvalid("a version of GGUF that is not known here")
        self._one(_COUNT)  # of tensors
        found = {}
        for _ in range(self._one(_COUNT)):
            key = self._text()
            found[key] = self._value(self._one(_KIND))
        return found

    def _one(self, form: struct.Struct) -> t.Any:
        (value,) = form.unpack_from(self._raw, self._at)
        self._at += form.size
        return value

    def _text(self) -> str:
        size = self._one(_COUNT)
        self._at += size
        if self._at > len(self._raw):
            raise IndexError
        return self._raw[self._at - size : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> object:
        if kind == _TEXT:
            return self._text()
        if kind == _LIST:
            return self._list(self._one(_KIND), self._one(_COUNT))
        if kind not in _SCALARS:
            raise HeaderInvalid(f"a value of kind {kind}")
        return self._one(_SCALARS[kind])

    def _list(self, kind: int, count: int) -> list[object] | None:
        if kind == _TEXT:
            # A vocabulary: hundreds of thousands of words that are not needed, so skip them.
            raw, at = self._raw, self._at
            for _ in range(count):
                (size,) = _COUNT.unpack_from(raw, at)
                at += 8 + size
            self._at = at
            return None
        if kind not in _SCALARS:
            raise HeaderInvalid(f"a list of kind {kind}")
        if count > _LONGEST_LIST:
            self._at += count * _SCALARS[kind].size
            return None
        return [self._one(_SCALARS[kind]) for _ in range(count)]


def context_bytes(metadata: Metadata, context: int, parallel: int) -> int:
    """Memory for the keys and values of this many tokens; 0 if unknown. Never an overestimate."""
    family = metadata.get("general.architecture")
    if family not in _PLAIN:
        return 0

    def number(key: str) -> int:
        value = metadata.get(f"{family}.{key}")
        return value if isinstance(value, int) and value > 0 else 0

    heads, layers = number("attention.head_count"), number("block_count")
    shared = metadata.get(f"{family}.attention.head_count_kv")
    # One number for all layers, or one per layer; without it every head has its own.
    stored = (
        sum(one for one in shared if isinstance(one, int))
        if isinstance(shared, list)
        else layers * (number("attention.head_count_kv") or heads)
    )
    width = number("embedding_length") // heads if heads else 0
    per_token = (number("attention.key_length") or width) + (number("attention.value_length") or width)
    # Ollama never exceeds the trained context; some models only keep a sliding window.
    limits = [one for one in (context, number("context_length"), number("attention.sliding_window")) if one > 0]
    tokens = min(limits, default=0)
    return _F16 * stored * per_token * tokens * parallel
