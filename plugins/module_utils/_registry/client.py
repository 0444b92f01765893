# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads manifests and blobs from a registry; credentials stay with its own host. Private to this collection."""

from __future__ import annotations

import base64
import errno
import functools
import hashlib
import http.client
import io
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any, Protocol, TypeVar
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from ansible.module_utils.urls import make_context

from .._model.manifest import MANIFEST_LIMIT
from .._model.names import DEFAULT_HOST, ModelName
from .logins import Login

# Media types for a model's manifest: Ollama's own, and that of other registries.
MANIFEST_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
_TOKEN_LIMIT = 1024 * 1024
_REDIRECTS = 5
# Seconds between retries after HTTP 5xx or a closed connection: 7 s in total, enough for a restart of a registry.
WAITS = (1.0, 2.0, 4.0)

T = TypeVar("T")


class RegistryError(Exception):
    """A request to a registry failed; str() is a sentence for the operator."""

    kind = "registry"


class Offline(RegistryError):
    """No connection: name, route, port or timeout."""

    kind = "offline"


class Untrusted(RegistryError):
    """The TLS certificate is not trusted."""

    kind = "untrusted"


class NotFound(RegistryError):
    kind = "not_found"


class Unauthorized(RegistryError):
    kind = "unauthorized"


class NeedsNewerOllama(RegistryError):
    kind = "needs_newer_ollama"


class ServerError(RegistryError):
    """5xx or 429, after the retries."""

    kind = "server_error"


class Cut(RegistryError):
    """The server closed the connection early."""

    kind = "cut"


class BadAnswer(RegistryError):
    """A response that violates the protocol."""

    kind = "bad_answer"


class BadManifest(RegistryError):
    kind = "bad_manifest"


class InsecureRedirect(RegistryError):
    kind = "insecure_redirect"


class SizeMismatch(RegistryError):
    kind = "size_mismatch"


class DigestMismatch(RegistryError):
    kind = "digest_mismatch"


class Stalled(RegistryError):
    kind = "stalled"


class DeadlineExceeded(RegistryError):
    kind = "deadline"


class NoSpace(RegistryError):
    kind = "no_space"


@dataclass(frozen=True)
class Access:
    """How to reach registries, and with which logins."""

    mirror: str | None = None
    insecure: bool = False
    ca_path: str | None = None
    logins: tuple[Login, ...] = ()
    # The registry compares this with what a model requires, and answers 412 to an older Ollama.
    ollama_version: str | None = None


class Deadline:
    """The time at which everything must be done."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        return self._end - self._clock()

    def check(self) -> None:
        if self.left() <= 0:
            raise DeadlineExceeded(
                f"timed out after {self.seconds:g} s; the partial download is kept, run again to"
                " resume, or raise `timeout`"
            )


class Body(Protocol):
    """What we use of an HTTP response."""

    def read1(self, amount: int = ...) -> bytes: ...
    def readinto(self, buffer: memoryview) -> int: ...
    def close(self) -> None: ...


@dataclass
class Answer:
    """Status, headers and the unread body of one exchange."""

    url: str
    status: int
    headers: Message
    body: Body

    def close(self) -> None:
        self.body.close()


@dataclass(frozen=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    realm: str
    service: str
    scope: str


def shown(url: str) -> str:
    """A URL for messages, without credentials or signatures."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def origin(url: str) -> tuple[str, str, int]:
    """Two URLs with the same origin may get the same credentials."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return (parts.scheme, (parts.hostname or "").lower(), port)


def is_at(host: str, url: str) -> bool:
    """Whether a URL leads to host[:port]; without a port it is that of the URL's scheme."""
    return origin(url) == origin(f"{urlsplit(url).scheme}://{host}")


def base_url(name: ModelName, access: Access) -> str:
    """Base URL of a model's registry; a mirror replaces the default registry only."""
    if name.host.lower() != DEFAULT_HOST:
        # With a mirror, insecure applies to the mirror only.
        return f"{'http' if access.insecure and access.mirror is None else 'https'}://{name.host}"
    if access.mirror is None:
        return f"https://{DEFAULT_HOST}"
    check_mirror(access.mirror, access.insecure)
    return access.mirror.rstrip("/")


def check_mirror(url: str, insecure: bool) -> None:
    """Refuse an invalid or insecure mirror URL."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAnswer(f"mirror {url.rpartition('@')[2]!r} is not a URL; write https://host[:port][/path]")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadAnswer(
            f"mirror {shown(url)} contains credentials or a query; put its login into `registries`"
            " (ollama_stack_registries) and only the URL here"
        )
    if parts.scheme == "http" and not insecure:
        raise BadAnswer(
            f"mirror {shown(url)} is plain HTTP, which anyone in between can alter; use https, or set `insecure: true`"
            " (ollama_stack_mirror_insecure)"
        )


def next_hop(url: str, location: str | None) -> str:
    """The target of a redirect, refused if it is less secure."""
    if not location:
        raise BadAnswer(f"{shown(url)} returned a redirect without a Location header")
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    parts = _split(target)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InsecureRedirect(
            f"{shown(url)} redirects to {location.split(':', 1)[0][:20]!r}, which is not an http or"
            " https URL; the redirect was refused, ask the registry's operator"
        )
    if parts.scheme == "http" and urlsplit(url).scheme == "https":
        raise InsecureRedirect(f"{shown(url)} redirects from https to plain http at {parts.hostname}; this is refused")
    if "@" in parts.netloc:
        raise InsecureRedirect(f"{shown(url)} redirects to a URL with a user name in it; this is refused")
    return target


def read_challenge(header: str | None) -> Challenge | None:
    """Parse WWW-Authenticate; None if the scheme is not supported."""
    match = re.match(r"\s*(bearer|basic)\b(.*)", header or "", re.IGNORECASE | re.DOTALL)
    if match is None:
        return None
    fields = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2)))
    return Challenge(
        match.group(1).lower(),
        fields.get("realm", ""),
        fields.get("service", ""),
        fields.get("scope", ""),
    )


# OpenSSL's codes for an unknown CA; for all others the certificate itself is wrong.
_UNKNOWN_AUTHORITY = (2, 7, 18, 19, 20, 21)


def _explain_certificate(error: ssl.SSLCertVerificationError, where: str, ca_path: str | None) -> Untrusted:
    said = f"the certificate of {where} is not trusted ({error.verify_message})"
    if error.verify_code not in _UNKNOWN_AUTHORITY:
        return Untrusted(f"{said}; the registry needs a valid certificate for this host name")
    if ca_path is None:
        return Untrusted(f"{said}; set `ca_path` to the certificate of the CA that signed it")
    return Untrusted(f"{said}; `ca_path` {ca_path} does not contain the CA that signed it")


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


def _split(url: str) -> SplitResult | None:
    """Split a URL, None if it is invalid: a bad port or bracket only raises on access."""
    if re.fullmatch(r"[!-~]+", url) is None:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


class _Clocked(io.RawIOBase):
    """Reads from a socket with a deadline: the socket's own timeout starts again with every byte."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        self._patience = sock.gettimeout()
        self._until = None if self._patience is None else time.monotonic() + self._patience

    def stop(self) -> None:
        """From here on each read has the socket's own timeout."""
        self._until = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is None:
            return self._raw.readinto(buffer)
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("incomplete response headers")
        self._sock.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._sock.settimeout(self._patience)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """Status and headers, also those of a proxy, must arrive within one timeout; the body has the reader's limits."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._clock = _Clocked(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._clock)

    def begin(self) -> None:
        super().begin()
        self._clock.stop()


class _Plain(http.client.HTTPConnection):
    response_class = _Response


class _Secure(http.client.HTTPSConnection):
    response_class = _Response


class _PlainHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Plain, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._own_context = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Secure, req, context=self._own_context)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are checked by next_hop."""

    def redirect_request(self, *_: Any) -> None:
        return None


class RegistryClient:
    """A client for one registry, with one deadline."""

    def __init__(
        self,
        access: Access,
        deadline: Deadline,
        stall_timeout: float = 30.0,
    ) -> None:
        self.access = access
        self.deadline = deadline
        # A silent connection is replaced after half the time, before the download counts as stalled.
        self.patience = stall_timeout / 2
        self.waits = WAITS
        # Authorization header by origin; workers share it, and a dict item is replaced atomically.
        self._authorization: dict[tuple[str, str, int], str] = {}
        version = access.ollama_version
        self._agent = f"ollama/{version} (archiv.ollama)" if version else "archiv.ollama"

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        """One for all requests: building it reads every CA file of the host, which costs more than a request."""
        context: ssl.SSLContext = make_context()
        ca_path = self.access.ca_path
        if ca_path is not None:
            # In addition to the public CAs, as a private registry may redirect to blobs elsewhere.
            try:
                context.load_verify_locations(cafile=ca_path)
            except (OSError, ssl.SSLError) as error:
                raise Untrusted(f"ca_path {ca_path} contains no usable certificates: {error}") from error
            # Python 3.13 requires extensions that many private CAs, which Docker and Ollama accept, do not have.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Threads may share it: what differs between requests is in their headers."""
        return urllib.request.build_opener(_PlainHandler, _SecureHandler(self._context), _Stay)

    def manifest(self, name: ModelName, reference: str = "") -> bytes:
        """The bytes of a model's manifest as the registry stores them, under its tag or another reference."""
        base = base_url(name, self.access)
        url = f"{base}/v2/{name.namespace}/{name.model}/manifests/{reference or name.tag}"
        return self.patiently(lambda: self._read_manifest(url, f"manifest of {name}"))

    def blob(self, name: ModelName, digest: str, size: int) -> BlobSource:
        base = base_url(name, self.access)
        return BlobSource(self, f"{base}/v2/{name.namespace}/{name.model}/blobs/{digest}", size)

    def _read_manifest(self, url: str, what: str) -> bytes:
        answer, _final = self.follow(url, {"Accept": ", ".join(MANIFEST_TYPES)})
        try:
            judge_status(answer.status, url, what)
            raw = self._read_all(answer, MANIFEST_LIMIT, what)
        finally:
            answer.close()
        told = answer.headers.get("Docker-Content-Digest") or ""
        found = "sha256:" + hashlib.sha256(raw).hexdigest()
        if told.startswith("sha256:") and told != found:
            raise DigestMismatch(
                f"digest mismatch: {what} from {shown(url)} is {found}, announced as {told}; it was altered in transit"
            )
        return raw

    def _read_all(self, answer: Answer, limit: int, what: str) -> bytes:
        """A small body, complete or an error."""
        refuse_encoding(answer, what)
        raw = bytearray()
        until = time.monotonic() + 2 * self.patience
        while len(raw) <= limit:
            self.deadline.check()
            if time.monotonic() > until:
                raise Stalled(f"{shown(answer.url)} did not send all of {what} within {2 * self.patience:.3g} s")
            piece = self.read(answer, 65536)
            if not piece:
                break
            raw += piece
        else:
            raise BadAnswer(f"{shown(answer.url)} sent more than {limit} bytes for {what}")
        told = answer.headers.get("Content-Length")
        if told is not None and told.isdigit() and int(told) != len(raw):
            raise Cut(f"{shown(answer.url)} closed the connection after {len(raw)} of {told} bytes of {what}")
        return bytes(raw)

    def read(self, answer: Answer, amount: int) -> bytes:
        """What has arrived of the body, b"" at its end."""
        try:
            return answer.body.read1(amount)
        except (OSError, http.client.HTTPException) as error:
            raise explain_failure(error, answer.url, self.patience) from error

    def read_into(self, answer: Answer, view: memoryview, at_once: bool) -> memoryview | bytes:
        """What fills view, or at once what has arrived of a body; less, or nothing, at its end."""
        if at_once:
            return self.read(answer, len(view))
        try:
            return view[: answer.body.readinto(view)]
        except (OSError, http.client.HTTPException) as error:
            raise explain_failure(error, answer.url, self.patience) from error

    def patiently(self, action: Callable[[], T]) -> T:
        """Retry a limited number of times after temporary errors."""
        for wait in self.waits:
            try:
                return action()
            except (ServerError, Cut):
                self.pause(wait)
        return action()

    def pause(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, self.deadline.left())))
        self.deadline.check()

    def follow(self, url: str, headers: dict[str, str]) -> tuple[Answer, str]:
        """Get a URL of the registry and follow redirects; also returns the final URL."""
        home = origin(url)
        for _hop in range(_REDIRECTS + 1):
            answer = self.get(url, headers, home)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer, url
            answer.close()
            url = next_hop(url, answer.headers.get("Location"))
        raise BadAnswer(f"{shown(url)}: too many redirects (more than {_REDIRECTS})")

    def get(self, url: str, headers: dict[str, str], home: tuple[str, str, int]) -> Answer:
        """One request; credentials go to the registry's own origin only."""
        if origin(url) != home:
            return self.exchange(url, headers)
        answer = self.exchange(url, {**headers, **self._identity(home)})
        if answer.status != 401:
            return answer
        answer.close()
        challenge = read_challenge(answer.headers.get("WWW-Authenticate"))
        if challenge is None or not self._authorize(challenge, url):
            return answer
        return self.exchange(url, {**headers, **self._identity(home)})

    def _identity(self, home: tuple[str, str, int]) -> dict[str, str]:
        known = self._authorization.get(home)
        return {"Authorization": known} if known else {}

    def _authorize(self, challenge: Challenge, url: str) -> bool:
        """Get the credentials for the origin of url; False if there are none to try."""
        home = origin(url)
        if challenge.scheme == "bearer":
            self._authorization[home] = "Bearer " + self._token(challenge, url)
            return True
        basic = self._basic(url, url)
        if basic is None or self._authorization.get(home) == basic:
            return False
        self._authorization[home] = basic
        return True

    def _login(self, url: str) -> Login | None:
        return next((login for login in self.access.logins if is_at(login.host, url)), None)

    def _basic(self, registry: str, asking: str) -> str | None:
        """The Authorization header for the URL that asks; None if the login must not be sent there."""
        login = self._login(registry)
        if login is None or not (is_at(login.host, asking) or is_at(login.token_host, asking)):
            return None
        return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()

    def _token(self, challenge: Challenge, url: str) -> str:
        """Request a token from the realm, with the registry's login if it may be sent there."""
        where = f"the token service of {shown(url)}"
        parts = _split(challenge.realm)
        if parts is None or not parts.hostname or "@" in parts.netloc:
            raise Unauthorized(f"{where} is not a valid URL: {challenge.realm[:100]!r}")
        if origin(challenge.realm) != origin(url) and parts.scheme != "https":
            raise Unauthorized(f"{where} is at {shown(challenge.realm)}, which is not https")
        basic = self._basic(url, challenge.realm)
        asked = {"service": challenge.service, "scope": challenge.scope}
        query = urlencode({key: value for key, value in asked.items() if value})
        answer = self.exchange(
            f"{challenge.realm}{'&' if parts.query else '?'}{query}",
            {"Authorization": basic} if basic else {},
        )
        try:
            if is_ill(answer.status):
                raise ServerError(f"{where} returned HTTP {answer.status}; try again later")
            if answer.status != 200:
                raise Unauthorized(_no_token(where, answer.status, parts.netloc, self._login(url), basic is not None))
            raw = self._read_all(answer, _TOKEN_LIMIT, "a token")
        finally:
            answer.close()
        return read_token(raw, where)

    def exchange(self, url: str, headers: dict[str, str]) -> Answer:
        """One request and its response, whatever the status; does not follow redirects."""
        self.deadline.check()
        patience = min(self.patience, self.deadline.left())
        try:
            told = {"Accept-Encoding": "identity", "User-Agent": self._agent, **headers}
            response = self._opener.open(urllib.request.Request(url, headers=told), timeout=patience)
        except urllib.error.HTTPError as error:
            return Answer(url, error.code, error.headers, error)
        # Python encodes the host name itself before resolving it.
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise explain_failure(error, url, patience, self.access.ca_path) from error
        return Answer(url, response.status, response.headers, response)


class BlobSource:
    """Source of one blob: the registry or the target of its redirect, which is kept."""

    def __init__(self, client: RegistryClient, url: str, size: int) -> None:
        self.client = client
        self.url = url
        self.size = size
        self._final: str | None = None

    def open(self, start: int, end: int) -> tuple[Answer, int]:
        """Request bytes [start, end); also returns the offset at which the response starts."""
        headers = {"Range": f"bytes={start}-{end - 1}"}
        answer = None
        if self._final is not None:
            answer = self.client.get(self._final, headers, origin(self.url))
            # A signed URL may expire during a long download: request a new one.
            if answer.status not in (200, 206) and answer.status < 500:
                answer.close()
                answer = None
        if answer is None:
            answer, self._final = self.client.follow(self.url, headers)
        try:
            return answer, self._begin(answer, start, end)
        except RegistryError:
            answer.close()
            raise

    def _begin(self, answer: Answer, start: int, end: int) -> int:
        what = f"blob {self.url.rpartition('/')[2]}"
        if answer.status == 416:
            raise SizeMismatch(
                f"{shown(answer.url)} rejected bytes {start} to {end} of {what} as out of range, although its"
                f" manifest says {self.size} bytes"
            )
        judge_status(answer.status, answer.url, what)
        refuse_encoding(answer, what)
        if answer.status == 206:
            return self._check_range(answer, start, end)
        told = answer.headers.get("Content-Length")
        if told is not None and told != str(self.size):
            raise SizeMismatch(_other_size(answer.url, what, told, self.size))
        return 0

    def _check_range(self, answer: Answer, start: int, end: int) -> int:
        what = f"blob {self.url.rpartition('/')[2]}"
        told = answer.headers.get("Content-Range") or ""
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", told.strip())
        if match is None or int(match.group(1)) != start or int(match.group(2)) >= end:
            raise BadAnswer(f"{shown(answer.url)} was asked for bytes {start}-{end - 1} and sent {told!r}")
        if match.group(3) not in ("*", str(self.size)):
            raise SizeMismatch(_other_size(answer.url, what, match.group(3), self.size))
        return start


def refuse_encoding(answer: Answer, what: str) -> None:
    """The body must not be compressed: the digest is that of the stored bytes, and gzip could be a bomb."""
    encoding = (answer.headers.get("Content-Encoding") or "identity").lower()
    if encoding != "identity":
        raise BadAnswer(
            f"{shown(answer.url)} sent {what} with Content-Encoding {encoding[:20]}, although plain"
            " bytes were requested; turn off compression in the proxy in front of it"
        )


def read_token(raw: bytes, where: str) -> str:
    """The token in a token service's response."""
    try:
        answer: Any = json.loads(raw)
    except ValueError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or re.fullmatch(r"[!-~]+", token) is None:
        raise Unauthorized(f"{where} returned no token")
    return token


def _no_token(where: str, status: int, host: str, login: Login | None, told: bool) -> str:
    if told and login is not None:
        return (
            f"{where} rejected the login for {login.host} (HTTP {status}); check the password in `registries`"
            " (ollama_stack_registries)"
        )
    if login is not None:
        return (
            f"{where} is at {host}, which does not get the login for {login.host}, and returned no token without it"
            f" (HTTP {status}); if it belongs to that registry, set in `registries` (ollama_stack_registries):"
            f" token_host: {host}"
        )
    return (
        f"{where} requires a login (HTTP {status}); add one to `registries` (ollama_stack_registries)"
        f" with token_host: {host}, or check the name (some registries return this for models that do not exist)"
    )


def _other_size(url: str, what: str, told: str, size: int) -> str:
    return f"size mismatch: {shown(url)} has {what} with {told} bytes, its manifest says {size}"
