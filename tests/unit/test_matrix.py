"""The matrix: its tables, the sections they stand in, and that its pairs are what is promised."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tests import gates
from tests.gates import Outcome, Step
from tests.lab import engine
from tests.matrix import controllers, scenarios
from tests.matrix.table import markdown, write_section

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"<!-- controllers -->\n(.*?)\n<!-- /controllers -->", re.DOTALL)
RESULT = {
    "core": "2.21.5",
    "python": "3.13.0",
    "docker": "5.4.0",
    "hosts": "Docker Engine 29.0.0 and Compose 5.6.0",
    "date": "2026-11-26",
    "cells": {"sanity": "ok, 4 s", "unit": "ok, 90 s", "molecule": "ok, 48 s"},
}


def test_markdown_is_a_table() -> None:
    assert markdown(["a", "b"], [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_write_section_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("before\n<!-- t -->\n\n<!-- /t -->\nafter\n")
    for text in ("one", r"two \1"):
        write_section(file, "t", text)
        assert file.read_text() == f"before\n<!-- t -->\n\n{text}\n\n<!-- /t -->\nafter\n"


def test_write_section_refuses_a_page_without_marks(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("<!-- other -->\n\n<!-- /other -->\n")
    with pytest.raises(ValueError, match="has 0 sections"):
        write_section(file, "t", "text")


def test_a_cell_says_what_failed() -> None:
    outcomes = [
        Outcome(Step("unit-plugins", "unit", []), 2.0, "exit code 1"),
        Outcome(Step("unit-others", "unit", []), 3.0),
        Outcome(Step("code-smell", "sanity", []), 1.4),
    ]
    assert controllers.cell_of("unit", outcomes) == "unit-plugins: exit code 1"
    assert controllers.cell_of("sanity", outcomes) == "ok, 1 s"
    assert controllers.failed({"a": {"cells": {"unit": "unit-plugins: exit code 1"}}})
    assert not controllers.failed({"a": RESULT})


def test_every_row_fills_the_table() -> None:
    rows = controllers.rows({pair.name: RESULT for pair in controllers.PAIRS})
    assert {len(row) for row in rows} == {len(controllers.HEAD)}
    assert rows[0] == (
        *("2.21.5", "3.13.0", "5.4.0", "ok, 4 s", "ok, 90 s", "ok, 48 s"),
        *("Docker Engine 29.0.0 and Compose 5.6.0", "2026-11-26"),
    )


def test_what_was_not_run_again_stays_unless_something_else_ran() -> None:
    again = RESULT | {"cells": {"unit": "ok, 70 s"}}
    assert controllers.merged(RESULT, again)["cells"] == {
        "sanity": "ok, 4 s",
        "unit": "ok, 70 s",
        "molecule": "ok, 48 s",
    }
    newer = again | {"docker": "5.5.0"}
    assert controllers.merged(RESULT, newer) == newer
    assert controllers.merged(None, again) == again
    without_host = {key: value for key, value in again.items() if key != "hosts"}
    assert controllers.merged(RESULT, without_host)["hosts"] == RESULT["hosts"]
    [row] = controllers.rows({"core-2.21": newer})[:1]
    assert "not run" in row


def test_steps_are_sanity_units_and_the_plain_scenario() -> None:
    names = [step.name for step in controllers.steps()]
    assert names == [
        "unit-plugins",
        "unit-others",
        "validate-modules",
        "code-smell",
        "oldest-python",
        "unit-slow-others",
        "unit-slow-plugins",
        "molecule-default",
    ]
    assert {step.group for step in controllers.steps()} == set(controllers.GROUPS)
    assert gates.scenario_step("default").needs == "lab"


@pytest.mark.parametrize("part", [controllers, scenarios], ids=["controllers", "scenarios"])
def test_engine_is_started_before_the_first_run(part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenarios of a machine on which nothing runs yet, as after a start, need one."""

    class Started(Exception):
        pass

    def start() -> None:
        raise Started

    def run(*_: object) -> None:
        pytest.fail("run before the Engine was started")

    monkeypatch.setattr(sys, "argv", ["matrix"])
    monkeypatch.setattr(engine, "ensure", start)
    monkeypatch.setattr(controllers, "run_pair", run)
    monkeypatch.setattr(gates, "run_all", run)
    with pytest.raises(Started):
        part.main([]) if part is scenarios else part.main()


def test_only_the_answer_goes_to_stdout(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: object) -> dict[str, Any]:
        print("The lab starts an Engine.")
        return RESULT

    monkeypatch.setattr(sys, "argv", ["matrix", "--inside"])
    monkeypatch.setattr(controllers, "run_inside", run)
    assert controllers.main() == 0
    assert json.loads(capsys.readouterr().out) == RESULT


def test_the_lowest_that_is_promised_is_run() -> None:
    bounds = SpecifierSet(yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]["community.docker"])
    ran = {pair.docker for pair in controllers.PAIRS}
    # The lowest of 4.x and, past the excluded ones, of 5.x.
    assert {"4.8.5", "5.0.4"} <= ran
    assert [one for one in (*ran, "4.8.4", "5.0.3", "6.0.0") if one not in bounds] == ["4.8.4", "5.0.3", "6.0.0"]


def test_pairs_are_what_is_locked() -> None:
    for pair in controllers.PAIRS:
        lock = (ROOT / (pair.over or "requirements-dev.txt")).read_text()
        assert re.search(rf"^ansible-core=={re.escape(pair.core)} ", lock, re.MULTILINE), pair
    overs = {str(file.relative_to(ROOT)) for file in ROOT.glob("tests/matrix/*.txt")}
    assert overs == {pair.over for pair in controllers.PAIRS if pair.over}


def test_readme_shows_the_same_table() -> None:
    pages = [(ROOT / name).read_text() for name in ("README.md", "docs/tested-with.md")]
    [[readme], [page]] = [SECTION.findall(text) for text in pages]
    assert readme == page
