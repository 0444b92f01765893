"""The table of docs/operations.md: what restarts where an input changes, by the compose file that is rendered."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests import effects
from tests.unit.support.evaluate import ROOT

SPEC = ROOT / "roles/ollama_stack/meta/argument_specs.yml"
PAGE = ROOT / "docs/operations.md"


def test_every_input_is_tried() -> None:
    options = yaml.safe_load(SPEC.read_text())["argument_specs"]["main"]["options"]
    assert {f"ollama_stack_{name}" for name in effects.OTHER} == set(options)


def test_every_row_says_what_restarts(tmp_path: Path) -> None:
    files = effects.rendered(tmp_path)
    # The keeper is tied to the server, so that a change of that is one of both.
    assert effects.services(files["base"])["ollama-warm"]["depends_on"]["ollama"]["restart"] is True
    shown = [line for line in PAGE.read_text().splitlines() if line.startswith("| `ollama_stack_")]
    assert shown == effects.table(files).splitlines()[2:]
