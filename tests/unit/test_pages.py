"""What the pages send a reader to is there: files, and targets of make. The site checks links to headings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES += sorted(ROOT.glob("roles/*/README.md")) + sorted(ROOT.glob("docs/*.md"))
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_links_to_files_lead_somewhere(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


@every_page
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    # Elsewhere `make` is a verb.
    code = re.findall(r"```\w*\n.*?```|`make [^`]+`", page.read_text(), re.DOTALL)
    named = {name for block in code for name in re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]*)", block)}
    assert named - targets == set()
