"""Amounts are written as the limits that they are compared with."""

from __future__ import annotations

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.units import sized


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1.5 * 1024**2, "1.5 MiB"),
        (4_683_073_952, "4.4 GiB"),
        (8 * 1024**3, "8.0 GiB"),
        (1024**4, "1024.0 GiB"),
    ],
)
def test_bytes_are_written_in_the_units_of_a_limit(amount: float, expected: str) -> None:
    assert sized(amount) == expected
