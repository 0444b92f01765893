"""Which certificates are trusted: the host's, and those of a file beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._registry.access import Access
from ansible_collections.archiv.ollama.plugins.module_utils._registry.client import Deadline, RegistryClient
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import Untrusted
from tests.unit.support.certificates import Authority
from tests.unit.support.fake_registry import registry
from tests.unit.support.stores import NAME, tiny_model

MODEL = tiny_model()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("signed"), strict=True)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "another authority")


def fetch(authority: Authority, ca_path: Path | None) -> bytes:
    """A manifest from a registry that the authority vouches for."""
    with registry(authority.server_context()) as secure:
        secure.publish(f"library/{NAME}", MODEL)
        access = Access(mirror=secure.url, ca_path=str(ca_path) if ca_path else None)
        return RegistryClient(access, Deadline(20)).manifest(parse_name(NAME))


def test_authorities_of_the_host_are_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    assert fetch(authority, None) == MODEL.manifest


def test_authority_that_nobody_told_of_is_not(
    authority: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(other.path))
    with pytest.raises(Untrusted, match="set `ca_path` to the certificate of the CA that signed it"):
        fetch(authority, None)


def test_given_authority_is_trusted_beside_those_of_the_host(
    authority: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry of one's own may point to blobs that a public host gives out."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    assert fetch(authority, other.path) == MODEL.manifest
    assert fetch(other, other.path) == MODEL.manifest


def test_file_without_certificates_is_named(authority: Authority, tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate\n")
    with pytest.raises(Untrusted, match=f"ca_path {empty} contains no usable certificates"):
        fetch(authority, empty)
