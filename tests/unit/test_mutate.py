"""The gate that watches the gates: every sabotage fits the source, and only the expected red is believed."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.settings import ROOT
from tests.mutate import __main__ as mutate
from tests.mutate.judge import Red, reds_of_pytest, reds_of_scenario, why_not_caught
from tests.mutate.sabotages import SABOTAGES, STANDING, Edit, Sabotage, Stale, sabotaged

every_sabotage = pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)

SCENARIO = """\
INFO     [warm > side_effect] Executing

PLAY [Unload the model in every way] *******************************************

TASK [must_fail | Deploy] ******************************************************
fatal: [warm]: FAILED! =>
    msg: refused, as it should be

TASK [wait_ready | Look until nothing is missing] ******************************
FAILED - RETRYING: [warm]: wait_ready | Look until nothing is missing (1 retries left).
[ERROR]: Task failed: Action failed
fatal: [warm]: FAILED! =>
    stdout: the model is loaded not at all

PLAY RECAP *********************************************************************
warm                       : ok=3    changed=2    unreachable=0    failed=1

CRITICAL Ansible return code was 2, which no task said

PLAY [Destroy the scenario's host] *********************************************

TASK [Remove the throwaway host] ***********************************************
changed: [warm -> localhost]
"""
ENDED = Red("wait_ready | Look until nothing is missing", "the model is loaded not at all")
ON_A_HOST = Sabotage("keeperless", "no keeper", [], "warm", "loaded not at all", ENDED.where)


def test_there_are_enough_sabotages_and_enough_on_hosts() -> None:
    assert len({one.name for one in SABOTAGES}) == len(SABOTAGES) >= 16
    assert sum(one.on_a_host for one in SABOTAGES) >= 9


@every_sabotage
def test_sabotage_fits_the_source_and_changes_it(sabotage: Sabotage) -> None:
    texts = sabotaged(ROOT, sabotage)
    assert texts
    assert all(text != (ROOT / file).read_text() for file, text in texts.items())
    for file in (file for file in texts if file.endswith(".py")):
        compile(texts[file], file, "exec")


@every_sabotage
def test_sabotage_names_a_test_that_is_there(sabotage: Sabotage) -> None:
    file, _, name = sabotage.test.partition("::")
    if not sabotage.on_a_host:
        assert f"def {name}(" in (ROOT / file).read_text()
        return
    assert (ROOT / "molecule" / file / "molecule.yml").exists()
    role, _, task = sabotage.task.rpartition(" : ")
    places = [f"roles/{role.rpartition('.')[2]}"] if role else [f"molecule/{file}", "molecule/shared"]
    found = [path for place in places for path in ROOT.glob(f"{place}/**/*.yml")]
    assert any(f"name: {task}\n" in path.read_text() for path in found)


def test_each_sabotage_of_a_standing_host_breaks_something_else() -> None:
    said = [(one.task, one.saying) for one in SABOTAGES if one.test == STANDING]
    assert len(set(said)) == len(said) > 1


def test_edit_whose_text_is_gone_or_there_twice_is_stale() -> None:
    edit = Edit("a.yml", "restart: always", "restart: no")
    assert edit.applied_to("x: 1\nrestart: always\n") == "x: 1\nrestart: no\n"
    for text in ("restart: unless-stopped\n", "restart: always\n" * 2):
        with pytest.raises(Stale, match=re.escape("a.yml has 'restart: always'")):
            edit.applied_to(text)


def test_edits_of_one_file_add_up(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one two")
    both = Sabotage("both", "", [Edit("a", "one", "1"), Edit("a", "two", "2")], "default", "")
    assert sabotaged(tmp_path, both) == {"a": "1 2"}


def test_scenario_ended_at_its_last_failed_task() -> None:
    [red] = reds_of_scenario(SCENARIO)
    assert red.where == ENDED.where
    assert ENDED.said in red.said
    assert "no task said" not in red.said


def test_scenario_without_a_failed_task_has_no_red() -> None:
    assert reds_of_scenario("INFO     [warm > syntax] Executing\nERROR  syntax error\n") == []


def test_pytest_errors_are_no_reds() -> None:
    report = """<testsuites><testsuite>
      <testcase name="test_lock[a]"><failure message="assert 1 == 2">E assert 1 == 2</failure></testcase>
      <testcase name="test_lock[b]"><error message="no such fixture"/></testcase>
      <testcase name="test_lock[c]"/>
    </testsuite></testsuites>"""
    assert reds_of_pytest(report) == [Red("test_lock", "assert 1 == 2\nE assert 1 == 2")]


@pytest.mark.parametrize(
    ("code", "reds", "expected"),
    [
        pytest.param(1, [ENDED], "", id="expected"),
        pytest.param(0, [], "the test stayed green", id="green"),
        pytest.param(1, [], "red elsewhere: no task or test failed", id="lint, syntax or the lab"),
        pytest.param(1, [Red("Deploy", "")], "red elsewhere: Deploy", id="another task"),
        pytest.param(1, [Red(ENDED.where, "UNREACHABLE")], "without saying 'loaded not at all'", id="another reason"),
    ],
)
def test_only_the_expected_red_is_a_catch(code: int, reds: list[Red], expected: str) -> None:
    found = why_not_caught(ON_A_HOST, code, reds)
    assert found.endswith(expected) and bool(found) == bool(expected)


def test_copy_is_mended_even_when_the_run_is_interrupted(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("whole")
    with pytest.raises(KeyboardInterrupt), mutate.broken(tmp_path, {"a": "broken"}):
        assert file.read_text() == "broken"
        raise KeyboardInterrupt
    assert file.read_text() == "whole"


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        pytest.param([0, 1], "", id="green, then red"),
        pytest.param([1, 1], "the test is red without it", id="red before"),
        pytest.param([0, 0], "the test stayed green", id="green both times"),
    ],
)
def test_red_counts_only_after_a_green(monkeypatch: pytest.MonkeyPatch, codes: list[int], problem: str) -> None:
    runs = iter(codes)
    monkeypatch.setattr(mutate, "run", lambda *_, **__: mutate.Run(next(runs), 1.0, [ENDED]))
    assert [result.problem for result in mutate.judge_test(ROOT, "warm", [ON_A_HOST])] == [problem]


@contextlib.contextmanager
def no_copy(checkout: Path, _clean: object) -> Iterator[Path]:
    yield checkout


def test_lanes_take_every_test_once_and_each_in_one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []

    def judge(checkout: Path, test: str, chosen: list[Sabotage]) -> list[str]:
        time.sleep(0.02)
        seen.append((test, checkout.name))
        return [one.name for one in chosen]

    monkeypatch.setattr(mutate, "copied", no_copy)
    monkeypatch.setattr(mutate, "judge_test", judge)
    results: list[Any] = []
    mutate.judge_in_lanes(SABOTAGES, results)
    assert sorted(results) == sorted(one.name for one in SABOTAGES)
    assert sorted(test for test, _ in seen) == sorted({one.test for one in SABOTAGES})
    assert {place for _, place in seen} == {f"checkout-{number}" for number in range(mutate.LANES)}


def test_lane_that_is_interrupted_ends_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def judge(_checkout: Path, test: str, _chosen: list[Sabotage]) -> list[str]:
        if test == SABOTAGES[0].test:
            raise KeyboardInterrupt
        mutate.call(Path("/"), ["sleep", "60"], tmp_path / "log")
        return []

    monkeypatch.setattr(mutate, "copied", no_copy)
    monkeypatch.setattr(mutate, "judge_test", judge)
    monkeypatch.setattr(mutate, "TOOLS", "bin")
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        mutate.judge_in_lanes(SABOTAGES, [])
    assert time.monotonic() - began < 30 and not mutate.CHILDREN.running


def test_page_has_the_last_run_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "testing.md"
    page.write_text("<!-- sabotages -->\n\n<!-- /sabotages -->\n")
    monkeypatch.setattr(mutate, "PAGE", page)
    first, second = SABOTAGES[:2]

    def result(one: Sabotage, problem: str) -> mutate.Result:
        return mutate.Result(one.name, "a change", "warm", "wait | Look", True, 1.2, problem)

    mutate.record([result(second, "").row("2026-11-20"), result(first, "red elsewhere: a | b").row("2026-11-20")])
    mutate.record([result(first, "").row("2026-11-28")])
    assert page.read_text().splitlines()[2:-1] == [
        "| sabotage | what it changes | caught by | how | seconds | date |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| {first.name} | a change | molecule/warm: wait: Look | behaviour on a host | 1 | 2026-11-28 |",
        f"| {second.name} | a change | molecule/warm: wait: Look | behaviour on a host | 1 | 2026-11-20 |",
        "",
    ]
