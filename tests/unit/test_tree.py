"""docs/architecture.md tells where everything is, and nothing that is not there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/architecture.md"
# A reader sees all of it at once.
SCREEN = 60
# Their folders are named one by one; of all others the folder itself is enough.
OPEN = ("inventory", "roles", "plugins", "plugins/module_utils", "tests")
# A line for all scenarios together.
SCENARIO = "molecule/NAME/"


def lines() -> list[str]:
    block = re.search(r"## Where things are\n\n```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block, "the section is gone"
    return block.group(1).splitlines()


def listed() -> set[str]:
    return {line.split()[0] for line in lines()} - {SCENARIO}


def folders() -> set[str]:
    """Every folder that must have a line."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = set()
    for name in tracked.splitlines():
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in OPEN:
                found.add(f"{folder}/")
                break
    return found


def test_every_folder_has_a_line() -> None:
    wanted = {"molecule/shared/" if folder == "molecule/" else folder for folder in folders()}
    assert wanted - listed() == set()


def test_every_line_is_there_and_says_what_it_is() -> None:
    for line in lines():
        path, _, about = line.partition(" ")
        assert about.strip(), f"{path} says nothing"
        assert path == SCENARIO or (ROOT / path).exists(), f"{path} is not there"


def test_tree_fits_a_screen() -> None:
    assert len(lines()) <= SCREEN
    assert max(map(len, lines())) <= 132
