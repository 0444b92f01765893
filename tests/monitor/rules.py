"""Has promtool read every alert rule and test each alert."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.lab.settings import ROOT, LabError
from tests.monitor import tools

RULES = sorted((ROOT / "roles/ollama_monitor/files/rules").glob("*.yml"))
TESTS = sorted((ROOT / "tests/monitor/rules_test").glob("*.yml"))


def promtool(*words: str | Path) -> str:
    """What it finds wrong; "" where nothing is."""
    command = [str(tools.promtool()), *map(str, words)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


def check_rules(files: Sequence[Path]) -> str:
    return promtool("check", "rules", "--lint=all", "--lint-fatal", *files)


def run_tests(files: Sequence[Path]) -> str:
    return promtool("test", "rules", *files)


def main() -> int:
    print(tools.version(tools.promtool()))
    said = check_rules(RULES) + run_tests(TESTS)
    alerts = sum(len(group["rules"]) for file in RULES for group in yaml.safe_load(file.read_text())["groups"])
    print(said or f"{alerts} alerts in {len(RULES)} files, {len(TESTS)} files of tests: no finding.")
    return bool(said)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"rules: {error}")
