# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of errors of registries, what to do about each, and which of them may pass. Pure and private."""

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
    """A request to a registry failed; str() is a sentence for the operator."""

    kind: t.ClassVar[FailureKind] = "registry"


class Offline(RegistryError):
    """No connection: name, route, port or timeout."""

    kind: t.ClassVar[FailureKind] = "offline"


class Untrusted(RegistryError):
    """The TLS certificate is not trusted."""

    kind: t.ClassVar[FailureKind] = "untrusted"


class NotFound(RegistryError):
    kind: t.ClassVar[FailureKind] = "not_found"


class Unauthorized(RegistryError):
    kind: t.ClassVar[FailureKind] = "unauthorized"


class NeedsNewerOllama(RegistryError):
    kind: t.ClassVar[FailureKind] = "needs_newer_ollama"


class ServerError(RegistryError):
    """5xx or 429, after the retries."""

    kind: t.ClassVar[FailureKind] = "server_error"


class Cut(RegistryError):
    """The server closed the connection early."""

    kind: t.ClassVar[FailureKind] = "cut"


class BadAnswer(RegistryError):
    """A response that violates the protocol."""

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
    """A URL for messages, without credentials or signatures."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


# OpenSSL's codes for an unknown CA; for all others the certificate itself is wrong.
_UNKNOWN_AUTHORITY = (2, 7, 18, 19, 20, 21)


def explain_failure(error: Exception, url: str, patience: float, ca_path: str | None = None) -> RegistryError:
    """Turn an exception of urllib into one of our errors."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    where = "{}://{}".format(*urlsplit(shown(url))[:2])
    if isinstance(reason, UnicodeError):
        return NotFound(f"{where} is not a valid host name, a part of it is empty or too long; check the name")
    if isinstance(reason, socket.gaierror):
        return Offline(
            f"cannot resolve {where} ({reason.strerror}); check DNS and the spelling, or set a reachable `mirror`"
        )
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _explain_certificate(reason, where, ca_path)
    if isinstance(reason, ConnectionRefusedError):
        return Offline(f"connection to {where} refused; is the registry running on that port?")
    # OpenSSL has its own errors for a connection that is closed early.
    if isinstance(reason, (http.client.HTTPException, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return Cut(f"{where} closed the connection before the response was complete")
    if isinstance(reason, ssl.SSLError):
        return Untrusted(f"TLS with {where} failed ({getattr(reason, 'reason', '') or reason}); does it use https?")
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return Offline(f"connection to {where} timed out after {patience:.3g} s")
    if isinstance(reason, OSError) and reason.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return Offline(f"no route to {where} ({reason.strerror})")
    return Offline(f"cannot connect to {where}: {reason}")


def _explain_certificate(error: ssl.SSLCertVerificationError, where: str, ca_path: str | None) -> Untrusted:
    said = f"the certificate of {where} is not trusted ({error.verify_message})"
    if error.verify_code not in _UNKNOWN_AUTHORITY:
        return Untrusted(f"{said}; the registry needs a valid certificate for this host name")
    if ca_path is None:
        return Untrusted(f"{said}; set `ca_path` to the certificate of the CA that signed it (ollama_stack_ca_file)")
    return Untrusted(f"{said}; `ca_path` {ca_path} does not contain the CA that signed it")


def judge_status(status: int, url: str, what: str) -> None:
    """Raise unless the response has the requested content."""
    where = shown(url)
    if status in (200, 206):
        return
    if status in (401, 403):
        raise Unauthorized(
            f"{where} denied access to {what} (HTTP {status}); check `registries` (ollama_stack_registries)"
            " and the name (some registries return this for models that do not exist)"
        )
    if status == 404:
        raise NotFound(f"{where} has no {what} (HTTP 404); check the name and the tag, or the `mirror`")
    if status == 412:
        raise NeedsNewerOllama(f"{what} requires a newer Ollama ({where}: HTTP 412); upgrade ollama_stack_image")
    if is_ill(status):
        raise ServerError(f"{where} returned HTTP {status} for {what}; try again later")
    raise BadAnswer(f"{where} returned unexpected HTTP status {status} for {what}")


def is_ill(status: int) -> bool:
    """Whether a retry may succeed."""
    return status >= 500 or status == 429
