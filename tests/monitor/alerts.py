"""The alert rules and their tests as Python sees them, and which metrics and labels a query reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.names import SERIES
from tests.lab.settings import ROOT

RULES = sorted((ROOT / "roles/ollama_monitor/files/rules").glob("*.yml"))
TESTS = sorted((ROOT / "tests/monitor/rules_test").glob("*.yml"))
SEVERITIES = ("critical", "warning", "info")

_COMPOSE = "container_label_com_docker_compose_service"
# What is read besides our own: of Prometheus, of node_exporter, and in the variant of cAdvisor.
FOREIGN: Mapping[str, tuple[str, ...]] = {
    "up": (),
    "ALERTS": ("alertname", "alertstate"),
    "node_textfile_mtime_seconds": ("file",),
    "node_time_seconds": (),
    "container_memory_working_set_bytes": (_COMPOSE,),
    "container_spec_memory_limit_bytes": (_COMPOSE,),
    "container_oom_events_total": (_COMPOSE,),
    "container_start_time_seconds": (_COMPOSE,),
}
# Prometheus gives these to each series.
TARGET = ("instance", "job")

_STRING = r'"(?:[^"\\]|\\.)*"'
_SERIES = re.compile(rf"([A-Za-z_:][\w:]*)\s*\{{((?:{_STRING}|[^{{}}\"])*)\}}")
_LISTED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_WORD = re.compile(r"(?<![\w:.$])([A-Za-z_:][\w:]*)(?!\w)(?!\s*\()")
_KEYWORDS = {"and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring", "group_left", "group_right"}


@dataclass(frozen=True)
class Alert:
    """One rule, and the file and group where it stands."""

    file: Path
    group: str
    name: str
    query: str
    wait: str
    severity: str
    annotations: Mapping[str, str]


def read(file: Path) -> dict[str, Any]:
    # The loader that is written in C takes a tenth of the time.
    document: dict[str, Any] = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    return document


def alerts(files: list[Path] | None = None) -> list[Alert]:
    return [
        Alert(file, group["name"], rule["alert"], rule["expr"], rule.get("for", ""), **_told(rule))
        for file in files or RULES
        for group in read(file)["groups"]
        for rule in group["rules"]
    ]


def _told(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {"severity": rule["labels"]["severity"], "annotations": rule["annotations"]}


@cache
def cases_of(file: Path) -> list[dict[str, Any]]:
    """The tests that promtool runs over a file of rules."""
    found: list[dict[str, Any]] = []
    for path in TESTS:
        document = read(path)
        if [(path.parent / name).resolve() for name in document["rule_files"]] == [file]:
            found += document["tests"]
    return found


def metrics_of(query: str) -> set[str]:
    """The names of metrics in a query; with a name that nobody writes it finds nothing, and never fails."""
    rest = re.sub(r"\[[^\]]*\]", "", _LISTED.sub("", _SERIES.sub(r"\1 ", query)))
    return set(_WORD.findall(re.sub(_STRING, "", rest))) - _KEYWORDS


def labels_of(query: str) -> Iterator[tuple[str, str]]:
    """Each metric with a label that it is asked for; "" for a label that is listed by itself, as in by (service)."""
    for metric, matchers in _SERIES.findall(query):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(_STRING, "", matchers)):
            yield metric, label
    for listed in _LISTED.findall(query):
        yield from (("", label.strip()) for label in listed.split(",") if label.strip())


def known_labels(metric: str) -> set[str]:
    return {*SERIES.get(metric, FOREIGN.get(metric, ())), *TARGET}


def strangers(query: str) -> list[str]:
    """What a query reads that nobody writes: metrics, and labels that its metrics do not have."""
    metrics = metrics_of(query)
    found = sorted(metrics - SERIES.keys() - FOREIGN.keys())
    all_labels = set[str]().union(*map(known_labels, metrics))
    for metric, label in labels_of(query):
        if label not in (known_labels(metric) if metric else all_labels):
            found.append(f"{metric}{{{label}}}")
    return found
