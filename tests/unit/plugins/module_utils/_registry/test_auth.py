"""What a registry asks for is read, and what it is told is kept from others."""

from __future__ import annotations

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._registry.access import Access
from ansible_collections.archiv.ollama.plugins.module_utils._registry.auth import Challenge, read_challenge, read_token
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import (
    Unauthorized,
)
from ansible_collections.archiv.ollama.plugins.module_utils._registry.logins import read_logins


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="x"', Challenge("basic", "x", "", "")),
        (
            'Bearer realm="https://a/t",service="s",scope="repository:library/m:pull"',
            Challenge("bearer", "https://a/t", "s", "repository:library/m:pull"),
        ),
        ('bearer   realm="https://a/t"', Challenge("bearer", "https://a/t", "", "")),
        ("Negotiate", None),
        ("Bearerx realm=1", None),
        (None, None),
    ],
)
def test_challenge_is_read(header: str | None, expected: Challenge | None) -> None:
    assert read_challenge(header) == expected


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b"<html>", b'{"token": 5}', b'{"token": "a\\nb"}', b'{"token": ""}']
)
def test_answer_without_a_token_is_refused(raw: bytes) -> None:
    with pytest.raises(Unauthorized, match="returned no token"):
        read_token(raw, "the token service")


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_token_is_read(key: str) -> None:
    assert read_token(b'{"%s": "abc.def"}' % key.encode(), "x") == "abc.def"


def test_access_never_shows_its_password() -> None:
    login = {"host": "reg.example", "username": "me", "password": "secret"}
    assert "secret" not in repr(Access(logins=read_logins([login])))
