"""How refused seconds are counted, and how a curve is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import chain, repeat

import pytest

from tests.benchmarks.plot import Line, plot, step_of
from tests.benchmarks.switch import Asker


@pytest.mark.parametrize(
    ("answers", "refused"),
    [
        ([(0, 1, True), (1, 2, True)], 0),
        # From the first question without an answer to the end of the next good one.
        ([(0, 1, True), (1, 2, False), (2, 3, False), (3, 5, True)], 4),
        # It came back and went again: that counts as one time without service.
        ([(0, 1, False), (1, 2, True), (2, 3, False), (3, 4, True)], 4),
    ],
)
def test_refused_seconds_go_from_the_first_bad_answer_to_the_last_one_s_good_one(
    answers: list[tuple[float, float, bool]], refused: float
) -> None:
    assert Asker(ask=bool, answers=answers).refused == refused


def test_asker_waits_for_a_good_answer_before_and_after() -> None:
    said = chain([False, True, False, False], repeat(True))
    with Asker(ask=lambda: next(said)) as asker:
        pass
    assert [good for *_, good in asker.answers][1] and asker.answers[-1][2]


def test_plot_is_a_picture_that_tells_its_values() -> None:
    drawn = ET.fromstring(
        plot("Seconds", [Line("deploy & more", [(1, 3.0), (8, 12.5)]), Line("ping", [(1, 2), (8, 7)])])
    )
    name = "{http://www.w3.org/2000/svg}"
    [title] = drawn.findall(f"{name}title")
    assert title.text == "Seconds. deploy & more: 3.0 at 1, 12.5 at 8; ping: 2.0 at 1, 7.0 at 8"
    assert len(drawn.findall(f"{name}polyline")) == 2 and len(drawn.findall(f"{name}circle")) == 4


@pytest.mark.parametrize("most", [0.3, 1, 4.5, 12.5, 26, 99, 1000])
def test_grid_has_few_lines(most: float) -> None:
    assert 4 <= most / step_of(most) <= 10
