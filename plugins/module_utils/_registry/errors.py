# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can stand between us and a model, each with a sentence for the operator. Pure and private."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import typing as t
import urllib.error
from urllib.parse import urlsplit

FailureKind = t.Literal[
    "bad_answer",
    "bad_manifest",
    "cut",
    "deadline",
    "digest_mismatch",
    "insecure_redirect",
    "needs_newer_ollama",
    "no_space",
    "not_found",
    "offline",
    "registry",
    "server_error",
    "size_mismatch",
    "stalled",
    "unauthorized",
    "untrusted",
]


class RegistryError(Exception):
    """What stood between us and a model; str() is a sentence for the operator."""

    kind: t.ClassVar[FailureKind] = "registry"


class Offline(RegistryError):
    """No conversation was possible: name, route, port or patience ran out."""

    kind: t.ClassVar[FailureKind] = "offline"


class Untrusted(RegistryError):
    """The TLS certificate was not one we trust."""

    kind: t.ClassVar[FailureKind] = "untrusted"


class NotFound(RegistryError):
    kind: t.ClassVar[FailureKind] = "not_found"


class Unauthorized(RegistryError):
    kind: t.ClassVar[FailureKind] = "unauthorized"


class NeedsNewerOllama(RegistryError):
    kind: t.ClassVar[FailureKind] = "needs_newer_ollama"


class ServerError(RegistryError):
    """5xx or 429, after the bounded tries."""

    kind: t.ClassVar[FailureKind] = "server_error"


class Cut(RegistryError):
    """The other side hung up in the middle."""

    kind: t.ClassVar[FailureKind] = "cut"


class BadAnswer(RegistryError):
    """An answer that is not what the protocol promises."""

    kind: t.ClassVar[FailureKind] = "bad_answer"


class BadManifest(RegistryError):
    kind: t.ClassVar[FailureKind] = "bad_manifest"


class InsecureRedirect(RegistryError):
    kind: t.ClassVar[FailureKind] = "insecure_redirect"


class SizeMismatch(RegistryError):
    kind: t.ClassVar[FailureKind] = "size_mismatch"


class DigestMismatch(RegistryError):
    kind: t.ClassVar[FailureKind] = "digest_mismatch"


class Stalled(RegistryError):
    kind: t.ClassVar[FailureKind] = "stalled"


class DeadlineExceeded(RegistryError):
    kind: t.ClassVar[FailureKind] = "deadline"


class NoSpace(RegistryError):
    kind: t.ClassVar[FailureKind] = "no_space"


def shown(url: str) -> str:
    """A URL fit for people: what signs a request stays out of messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


# What OpenSSL says where a certificate is not signed by anybody it was told of; all else is wrong in the certificate.
_UNKNOWN_AUTHORITY = (2, 7, 18, 19, 20, 21)


def explain_failure(error: Exception, url: str, patience: float, ca_path: str | None = None) -> RegistryError:
    """Turn what urllib raises into one of our sentences."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    where = "{}://{}".format(*urlsplit(shown(url))[:2])
    if isinstance(reason, UnicodeError):
        return NotFound(f"{where} can be no host, a part of its name is empty or too long; check the name")
    if isinstance(reason, socket.gaierror):
        return Offline(
            f"cannot look up the address of {where} ({reason.strerror}); check DNS and the"
            " spelling, or give a reachable `mirror`"
        )
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _explain_certificate(reason, where, ca_path)
    if isinstance(reason, ConnectionRefusedError):
        return Offline(f"{where} refused the connection; is the registry running on that port?")
    # OpenSSL has errors of its own for a connection that ends in the middle.
    if isinstance(reason, (http.client.HTTPException, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return Cut(f"{where} hung up before its answer was complete")
    if isinstance(reason, ssl.SSLError):
        return Untrusted(f"no TLS with {where} ({getattr(reason, 'reason', '') or reason}); does it speak https?")
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return Offline(f"{where} did not answer within {patience:.3g} s")
    if isinstance(reason, OSError) and reason.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return Offline(f"no route to {where} ({reason.strerror})")
    return Offline(f"cannot speak with {where}: {reason}")


def _explain_certificate(error: ssl.SSLCertVerificationError, where: str, ca_path: str | None) -> Untrusted:
    said = f"the certificate of {where} is not trusted ({error.verify_message})"
    if error.verify_code not in _UNKNOWN_AUTHORITY:
        return Untrusted(f"{said}; who runs it must have one made for that name and for today")
    if ca_path is None:
        return Untrusted(f"{said}; give the authority that signed it as `ca_path` (ollama_stack_ca_file)")
    return Untrusted(f"{said}; `ca_path` {ca_path} does not hold the authority that signed it")


def judge_status(status: int, url: str, what: str) -> None:
    """Raise unless the answer carries what was asked for."""
    where = shown(url)
    if status in (200, 206):
        return
    if status in (401, 403):
        raise Unauthorized(
            f"{where} refuses {what} ({status}); check its login in `registries` (ollama_stack_registries),"
            " and the name: some registries answer so for what they do not have"
        )
    if status == 404:
        raise NotFound(f"{where} has no {what} (404); check the name and the tag, or the `mirror`")
    if status == 412:
        raise NeedsNewerOllama(f"{where} gives {what} only to a newer Ollama (412); raise the version of the image")
    if is_ill(status):
        raise ServerError(f"{where} answers {status} for {what}; the registry is ill, try later")
    raise BadAnswer(f"{where} answers {status} for {what}, which no registry should")


def is_ill(status: int) -> bool:
    """Whether the server may answer otherwise in a moment."""
    return status >= 500 or status == 429
