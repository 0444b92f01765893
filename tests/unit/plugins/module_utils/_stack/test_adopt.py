"""A backend that a person set up loses nothing in silence: each part is in the new one, or is given up by its name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack import adopt as _adopt

FIXTURES = Path(__file__).parents[3] / "fixtures"
BOTH = ["compose_2.26.1", "compose_5.6.0"]
# Everything that tests/unit/fixtures/adopted.yml says of its backend, but for its image.
PARTS = {
    "restart",
    "user",
    "command",
    "entrypoint",
    "environment.APP_OLLAMA_BASEURL",
    "environment.APP_OLLAMA_TIMEOUTSECONDS",
    "environment.PRICE",
    "environment.FROM_SHELL",
    "environment.DB_URL",
    "ports.8080:8080",
    "ports.127.0.0.1:9090:9090/udp",
    "ports.[::1]:7070:7070",
    "volumes./data",
    "volumes./templates",
    "volumes./x",
    "tmpfs./tmp",
    "depends_on.db",
    "networks.archiv-net",
    "networks.default",
    "extra_hosts.mail",
    "labels.example.org/owner",
    "healthcheck",
    "secrets./run/secrets/token",
    "configs./banner",
    "ulimits.nofile",
    "cap_add.NET_ADMIN",
    "devices./dev/x",
    "sysctls.net.core.somaxconn",
    "stop_grace_period",
    "deploy",
    "init",
}
WHERE = "/opt/archiv/docker-compose.prod.yml"


def old(by: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FIXTURES / by / "adopted.json").read_text())
    return document


def new(by: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FIXTURES / by / "config.json").read_text())
    return document


@pytest.mark.parametrize("by", BOTH)
def test_every_part_of_the_old_backend_has_a_name(by: str) -> None:
    assert set(_adopt.parts_of(old(by))) == PARTS


@pytest.mark.parametrize("by", BOTH)
def test_what_the_new_one_lacks_or_has_otherwise_is_named_and_what_it_has_is_not(by: str) -> None:
    kept = {"environment.APP_OLLAMA_BASEURL", "ports.8080:8080"}
    assert set(_adopt.find_losses(old(by), new(by))) == PARTS - kept
    assert _adopt.find_losses(old(by), old(by)) == []


@pytest.mark.parametrize("by", BOTH)
def test_refusal_names_all_and_tells_no_value(by: str) -> None:
    [refusal] = _adopt.find_refusals(old(by), new(by), ["environment.PRICE"], WHERE)
    assert refusal.startswith(f"the backend in {WHERE} has settings that the new one lacks or changes: ")
    assert "environment.DB_URL" in refusal and "ollama_stack_adopt_without" in refusal
    assert "environment.PRICE" not in refusal and "canary" not in refusal and "192.0.2.1" not in refusal
    assert _adopt.find_refusals(old(by), new(by), sorted(PARTS), WHERE) == []


def test_name_that_the_old_backend_does_not_have_is_refused() -> None:
    by = BOTH[0]
    [refusal] = _adopt.find_refusals(old(by), new(by), [*PARTS, "environment.DB_URI"], WHERE)
    assert refusal.startswith("ollama_stack_adopt_without lists environment.DB_URI, which")
    assert "environment.DB_URL" in refusal and "canary" not in refusal


@pytest.mark.parametrize(
    ("kind", "key", "told"),
    [("volumes", "uploads", "volumes./data"), ("networks", "archiv-net", "networks.archiv-net")],
)
def test_same_key_for_another_volume_or_network_is_a_loss(kind: str, key: str, told: str) -> None:
    changed = copy.deepcopy(old(BOTH[0]))
    changed[kind][key] = {"name": "archiv_" + key + "_new"}
    assert _adopt.find_losses(old(BOTH[0]), changed) == [told]


def test_same_volume_under_another_key_and_in_another_form_is_no_loss() -> None:
    changed = copy.deepcopy(old(BOTH[0]))
    changed["volumes"]["letters"] = changed["volumes"].pop("uploads")
    mounts = changed["services"]["backend"]["volumes"]
    mounts[0]["source"] = "letters"
    mounts[1]["bind"] = {}
    assert _adopt.find_losses(old(BOTH[0]), changed) == []


def test_one_address_of_a_host_that_is_gone_is_a_loss() -> None:
    changed = copy.deepcopy(old(BOTH[0]))
    changed["services"]["backend"]["extra_hosts"].pop()
    assert _adopt.find_losses(old(BOTH[0]), changed) == ["extra_hosts.mail"]


@pytest.mark.parametrize("document", [{}, {"services": {"app": {"image": "a"}}}])
def test_stack_without_a_backend_has_nothing_to_lose(document: dict[str, Any]) -> None:
    assert _adopt.find_refusals(document, new(BOTH[0]), [], WHERE) == []


def test_file_that_compose_does_not_read_is_told_without_what_it_quotes() -> None:
    refusal = _adopt.unreadable(WHERE, 'invalid interpolation format for services.backend.environment.PW: "canary$("')
    assert WHERE in refusal and "services.backend.environment.PW" in refusal and "canary" not in refusal
    assert "docker compose config" in refusal
