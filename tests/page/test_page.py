"""The page of a fleet in a headless Chromium: it fits, it can be read by everybody, it loads and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page import axe, browser, fleet
from tests.page.browser import Tab
from tests.page.draw import draw

WIDTHS = (360, 800, 1400)
# What is not drawn with these is drawn alike.
SEEN = [("healthy", 1400, False), ("trouble", 360, True), ("trouble", 800, False), ("trouble", 1400, True)]


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser.tab() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages() -> dict[str, Path]:
    return {name: draw(name, answers()) for name, answers in fleet.FLEETS.items()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", fleet.FLEETS)
def test_page_is_no_wider_than_its_device(tab: Tab, pages: dict[str, Path], name: str, width: int) -> None:
    tab.open(pages[name], width)
    assert tab.evaluate("document.documentElement.clientWidth") == width, "the device is emulated"
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    out = f"[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > {width} + 1).length"
    assert tab.evaluate(out) == 0


@pytest.mark.parametrize("name", fleet.FLEETS)
def test_page_asks_for_nothing_and_the_browser_has_no_complaint(tab: Tab, pages: dict[str, Path], name: str) -> None:
    tab.open(pages[name], 800)
    assert tab.loaded() == [pages[name].resolve().as_uri()]
    assert tab.complaints() == []
    assert tab.evaluate("document.querySelectorAll('script, img, iframe, object, embed, link, form').length") == 0
    assert tab.evaluate("getComputedStyle(document.querySelector('h2')).fontSize") == "20px", "the sheet is let in"


def test_page_would_run_and_load_nothing_were_a_text_not_escaped(tab: Tab, pages: dict[str, Path]) -> None:
    broken = pages["healthy"].with_name("broken.html")
    run = "document.title = 1"
    planted = f"<script>{run}</script><img src=x onerror='{run}'><style>p{{top:0}}</style>"
    broken.write_text(pages["healthy"].read_text().replace("</body>", f"{planted}</body>"))
    tab.open(broken, 800)
    assert tab.evaluate("document.title") == "Ollama: 3 hosts, all as wanted"
    assert tab.loaded() == [broken.resolve().as_uri()]
    assert len(tab.complaints()) >= 3


@pytest.mark.parametrize(("name", "width", "dark"), [*SEEN, ("hostile", 360, False)])
def test_page_is_accessible(tab: Tab, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    tab.open(pages[name], width, dark)
    assert axe.violations(tab) == []


def test_axe_sees_what_is_wrong(tab: Tab, pages: dict[str, Path]) -> None:
    """A judge that finds nothing in a bad page would be content with ours."""
    bad = pages["healthy"].with_name("bad.html")
    text = re.sub(r"<title>Memory[^<]*</title>", "", pages["healthy"].read_text()).replace(' lang="en"', "")
    bad.write_text(text.replace("</h1>", '</h1><p><font color="#ccc">grey</font></p>'))
    tab.open(bad, 800)
    found = {line.partition(":")[0] for line in axe.violations(tab)}
    assert found == {"color-contrast", "html-has-lang", "svg-img-alt"}


@pytest.mark.parametrize(("name", "width", "dark"), [*SEEN, ("healthy", 800, True), ("thirty", 1400, False)])
def test_page_is_drawn_by_day_and_by_night(tab: Tab, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    tab.open(pages[name], width, dark)
    red, *_ = re.findall(r"\d+", str(tab.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert (int(red) < 60) == dark
    kept = pages[name].with_name(f"{name}-{width}-{'dark' if dark else 'light'}.png")
    kept.write_bytes(tab.picture())
    assert kept.stat().st_size > 20_000


def test_page_prints(tab: Tab, pages: dict[str, Path]) -> None:
    """On paper also by night, with every host and the bars, which a browser leaves out where it is not told."""
    tab.open(pages["trouble"], 800, dark=True)
    printed = tab.pdf()
    pages["trouble"].with_suffix(".pdf").write_bytes(printed)
    assert printed.startswith(b"%PDF-")
    assert 3 <= len(re.findall(rb"/Type /Page\b", printed)) <= 8
    tab.ask("Emulation.setEmulatedMedia", media="print")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.querySelector('svg')).printColorAdjust") == "exact"
