"""What the table of inputs in docs/operations.md is computed from; `make pages` compares it with the page."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests import effects
from tests.unit.support.evaluate import ROOT

SPEC = ROOT / "roles/ollama_stack/meta/argument_specs.yml"


def test_every_input_is_tried() -> None:
    options = yaml.safe_load(SPEC.read_text())["argument_specs"]["main"]["options"]
    assert {f"ollama_stack_{name}" for name in effects.OTHER} == set(options)


def test_table_says_what_restarts(tmp_path: Path) -> None:
    files = effects.rendered(tmp_path)
    assert effects.services(files["base"])["ollama-warm"]["depends_on"]["ollama"]["restart"] is True
    rows = effects.table(files).splitlines()
    assert "`ollama_stack_gate_image`, `ollama_stack_gate_answer_seconds`, `ollama_stack_gate_body_kib` | `gate` |" in (
        row.removeprefix("| ") for row in rows
    )
