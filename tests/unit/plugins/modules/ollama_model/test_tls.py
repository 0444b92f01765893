"""Whose certificate is trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.unit.support.certificates import Authority
from tests.unit.support.fake_registry import registry
from tests.unit.support.model_host import (
    MODEL,
    PATH,
    Host,
    redirect,
)


def test_private_authority_is_trusted_when_given(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        assert "ca_path" in host.fails("untrusted", mirror=secure.url, insecure=False)
        host.ok(mirror=secure.url, insecure=False, ca_path=str(authority.path))
    assert host.holds()


def test_authority_that_only_python_would_not_take_is_trusted(
    host: Host, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strict() -> ssl.SSLContext:
        # As Python 3.13 makes it.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        host.ok(mirror=secure.url, ca_path=str(authority.path))


def test_authority_that_did_not_sign_is_told_apart_from_none(host: Host, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with registry(authority.server_context()) as secure:
        assert "set `ca_path` to the certificate of the CA that signed it" in host.fails("untrusted", mirror=secure.url)
        told = host.fails("untrusted", mirror=secure.url, ca_path=str(other.path))
        assert f"`ca_path` {other.path} does not contain the CA that signed it" in told


def test_insecure_does_not_turn_off_the_check_of_a_certificate(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        host.fails("untrusted", mirror=secure.url, insecure=True)


def test_redirect_from_https_to_http_is_refused(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        secure.twist = redirect(f"{host.upstream.url}/x")
        host.fails("insecure_redirect", mirror=secure.url, ca_path=str(authority.path))
    assert host.upstream.seen == []


def test_tls_to_a_plain_port_is_told_as_such(host: Host) -> None:
    host.fails("untrusted", mirror=host.upstream.url.replace("http:", "https:"))
