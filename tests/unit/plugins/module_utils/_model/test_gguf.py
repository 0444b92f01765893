"""The header of a model's weights tells what its context takes, and no damaged one does harm."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model import gguf as _gguf
from tests.lab import model as lab

MIB = 1024**2
QWEN = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.context_length": 32768,
    "qwen2.embedding_length": 3584,
    "qwen2.attention.head_count": 28,
    "qwen2.attention.head_count_kv": 4,
}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def packed(value: Any) -> bytes:
    """A value behind the number of its kind: words, lists of words, lists of numbers, floats and numbers."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    if isinstance(value, list):
        return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    return struct.pack("<II", 4, value)


def header(values: dict[str, Any]) -> bytes:
    pairs = b"".join(text(key) + packed(value) for key, value in values.items())
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + pairs


def size(values: dict[str, Any], context: int = 4096, parallel: int = 1) -> int:
    return _gguf.context_bytes(_gguf.parse_metadata(header(values)), context, parallel)


def test_context_of_the_default_model_is_what_ollama_counts() -> None:
    # 2 (keys, values) x 28 layers x 4 heads x 128 x 4096 tokens x 2 bytes.
    assert size(QWEN) == 224 * MIB
    assert size(QWEN, context=8192) == size(QWEN, parallel=2) == 448 * MIB


def test_real_file_is_read(tmp_path: Path) -> None:
    lab.write_gguf(tmp_path / "tiny.gguf", "archiv-a", 0)
    metadata = _gguf.parse_metadata((tmp_path / "tiny.gguf").read_bytes())
    assert metadata["general.name"] == "archiv-a"
    # It was trained with fewer tokens than are asked for.
    assert _gguf.context_bytes(metadata, 4096, 1) == 2 * lab.LAYERS * lab.WIDTH * lab.CONTEXT * 2


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"qwen2.context_length": 2048}, 112 * MIB),
        ({"qwen2.attention.key_length": 64, "qwen2.attention.value_length": 64}, 112 * MIB),
        ({"qwen2.attention.head_count_kv": [4] * 14 + [0] * 14}, 112 * MIB),
        ({"qwen2.attention.sliding_window": 1024}, 56 * MIB),
        ({"qwen2.attention.head_count": 0}, 0),
        ({"qwen2.block_count": "many"}, 0),
        ({"general.architecture": "gemma3"}, 0),
    ],
)
def test_context_is_never_counted_too_high(changed: dict[str, Any], expected: int) -> None:
    assert size({**QWEN, **changed}) == expected


def test_context_that_nobody_knows_is_not_counted() -> None:
    trained = {key: value for key, value in QWEN.items() if key != "qwen2.context_length"}
    assert size(trained, context=-1) == 0


def test_vocabulary_before_the_numbers_is_stepped_over() -> None:
    words = {"tokenizer.ggml.tokens": [f"word{n}" for n in range(150_000)], "tokenizer.ggml.scores": [1] * 150_000}
    raw = header({**words, "general.alignment": 1.5, **QWEN})
    began = time.monotonic()
    assert _gguf.context_bytes(_gguf.parse_metadata(raw), 4096, 1) == 224 * MIB
    assert time.monotonic() - began < 5


def test_header_that_ends_early_is_refused_wherever_it_ends() -> None:
    raw = header({**QWEN, "list": ["a", "b"], "numbers": [1, 2], "float": 1.5})
    for end in range(len(raw)):
        with pytest.raises(_gguf.HeaderInvalid):
            _gguf.parse_metadata(raw[:end])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 100,
        b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63) + text("a") + packed(1),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**63) + b"a",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 8, 2**63),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 9, 1),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 99),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + text("a") + struct.pack("<IIQ", 9, 5, 2**60) + text("b"),
        # Steps that no offset can be as large as.
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + text("a") + struct.pack("<IIQ", 9, 5, 2**63) + text("b"),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQQ", 9, 8, 2, 2**63),
    ],
)
def test_damaged_header_is_refused_at_once(raw: bytes) -> None:
    with pytest.raises(_gguf.HeaderInvalid):
        _gguf.parse_metadata(raw)
