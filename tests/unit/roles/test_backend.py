"""What an operator types about the backend arrives as it was typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.render import render
from tests.unit.support.evaluate import rendered


def backend(**inputs: Any) -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load(
        render("staging-1", {f"ollama_stack_backend_{name}": value for name, value in inputs.items()})
    )["services"]["backend"]
    return service


def test_values_that_say_no_are_kept() -> None:
    extra = {"mem_swappiness": 0, "init": False, "command": [], "stdin_open": ""}
    service = backend(extra=extra)
    assert {key: service[key] for key in extra} == extra
    # Ours that are empty are left out.
    assert not {"secrets", "labels"} & set(service)


def test_dollar_of_the_environment_is_a_dollar_for_compose_too() -> None:
    typed = {"PASSWORD_HINT": "a$b${C}$$", "PORT": 5432, "EMPTY": None}
    environment = backend(environment=typed, extra={"environment": {"FROM_ENV": "${DB_HOST}"}})["environment"]
    assert {key: environment[key] for key in typed} == {**typed, "PASSWORD_HINT": "a$$b$${C}$$$$"}
    assert environment["FROM_ENV"] == "${DB_HOST}"
    assert environment["APP_OLLAMA_BASEURL"] == "http://ollama:11434"


def test_port_is_bound_to_an_address_of_either_kind(tmp_path: Path) -> None:
    bound = {"": "8080:8080", "10.0.0.1": "10.0.0.1:8080:8080", "::1": "[::1]:8080:8080", "[::1]": "[::1]:8080:8080"}
    hosts = {f"host-{number}": {"ollama_stack_backend_address": address} for number, address in enumerate(bound)}
    files = rendered(tmp_path, hosts)
    found = [yaml.safe_load(files[name])["services"]["backend"]["ports"] for name in hosts]
    assert found == [[port] for port in bound.values()]
