# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads manifests and blobs from a registry, with retries; credentials stay with its own host. Private."""

from __future__ import annotations

import functools
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TypeVar

from .._model.manifest import MANIFEST_LIMIT
from .._model.names import ModelName
from .access import Access
from .auth import Identity, read_challenge
from .errors import (
    BadAnswer,
    Cut,
    DeadlineExceeded,
    DigestMismatch,
    ServerError,
    Stalled,
    explain_failure,
    judge_status,
    shown,
)
from .rules import base_url, next_hop, origin
from .transport import Response, make_opener

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
        self._identity = Identity(access.logins, self._ask_token)
        version = access.ollama_version
        self._agent = f"ollama/{version} (archiv.ollama)" if version else "archiv.ollama"

    @functools.cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        return make_opener(self.access.ca_path)

    def manifest(self, name: ModelName, reference: str = "") -> bytes:
        """The bytes of a model's manifest as the registry stores them, under its tag or another reference."""
        base = base_url(name, self.access)
        url = f"{base}/v2/{name.namespace}/{name.model}/manifests/{reference or name.tag}"
        return self.patiently(lambda: self._read_manifest(url, f"manifest of {name}"))

    def _read_manifest(self, url: str, what: str) -> bytes:
        response, _final = self.follow(url, {"Accept": ", ".join(MANIFEST_TYPES)})
        try:
            judge_status(response.status, url, what)
            raw = read_whole(self, response, MANIFEST_LIMIT, what)
        finally:
            response.close()
        told = response.headers.get("Docker-Content-Digest") or ""
        found = "sha256:" + hashlib.sha256(raw).hexdigest()
        if told.startswith("sha256:") and told != found:
            raise DigestMismatch(
                f"digest mismatch: {what} from {shown(url)} is {found}, announced as {told}; it was altered in transit"
            )
        return raw

    def read(self, response: Response, amount: int) -> bytes:
        """What has arrived of the body, b"" at its end."""
        try:
            return response.body.read1(amount)
        except (OSError, http.client.HTTPException) as error:
            raise explain_failure(error, response.url, self.patience) from error

    def read_into(self, response: Response, view: memoryview, at_once: bool) -> memoryview | bytes:
        """What fills view, or at once what has arrived of a body; less, or nothing, at its end."""
        if at_once:
            return self.read(response, len(view))
        try:
            return view[: response.body.readinto(view)]
        except (OSError, http.client.HTTPException) as error:
            raise explain_failure(error, response.url, self.patience) from error

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

    def follow(self, url: str, headers: dict[str, str]) -> tuple[Response, str]:
        """Get a URL of the registry and follow redirects; also returns the final URL."""
        home = origin(url)
        for _hop in range(_REDIRECTS + 1):
            response = self.get(url, headers, home)
            if response.status not in (301, 302, 303, 307, 308):
                return response, url
            response.close()
            url = next_hop(url, response.headers.get("Location"))
        raise BadAnswer(f"{shown(url)}: too many redirects (more than {_REDIRECTS})")

    def get(self, url: str, headers: dict[str, str], home: tuple[str, str, int]) -> Response:
        """One request; credentials go to the registry's own origin only."""
        if origin(url) != home:
            return self.exchange(url, headers)
        response = self.exchange(url, {**headers, **self._identity.headers(home)})
        if response.status != 401:
            return response
        response.close()
        challenge = read_challenge(response.headers.get("WWW-Authenticate"))
        if challenge is None or not self._identity.learn(challenge, url):
            return response
        return self.exchange(url, {**headers, **self._identity.headers(home)})

    def _ask_token(self, url: str, headers: dict[str, str]) -> tuple[int, bytes]:
        response = self.exchange(url, headers)
        try:
            raw = read_whole(self, response, _TOKEN_LIMIT, "a token") if response.status == 200 else b""
        finally:
            response.close()
        return response.status, raw

    def exchange(self, url: str, headers: dict[str, str]) -> Response:
        """One request and its response, whatever the status; does not follow redirects."""
        self.deadline.check()
        patience = min(self.patience, self.deadline.left())
        try:
            told = {"Accept-Encoding": "identity", "User-Agent": self._agent, **headers}
            found = self._opener.open(urllib.request.Request(url, headers=told), timeout=patience)
        except urllib.error.HTTPError as error:
            return Response(url, error.code, error.headers, error)
        # Python encodes the host name itself before resolving it.
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise explain_failure(error, url, patience, self.access.ca_path) from error
        return Response(url, found.status, found.headers, found)


def refuse_encoding(response: Response, what: str) -> None:
    """The body must not be compressed: the digest is that of the stored bytes, and gzip could be a bomb."""
    encoding = (response.headers.get("Content-Encoding") or "identity").lower()
    if encoding != "identity":
        raise BadAnswer(
            f"{shown(response.url)} sent {what} with Content-Encoding {encoding[:20]}, although plain"
            " bytes were requested; turn off compression in the proxy in front of it"
        )


def read_whole(client: RegistryClient, response: Response, limit: int, what: str) -> bytes:
    """A small body, complete or an error."""
    refuse_encoding(response, what)
    raw = bytearray()
    until = time.monotonic() + 2 * client.patience
    while len(raw) <= limit:
        client.deadline.check()
        if time.monotonic() > until:
            raise Stalled(f"{shown(response.url)} did not send all of {what} within {2 * client.patience:.3g} s")
        piece = client.read(response, 65536)
        if not piece:
            break
        raw += piece
    else:
        raise BadAnswer(f"{shown(response.url)} sent more than {limit} bytes for {what}")
    told = response.headers.get("Content-Length")
    if told is not None and told.isdigit() and int(told) != len(raw):
        raise Cut(f"{shown(response.url)} closed the connection after {len(raw)} of {told} bytes of {what}")
    return bytes(raw)
