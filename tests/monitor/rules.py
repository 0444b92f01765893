"""Has promtool read every alert rule, test each alert, and read every query of the dashboard and what a host writes.

amtool reads what docs/monitoring.md gives to Alertmanager.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.lab.settings import ROOT, LabError
from tests.monitor import dashboard, tools
from tests.monitor.alerts import RULES, TESTS, alerts
from tests.unit.support.monitor_host import monitor_host
from tests.unit.support.monitored_gate import serve_gate

PAGE = ROOT / "docs/monitoring.md"


def complaints(tool: Path, *words: str | Path, told: str = "") -> str:
    """What it finds wrong; "" where nothing is."""
    command = [str(tool), *map(str, words)]
    ended = subprocess.run(command, cwd=ROOT, input=told, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


def check_rules(files: Sequence[Path]) -> str:
    return complaints(tools.promtool(), "check", "rules", "--lint=all", "--lint-fatal", *files)


def run_tests(files: Sequence[Path]) -> str:
    return complaints(tools.promtool(), "test", "rules", *files)


def check_queries(queries: Sequence[str]) -> str:
    """promtool reads a query where it stands in a rule."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "queries.yml")
        file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
        return complaints(tools.promtool(), "check", "rules", "--lint=none", file)


def check_metrics() -> str:
    """What the command writes on a host with all that it can have running."""
    with tempfile.TemporaryDirectory() as name, monitor_host(Path(name)) as host, serve_gate(host):
        return complaints(tools.promtool(), "check", "metrics", told=host.run("metrics").stdout)


def check_inhibitions(page: str) -> str:
    """As a part of the smallest configuration that Alertmanager takes."""
    [block] = re.findall(r"```yaml\n(inhibit_rules:\n.*?)```", page, re.DOTALL)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "alertmanager.yml")
        file.write_text(f"route: {{receiver: nobody}}\nreceivers: [{{name: nobody}}]\n{block}")
        return complaints(tools.amtool(), "check-config", file)


def main() -> int:
    print(tools.version(tools.promtool()), tools.version(tools.amtool()), sep="; ")
    queries = dashboard.queries(dashboard.load())
    said = check_rules(RULES) + run_tests(TESTS) + check_queries(queries)
    said += check_metrics() + check_inhibitions(PAGE.read_text())
    read = f"{len(alerts())} alerts in {len(RULES)} files, {len(TESTS)} files of tests, {len(queries)} queries"
    print(said or f"{read}: no finding.")
    return bool(said)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"rules: {error}")
