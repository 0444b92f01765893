"""docs/security.md says first what is not covered, and each test and scenario that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
SHOWN = re.compile(r"`([\w/.]+::\w+|molecule/[\w/.-]+)`")
NAMED = sorted(set(SHOWN.findall(PAGE)))
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| threat", "| ---"))]


def is_there(name: str) -> bool:
    file, _, test = name.partition("::")
    if not test:
        return (ROOT / file).is_file() or (ROOT / file / "molecule.yml").is_file()
    return any(f"\ndef {test}(" in found.read_text() for found in (ROOT / "tests").rglob(file))


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_there(name: str) -> None:
    assert is_there(name)


@pytest.mark.parametrize("name", ["molecule/nowhere", "test_reach.py::test_nothing", "test_nowhere.py::test_nothing"])
def test_what_is_not_there_is_noticed(name: str) -> None:
    assert SHOWN.findall(f"`{name}`") == [name] and not is_there(name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_each_threat_has_a_measure_and_what_shows_it(row: str) -> None:
    threat, measure, shown = (cell.strip() for cell in row.strip("|").split(" | "))
    assert threat and measure
    # Whatever stands there is the name of a test; one that is misspelt must not pass for a word.
    assert SHOWN.sub("", shown).replace(",", "").strip() == "" and SHOWN.search(shown)


def test_what_is_not_covered_stands_first() -> None:
    headings = re.findall(r"(?m)^## (.*)", PAGE)
    assert headings == ["What is not covered", "Threats"]
    assert len(ROWS) >= 20
