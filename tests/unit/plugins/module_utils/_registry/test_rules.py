"""Which addresses and redirects are believed, and which refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._registry.access import Access
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import (
    BadAnswer,
    InsecureRedirect,
    RegistryError,
)
from ansible_collections.archiv.ollama.plugins.module_utils._registry.rules import base_url, is_at, next_hop

HERE = "https://registry.example/v2/library/m/blobs/sha256:1"


@pytest.mark.parametrize(
    ("name", "access", "expected"),
    [
        ("m:1", Access(), "https://registry.ollama.ai"),
        ("m:1", Access(insecure=True), "https://registry.ollama.ai"),
        ("m:1", Access(mirror="https://mirror.example/cache/"), "https://mirror.example/cache"),
        ("m:1", Access(mirror="http://mirror.example:5000", insecure=True), "http://mirror.example:5000"),
        ("own.example:5000/a/m:1", Access(mirror="https://mirror.example"), "https://own.example:5000"),
        ("own.example:5000/a/m:1", Access(insecure=True), "http://own.example:5000"),
        ("own.example/a/m:1", Access(mirror="http://mirror.example", insecure=True), "https://own.example"),
        ("Registry.Ollama.AI/library/m:1", Access(mirror="https://mirror.example"), "https://mirror.example"),
    ],
)
def test_base_url_is_the_models_own_registry(name: str, access: Access, expected: str) -> None:
    assert base_url(parse_name(name), access) == expected


@pytest.mark.parametrize(
    "mirror",
    [
        "http://mirror.example",
        "mirror.example",
        "ftp://mirror.example",
        "file:///etc/passwd",
        "https://u:secret@mirror.example",
        "https://",
        "https://mirror.example:port",
        "https://mirror.example/?x=1",
        "https://[::1",
        "https://mirror.example/ x",
    ],
)
def test_mirror_we_must_not_speak_to_is_refused(mirror: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        base_url(parse_name("m:1"), Access(mirror=mirror))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://blobs.example/x?sig=1", "https://blobs.example/x?sig=1"),
        ("/elsewhere", "https://registry.example/elsewhere"),
        ("//blobs.example/x", "https://blobs.example/x"),
    ],
)
def test_redirect_leads_where_it_says(location: str, expected: str) -> None:
    assert next_hop(HERE, location) == expected


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/shadow",
        "ftp://blobs.example/x",
        "http://blobs.example/x",
        "https://user:pass@blobs.example/x",
        "gopher://x",
        "https://[::1",
        "https://blobs.example:99999999/x",
        "https://blobs.example/a b",
        "jar:https://x!/y",
    ],
)
def test_redirect_to_less_safety_is_refused(location: str) -> None:
    with pytest.raises(InsecureRedirect):
        next_hop(HERE, location)


@given(st.text())
def test_redirect_is_http_or_refused(location: str) -> None:
    try:
        target = next_hop(HERE, location)
    except RegistryError:
        return
    assert target.startswith("https://")


def test_redirect_without_location_is_refused() -> None:
    with pytest.raises(BadAnswer, match="without a Location"):
        next_hop(HERE, None)


@pytest.mark.parametrize(
    ("host", "url", "expected"),
    [
        ("reg.example", "https://reg.example/v2/", True),
        ("reg.example", "https://REG.example:443/token?x=1", True),
        ("reg.example:5000", "http://reg.example:5000/v2/", True),
        ("reg.example:5000", "https://reg.example/v2/", False),
        ("reg.example", "https://reg.example:5000/", False),
        ("reg.example", "https://reg.example.evil/", False),
        ("reg.example", "https://evil.example/reg.example", False),
        ("reg.example", "https://reg.example@evil.example/", False),
    ],
)
def test_login_is_for_one_host_and_port(host: str, url: str, expected: bool) -> None:
    assert is_at(host, url) is expected
