"""The dashboard for Grafana, as the tests see it; run as a module it prints the queries, for all hosts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.lab.settings import ROOT

DASHBOARD = ROOT / "roles/ollama_monitor/files/grafana/archiv-ollama.json"


def load() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def targets(dashboard: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each query with the title of its panel."""
    for panel in dashboard["panels"]:
        yield from ((panel["title"], target) for target in panel.get("targets", ()))


def queries(dashboard: dict[str, Any]) -> list[str]:
    """As PromQL: Grafana's variables stand in strings only."""
    return [target["expr"] for _title, target in targets(dashboard)]


if __name__ == "__main__":
    print(json.dumps([re.sub(r"\$\w+", ".+", query) for query in queries(load())]))
