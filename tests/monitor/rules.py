"""Has promtool read every alert rule, test each alert, and read every query of the dashboard."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.lab.settings import ROOT, LabError
from tests.monitor import dashboard, tools
from tests.monitor.alerts import RULES, TESTS, alerts


def promtool(*words: str | Path) -> str:
    """What it finds wrong; "" where nothing is."""
    command = [str(tools.promtool()), *map(str, words)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


def check_rules(files: Sequence[Path]) -> str:
    return promtool("check", "rules", "--lint=all", "--lint-fatal", *files)


def run_tests(files: Sequence[Path]) -> str:
    return promtool("test", "rules", *files)


def check_queries(queries: Sequence[str]) -> str:
    """promtool reads a query where it stands in a rule."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "queries.yml")
        file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
        return promtool("check", "rules", "--lint=none", file)


def main() -> int:
    print(tools.version(tools.promtool()))
    queries = dashboard.queries(dashboard.load())
    said = check_rules(RULES) + run_tests(TESTS) + check_queries(queries)
    read = f"{len(alerts())} alerts in {len(RULES)} files, {len(TESTS)} files of tests, {len(queries)} queries"
    print(said or f"{read}: no finding.")
    return bool(said)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"rules: {error}")
