"""Galaxy's importer warns and ends well; the gate does not."""

from __future__ import annotations

import pytest

from tests.galaxy.__main__ import DONE, complaints

# As galaxy-importer 0.4.44 said it of an archive whose dependency was not there.
WARNING = (
    "WARNING: roles/ollama_stack/tasks/remove.yml:5:3: syntax-check[unknown-module]: couldn't resolve module/action "
    "'community.docker.docker_compose_v2'. This often indicates a misspelling, missing collection, or incorrect module "
    "path."
)
HEAD = "Importing with galaxy-importer 0.4.44\nLinting collection via ansible-lint 26.10.1...\n"


@pytest.mark.parametrize(
    ("output", "code", "expected"),
    [
        pytest.param(f"{HEAD}{DONE}\n", 0, [], id="clean"),
        pytest.param(f"{HEAD}{WARNING}\n{DONE}\n", 0, [WARNING], id="warning"),
        pytest.param(f"{HEAD}ERROR: The import failed\n", 1, ["ERROR: The import failed"], id="error"),
    ],
)
def test_what_is_more_than_information_is_a_complaint(output: str, code: int, expected: list[str]) -> None:
    assert complaints(output, code) == expected


@pytest.mark.parametrize(("output", "code"), [(HEAD, 0), (f"{HEAD}{DONE}\n", 1)])
def test_an_import_that_does_not_end_is_a_complaint(output: str, code: int) -> None:
    [complaint] = complaints(output, code)
    assert "did not come to its end" in complaint
