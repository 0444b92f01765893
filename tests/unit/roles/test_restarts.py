"""The table of docs/operations.md: what restarts where an input changes, by the compose file that is rendered."""

from __future__ import annotations

import pytest
import yaml

from tests import effects
from tests.effects import ANOTHER_STACK, OTHER, restarted, services
from tests.operations.page import read_rows
from tests.unit.support.evaluate import ROOT

SPEC = ROOT / "roles/ollama_stack/meta/argument_specs.yml"
ROWS = read_rows((ROOT / "docs/operations.md").read_text())


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return effects.rendered(tmp_path_factory.mktemp("restarts"))


def test_keeper_is_tied_to_the_server(rendered: dict[str, str]) -> None:
    assert services(rendered["base"])["ollama-warm"]["depends_on"]["ollama"]["restart"] is True


def test_every_input_is_tried() -> None:
    options = yaml.safe_load(SPEC.read_text())["argument_specs"]["main"]["options"]
    assert {f"ollama_stack_{name}" for name in OTHER} == set(options)


def test_every_input_that_reaches_the_compose_file_has_a_row(rendered: dict[str, str]) -> None:
    reaching = {f"ollama_stack_{name}" for name in OTHER if rendered[name] != rendered["base"]}
    assert len(reaching) > 30
    assert reaching - ROWS.keys() == set()


def test_every_row_says_what_restarts(rendered: dict[str, str]) -> None:
    base = services(rendered["base"])
    true = {
        f"ollama_stack_{name}": set() if name in ANOTHER_STACK else restarted(services(rendered[name]), base)
        for name in OTHER
    }
    assert dict(ROWS) == {name: true[name] for name in ROWS}
