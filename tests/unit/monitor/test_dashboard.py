"""The dashboard asks for what hosts write, for all of it, and can be imported anywhere. Nothing here draws it."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.names import SERIES
from tests.monitor import dashboard
from tests.monitor.alerts import metrics_of, strangers

DASHBOARD = dashboard.load()
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def test_every_query_reads_only_what_somebody_writes() -> None:
    assert {
        title: found for title, target in dashboard.targets(DASHBOARD) if (found := strangers(target["expr"]))
    } == {}


def test_every_metric_is_on_it() -> None:
    shown = set[str]().union(*map(metrics_of, dashboard.queries(DASHBOARD)))
    assert SERIES.keys() - shown == set()


def test_every_query_is_about_the_chosen_hosts_of_the_chosen_data_source() -> None:
    for title, target in dashboard.targets(DASHBOARD):
        metrics = re.findall(r"archiv_ollama_\w+|ALERTS", target["expr"])
        assert target["expr"].count('instance=~"$instance"') == len(metrics), title
        assert target["datasource"] == DATA_SOURCE, title
        # Any other variable would be text to Prometheus.
        assert set(re.findall(r"\$\w+", target["expr"])) == {"$instance"}, title


def test_variables_are_the_data_source_and_the_hosts() -> None:
    source, hosts = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    assert (hosts["name"], hosts["datasource"]) == ("instance", DATA_SOURCE)
    [metric] = re.findall(r"^label_values\((\w+), instance\)$", hosts["query"]["query"])
    assert strangers(metric) == []


def test_it_belongs_to_no_grafana_of_its_maker() -> None:
    assert DASHBOARD["id"] is None and DASHBOARD["uid"] == "archiv-ollama"
    assert DASHBOARD["schemaVersion"] >= 39
    assert "__inputs" not in DASHBOARD


def test_panels_have_numbers_of_their_own_and_do_not_cover_each_other() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= WIDTH, panel["title"]
    for one, other in combinations(PANELS, 2):
        assert not covers(one["gridPos"], other["gridPos"]), f"{one['title']} and {other['title']}"


def covers(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)
