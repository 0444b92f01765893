"""A picture of a terminal shows what was printed, and fetches nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from tests.lab import picture
from tests.lab.settings import LabError

OUTPUT = (
    "\nTASK [look]\n\x1b[0;32mok: [staging-1]\x1b[0m\n"
    "\nTASK [go on]\n\x1b[0;36mincluded: /home/me/up.yml for staging-1\x1b[0m\n"
    "\n\nTASK [up]\n\x1b[0;33mchanged: [<b>]\x1b[0m\n"
)


def shown(drawn: str) -> str:
    return "".join(ElementTree.fromstring(drawn).itertext()).replace("\xa0", " ")


def test_picture_shows_command_and_output() -> None:
    drawn = picture.svg("deploy", "ansible-playbook x.yml", OUTPUT)
    text = shown(drawn)
    assert "$ ansible-playbook x.yml" in text
    assert "ok: [staging-1]" in text
    assert "changed: [<b>]" in text
    assert "TASK [look]" in text and "go on" not in text and "/home" not in text


def test_picture_has_the_colours() -> None:
    drawn = picture.svg("deploy", "x", OUTPUT)
    assert len(set(re.findall(r"fill: (#[0-9a-f]{6})", drawn))) >= 3


def test_picture_fetches_nothing() -> None:
    drawn = picture.svg("deploy", "x", OUTPUT)
    assert re.findall(r"https?://[^\"' ]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert "url(http" not in drawn


def test_run_that_fails_is_no_picture() -> None:
    with pytest.raises(LabError, match="nothing to show"):
        picture.run("false")
