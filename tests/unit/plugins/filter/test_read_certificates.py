"""The certificates of a peer: which of them are trusted, and why none is."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.archiv.ollama.plugins.filter.read_certificates import read_certificates

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)


def made(days: int) -> tuple[str, str]:
    """A certificate that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "b")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=100))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def read(text: str) -> dict[str, str]:
    return read_certificates(text, NOW.timestamp())


def test_both_are_trusted_while_one_replaces_the_other() -> None:
    old, new = made(3)[0], made(300)[0]
    assert read(old + new) == {"certificates": old + new, "trouble": ""}


def test_one_that_is_late_is_left_out() -> None:
    late, new = made(-1)[0], made(300)[0]
    assert read(late + new) == {"certificates": new, "trouble": ""}
    assert read(late) == {"certificates": "", "trouble": "expired on 2026-05-31"}


def test_comments_and_line_ends_of_windows_do_no_harm() -> None:
    good = made(3)[0]
    assert read("# host b\n" + good.replace("\n", "\r\n"))["certificates"] == good


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "is missing"),
        ("<<<<<<< HEAD\n", "is not a certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds something that is not a certificate"),
    ],
)
def test_what_is_no_certificate_is_told(text: str, trouble: str) -> None:
    assert read(text) == {"certificates": "", "trouble": trouble}


def test_key_is_never_passed_on() -> None:
    certificate, key = made(3)
    told = read(certificate + key)
    assert told["certificates"] == ""
    assert "private key" in told["trouble"]
