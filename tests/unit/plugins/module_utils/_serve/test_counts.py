"""What the gate tells of its counts is taken whole, as HAProxy writes it, or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._serve.api import ApiError
from ansible_collections.archiv.ollama.plugins.module_utils._serve.gate import REFUSALS, WITHIN, parse_counts

ROOT = Path(__file__).parents[5]
# Of a gate that asked for tokens, with one question at work and two that waited.
RECORDED = (ROOT / "tests/unit/fixtures/haproxy_3.0.11/counts.txt").read_text()
NAMES = [line.split()[0] for line in RECORDED.splitlines()]


def test_recorded_counts() -> None:
    found = parse_counts(RECORDED)
    assert (found.waiting, found.at_work, found.questions, found.light, found.without_token) == (2, 1, 13, 2, 0)
    assert (found.answered, found.answered_milliseconds) == (7, 11579)
    assert found.within == {1: 3, 2: 4, 5: 6, 10: 7, 20: 7, 40: 7, 60: 7}
    assert {reason: count for reason, count in found.refused.items() if count} == {
        "path": 1,
        "host": 1,
        "token": 3,
        "queue": 3,
    }


def test_reasons_and_seconds_are_those_that_the_role_has_the_gate_count() -> None:
    role = yaml.safe_load((ROOT / "roles/ollama_stack/vars/main.yml").read_text())
    assert tuple(role["__ollama_stack_gate_refusals"]) == REFUSALS
    assert tuple(role["__ollama_stack_gate_within"]) == WITHIN


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "said", ["", "-1", "4294967296", "9" * 5000, "1.5", "1e3", "0x1", "nan", "٣", "²", "1 2", "one"]
)
def test_counts_without_one_number_are_none(name: str, said: str) -> None:
    text = re.sub(rf"(?m)^{name} .*$", f"{name} {said}", RECORDED)
    with pytest.raises(ApiError, match=f"^its counts have no number {name}$"):
        parse_counts(text)


def test_largest_number_of_haproxys_is_one() -> None:
    assert parse_counts(RECORDED.replace("light 2", "light 4294967295")).light == 4294967295


def test_what_nobody_knows_is_left_out() -> None:
    assert parse_counts(f"<html>\n{RECORDED}refused_{'x' * 10_000} 1\n\0\n") == parse_counts(RECORDED)


@given(
    st.text()
    | st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=12))).map(lambda told: "\n".join(map(" ".join, told)))
)
def test_whatever_is_said_is_counts_or_a_sentence(text: str) -> None:
    with pytest.raises(ApiError, match=r"^its counts have no number \w+$"):
        parse_counts(text)
