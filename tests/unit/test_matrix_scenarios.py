"""Which runs the matrix of scenarios makes, and what its table keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import gates
from tests.matrix import scenarios
from tests.matrix.scenarios import Result


def result(scenario: str, image: str, verdict: str = "ok") -> Result:
    outcome = gates.Outcome(gates.scenario_step(scenario, image), 61.5, None if verdict == "ok" else verdict)
    return scenarios.result_of(outcome, {"Engine": "29.8.0", "Compose": "5.6.0"}) | {"date": "2026-11-26"}


def test_every_scenario_runs_on_both_kinds_of_host() -> None:
    assert scenarios.runs(["damaged", "default"], []) == [
        ("damaged", "today"),
        ("default", "today"),
        ("damaged", "host"),
        ("default", "host"),
    ]


def test_scenario_that_brings_its_own_engine_runs_once() -> None:
    assert scenarios.runs(["bare", "default"], ["bare"]) == [("bare", "bare")]


def test_unknown_scenario_is_refused() -> None:
    with pytest.raises(SystemExit, match="no scenario is called rebot"):
        scenarios.runs(["reboot"], ["rebot"])


def test_run_takes_the_place_of_the_same_one_before() -> None:
    old = [result("warm", "today", "exit code 2"), result("warm", "host")]
    new = scenarios.merged(old, result("warm", "today"))
    assert [(each["image"], each["verdict"]) for each in new] == [("today", "ok"), ("host", "ok")]


def test_table_names_what_ran_where() -> None:
    assert scenarios.table([result("warm", "today")]).splitlines()[2:] == [
        "| `warm` | `today` | 29.8.0 | 5.6.0 | 62 | ok | 2026-11-26 |"
    ]


def test_what_was_run_on_another_machine_stays_in_the_table(tmp_path: Path) -> None:
    ran = [result("warm", "today", "exit code 2"), result("warm", "host")]
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- scenarios -->\n\n{scenarios.table(ran)}\n\n<!-- /scenarios -->\nafter\n")
    assert scenarios.read_results(page) == ran


def test_failure_stands_in_the_table() -> None:
    assert "| FAILED: exit code 2 |" in scenarios.table([result("warm", "today", "exit code 2")])
