"""The lab's own certificate authority and the registry's certificate, made once for each checkout."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.settings import REGISTRY_NAMES, STATE_DIR

CA_FILE = STATE_DIR / "tls" / "ca.pem"
CERT_FILE = STATE_DIR / "tls" / "registry.pem"
KEY_FILE = STATE_DIR / "tls" / "registry.key"
AUTHORITY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
LIFETIME = datetime.timedelta(days=3650)


def ensure() -> None:
    if not KEY_FILE.exists() or names_in(CERT_FILE) != list(REGISTRY_NAMES):
        make()


def names_in(file: Path) -> list[str]:
    """The names a certificate is for."""
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def make() -> None:
    CA_FILE.parent.mkdir(parents=True, exist_ok=True)
    KEY_FILE.unlink(missing_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "archiv lab CA")])
    ca = (
        unsigned(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(AUTHORITY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, REGISTRY_NAMES[0])])
    names = x509.SubjectAlternativeName([x509.DNSName(each) for each in REGISTRY_NAMES])
    certificate = (
        unsigned(name, ca_name, key.public_key())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Python 3.13 trusts no certificate without it.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    CA_FILE.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    CERT_FILE.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    # The key comes last: its presence says that the set is complete.
    KEY_FILE.touch(mode=0o600)
    KEY_FILE.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
    )
