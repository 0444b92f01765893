"""The page of a fleet as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.archiv.ollama.plugins.plugin_utils._page.facts import read_host
from ansible_collections.archiv.ollama.plugins.plugin_utils._page.page import page
from tests.lab.settings import STATE_DIR
from tests.page.fleet import NOW


def draw(name: str, answers: dict[str, dict[str, Any]]) -> Path:
    """Drawn a second after its hosts answered."""
    folder = STATE_DIR / "page"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.html"
    hosts = [read_host(host, answer, NOW + 1) for host, answer in answers.items()]
    path.write_text(page(hosts, NOW + 1))
    return path
