# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP for registries: no automatic redirects, and a response must start in time. Private."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import Any, Protocol

from .errors import Untrusted


class Body(Protocol):
    """What we use of an HTTP response."""

    def read1(self, amount: int = ...) -> bytes: ...
    def readinto(self, buffer: memoryview) -> int: ...
    def close(self) -> None: ...


@dataclass
class Response:
    """Status, headers and the unread body of one exchange."""

    url: str
    status: int
    headers: Message
    body: Body

    def close(self) -> None:
        self.body.close()


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


class _HeadInTime(http.client.HTTPResponse):
    """Status and headers, also those of a proxy, must arrive within one timeout; the body has the reader's limits."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._clock = _Clocked(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._clock)

    def begin(self) -> None:
        super().begin()
        self._clock.stop()


class _Plain(http.client.HTTPConnection):
    response_class = _HeadInTime


class _Secure(http.client.HTTPSConnection):
    response_class = _HeadInTime


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


def trusting(ca_path: str | None) -> ssl.SSLContext:
    """The CAs of the host and those of a file; building this costs more than a request."""
    context = ssl.create_default_context()
    if ca_path is not None:
        # In addition to the public CAs, as a private registry may redirect to blobs elsewhere.
        try:
            context.load_verify_locations(cafile=ca_path)
        except (OSError, ssl.SSLError) as error:
            raise Untrusted(f"ca_path {ca_path} contains no usable certificates: {error}") from error
        # Python 3.13 requires extensions that many private CAs, which Docker and Ollama accept, do not have.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def make_opener(ca_path: str | None) -> urllib.request.OpenerDirector:
    """Threads may share it: what differs between requests is in their headers. Proxies are those of the environment."""
    return urllib.request.build_opener(_PlainHandler, _SecureHandler(trusting(ca_path)), _Stay)
