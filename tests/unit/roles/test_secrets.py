"""A secret of the backend is a file in the rendered stack, and nowhere its value."""

from __future__ import annotations

import yaml

from tests.render import render

CANARY = "canary-7f3a"
SECRETS: dict[str, object] = {"ollama_stack_backend_secrets": {"db_password": CANARY, "api.token": CANARY}}


def test_secrets_are_mounted_in_the_backend_alone() -> None:
    text = render("staging-1", SECRETS)
    document = yaml.safe_load(text)
    mounts = {name: service.get("secrets") for name, service in document["services"].items()}
    assert mounts.pop("backend") == ["api.token", "db_password"]
    assert set(mounts.values()) == {None}
    assert document["secrets"]["db_password"] == {"file": "/opt/archiv/.archiv/secrets/db_password"}
    assert CANARY not in text


def test_stack_without_secrets_has_no_word_of_them() -> None:
    assert "secrets" not in yaml.safe_load(render("staging-1", {}))
