"""docs/compose.md quotes what a deploy writes; that it ends with all of it is the lint gate's to see."""

from __future__ import annotations

import re

import pytest

from tests.pages import COMPOSE

PAGE = COMPOSE.read_text()
[RENDERED] = re.findall(r"<!-- rendered -->\n\n```yaml\n(.*?)```\n\n<!-- /rendered -->", PAGE, re.DOTALL)
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.partition("<!-- rendered -->")[0], re.DOTALL)
LEFT_OUT = "# ...\n"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().splitlines()[0].strip())
def test_each_block_is_in_the_rendered_file(block: str) -> None:
    parts = block.split(LEFT_OUT)
    at = 0
    for part in parts:
        found = f"\n{RENDERED}".find(f"\n{part}", at)
        assert found >= 0, f"not in the file, in this order:\n{part}"
        at = found + len(part)


def test_there_is_something_to_compare() -> None:
    assert len(BLOCKS) >= 8
    assert RENDERED.startswith("# Managed by")


def test_the_model_stands_as_often_as_the_page_says() -> None:
    assert "the model\nstands three times" in PAGE
    assert RENDERED.count("qwen2.5:7b-instruct-q4_K_M") == 3
