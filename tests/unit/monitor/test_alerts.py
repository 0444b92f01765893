"""Every alert reads metrics that somebody writes, is tested in three ways, and has a section in the runbooks."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest

from tests.lab.settings import ROOT
from tests.monitor.alerts import RULES, SEVERITIES, Alert, alerts, cases_of, labels_of, metrics_of, strangers

RUNBOOKS = ROOT / "docs/runbooks.md"
URL = "https://github.com/archiv/ollama/blob/main/docs/runbooks.md"
ALERTS = alerts()
MAIN = ROOT / "roles/ollama_monitor/files/rules/archiv_ollama.yml"
# The kinds, as the names of the tests say them.
FIRES, NEAR, RESOLVES = "fires", "does not fire near the threshold", "resolves"

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda one: f"{one.file.stem}-{one.name}")


def kinds_of(alert: Alert) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for test in cases_of(alert.file):
        name, _, kind = test["name"].partition(" ")
        if name == alert.name:
            found[kind].append(test)
    return found


def checks(test: dict[str, Any], alert: Alert) -> list[bool]:
    """At each time that is looked at, in order: whether this alert is to fire."""
    expected = [bool(one["exp_alerts"]) for one in test.get("alert_rule_test", ()) if one["alertname"] == alert.name]
    firing = f'count(ALERTS{{alertname="{alert.name}", alertstate="firing"}})'
    return expected + [bool(one["exp_samples"]) for one in test.get("promql_expr_test", ()) if one["expr"] == firing]


def test_there_are_enough_alerts_and_no_two_of_one_name() -> None:
    for file in RULES:
        names = [one.name for one in alerts([file])]
        assert len(names) == len(set(names))
    assert len(alerts([MAIN])) >= 15


@every_alert
def test_alert_reads_only_what_somebody_writes(alert: Alert) -> None:
    assert strangers(alert.query) == []


@every_alert
def test_alert_says_what_and_where_and_sends_to_its_section(alert: Alert) -> None:
    assert alert.severity in SEVERITIES
    assert re.match(r"\{\{ \$labels\.(instance|project) \}\}: ", alert.annotations["summary"])
    assert alert.annotations["description"].endswith(".")
    assert alert.annotations["runbook_url"] == f"{URL}#{alert.name.lower()}"
    named = {label for text in alert.annotations.values() for label in re.findall(r"\$labels\.(\w+)", text)}
    assert strangers(f"sum by ({', '.join(sorted(named))}) ({alert.query})") == []


@every_alert
def test_alert_is_tested_in_three_ways(alert: Alert) -> None:
    kinds = kinds_of(alert)
    assert set(kinds) == {FIRES, NEAR, RESOLVES}
    assert all(any(checks(test, alert)) for test in kinds[FIRES])
    assert all(checks(test, alert) and not any(checks(test, alert)) for test in kinds[NEAR])
    for test in kinds[RESOLVES]:
        expected = checks(test, alert)
        assert expected[0] and not expected[-1]


@every_alert
def test_alert_that_waits_is_looked_at_while_it_waits(alert: Alert) -> None:
    first = next(checks(test, alert) for test in kinds_of(alert)[FIRES])
    assert not alert.wait or first == [False, True]


def test_tests_write_only_what_somebody_writes() -> None:
    for file in RULES:
        for test in cases_of(file):
            for series in test["input_series"]:
                assert strangers(series["series"]) == [], test["name"]


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    sections = re.findall(r"(?m)^### (ArchivOllama\w+)$", RUNBOOKS.read_text())
    assert sections == list(dict.fromkeys(one.name for one in ALERTS))


def test_what_alertmanager_keeps_back_are_alerts_of_ours() -> None:
    names = {one.name for one in ALERTS}
    matchers = re.findall(r'alertname =~? "([^"]+)"', (ROOT / "docs/monitoring.md").read_text())
    assert matchers
    for matcher in matchers:
        assert sum(bool(re.fullmatch(matcher, name)) for name in names) == matcher.count("|") + 1, matcher


@pytest.mark.parametrize(
    ("query", "metrics", "labels"),
    [
        ("up == 0", {"up"}, []),
        ('time() - max by (job) (a_b{x="y, z{", job!~"k"}[5m] offset 15d) > 8 * 86400', {"a_b"}, ["x", "job", "job"]),
        ("a / on (instance, job) group_left () (b > bool 1e3) unless c", {"a", "b", "c"}, ["instance", "job"]),
        (
            'count by (p) (count by (p, v) (a{v!=""})) > 1 or rate(b[$__rate_interval])',
            {"a", "b"},
            ["v", "p", "p", "v"],
        ),
    ],
)
def test_query_is_read_as_prometheus_reads_it(query: str, metrics: set[str], labels: list[str]) -> None:
    assert metrics_of(query) == metrics
    assert [label for _metric, label in labels_of(query)] == labels


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("archiv_ollama_engine_upp == 0", ["archiv_ollama_engine_upp"]),
        ('archiv_ollama_model_cached{service="x"} == 0', ["archiv_ollama_model_cached{service}"]),
        ("count by (modell) (archiv_ollama_model_cached)", ["{modell}"]),
    ],
)
def test_what_nobody_writes_is_named(query: str, told: list[str]) -> None:
    assert strangers(query) == told
