"""Each failure has a kind and words of its own, and no secret in them."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import urllib.error

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._registry import errors
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import (
    RegistryError,
    explain_failure,
    judge_status,
    shown,
)

HERE = "https://registry.example/v2/library/m/blobs/sha256:1"


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
    kinds = [value.kind for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "kind")]
    assert len(kinds) == len(set(kinds))


def test_signature_and_user_stay_out_of_what_is_shown() -> None:
    assert shown("https://user:secret@host:8443/path?sig=secret#x") == "https://host:8443/path"


@pytest.mark.parametrize(
    ("code", "says"), [(20, "set `ca_path`"), (62, "valid certificate"), (10, "valid certificate")]
)
def test_certificate_is_refused_with_what_would_mend_it(code: int, says: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "it is so"
    told = str(explain_failure(error, HERE, 1))
    assert says in told and "(it is so)" in told
    assert ("set `ca_path`" in told) is (code == 20)
