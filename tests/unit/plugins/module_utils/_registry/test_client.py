"""Addresses, redirects, challenges and failures: what is believed, what is refused, and in which words."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import urllib.error

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.module_utils._registry.client import (
    Access,
    BadAnswer,
    Challenge,
    Deadline,
    DeadlineExceeded,
    InsecureRedirect,
    RegistryError,
    Unauthorized,
    base_url,
    explain_failure,
    is_at,
    judge_status,
    next_hop,
    read_challenge,
    read_token,
    shown,
)
from ansible_collections.archiv.ollama.plugins.module_utils._registry.logins import read_logins

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
    ("status", "kind"),
    [
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "not_found"),
        (412, "needs_newer_ollama"),
        (429, "server_error"),
        (500, "server_error"),
        (503, "server_error"),
        (204, "bad_answer"),
        (400, "bad_answer"),
    ],
)
def test_each_status_has_its_own_error(status: int, kind: str) -> None:
    with pytest.raises(RegistryError) as caught:
        judge_status(status, HERE + "?X-Signature=secret", "blob 1")
    assert caught.value.kind == kind
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "offline", "cannot resolve"),
        (urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "refused")), "offline", "refused"),
        (urllib.error.URLError(OSError(errno.ENETUNREACH, "Network is unreachable")), "offline", "no route"),
        (urllib.error.URLError(OSError(errno.EHOSTUNREACH, "No route to host")), "offline", "no route"),
        (urllib.error.URLError(TimeoutError("timed out")), "offline", "timed out after 5 s"),
        (TimeoutError("timed out"), "offline", "timed out after 5 s"),
        (urllib.error.URLError(OSError("Tunnel connection failed: 407 Proxy")), "offline", "407"),
        (urllib.error.URLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong")), "untrusted", "TLS"),
        (urllib.error.URLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")), "cut", "closed the"),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed"), "cut", "closed the"),
        (http.client.RemoteDisconnected("closed"), "cut", "closed the"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "cut", "closed the"),
        (http.client.IncompleteRead(b""), "cut", "closed the"),
        (UnicodeEncodeError("idna", "a..b", 2, 3, "label empty"), "not_found", "check the name"),
    ],
)
def test_each_failure_has_its_own_words(error: Exception, kind: str, words: str) -> None:
    explained = explain_failure(error, "https://registry.example/x?sig=secret", 5)
    assert explained.kind == kind
    assert words in str(explained)
    assert "registry.example" in str(explained)
    assert "secret" not in str(explained)


def test_every_kind_is_distinct() -> None:
    kinds = [value.kind for value in vars(_registry).values() if isinstance(value, type) and hasattr(value, "kind")]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b"<html>", b'{"token": 5}', b'{"token": "a\\nb"}', b'{"token": ""}']
)
def test_answer_without_a_token_is_refused(raw: bytes) -> None:
    with pytest.raises(Unauthorized, match="returned no token"):
        read_token(raw, "the token service")


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_token_is_read(key: str) -> None:
    assert read_token(b'{"%s": "abc.def"}' % key.encode(), "x") == "abc.def"


def test_signature_and_user_stay_out_of_what_is_shown() -> None:
    assert shown("https://user:secret@host:8443/path?sig=secret#x") == "https://host:8443/path"


def test_access_never_shows_its_password() -> None:
    login = {"host": "reg.example", "username": "me", "password": "secret"}
    assert "secret" not in repr(Access(logins=read_logins([login])))


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


def test_deadline_passes() -> None:
    now = [100.0]
    deadline = Deadline(5, lambda: now[0])
    deadline.check()
    now[0] = 105.5
    with pytest.raises(DeadlineExceeded, match="5 s"):
        deadline.check()


@pytest.mark.parametrize(
    ("code", "says"), [(20, "set `ca_path`"), (62, "valid certificate"), (10, "valid certificate")]
)
def test_certificate_is_refused_with_what_would_mend_it(code: int, says: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "it is so"
    told = str(explain_failure(error, HERE, 1))
    assert says in told and "(it is so)" in told
    assert ("set `ca_path`" in told) is (code == 20)
