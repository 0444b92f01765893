"""A registry on a real socket that serves models honestly, or exactly as dishonestly as a test asks."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.unit.support.stores import MANIFEST_TYPE, TinyModel, sha256


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    query: str
    headers: dict[str, str]


@dataclass
class Reply:
    """What goes back; cut and stall are body offsets, drip is bytes a second."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: int | None = None
    rate: float | None = None


Twist = Callable[[Seen, Reply], Reply]


def honest(_seen: Seen, reply: Reply) -> Reply:
    return reply


class FakeRegistry:
    """Holds manifests and blobs; twist sees every reply before it goes out."""

    def __init__(self, server_context: ssl.SSLContext | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.ranges = True
        self.twist: Twist = honest
        self.seen: list[Seen] = []
        self.sent = 0
        self.closing = threading.Event()
        self._context = server_context
        handler = type("Handler", (_Handler,), {"registry": self})
        self._server = _Server(("127.0.0.1", 0), handler, server_context)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        return f"{'localhost' if self._context else '127.0.0.1'}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.host}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, path: str, model: TinyModel) -> None:
        """Put a model at <namespace>/<model>:<tag>."""
        repository, _, tag = path.partition(":")
        self.blobs.update({sha256(content): content for content in model.blobs.values()})
        self.manifests[f"/v2/{repository}/manifests/{tag}"] = model.manifest

    def blob_requests(self, digest: str | None = None) -> list[Seen]:
        return [seen for seen in self.seen if "/blobs/" in seen.path and (digest or "") in seen.path]

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        return self.twist(seen, self._truth(seen))

    def _truth(self, seen: Seen) -> Reply:
        if seen.path in self.manifests:
            return Reply(200, self.manifests[seen.path], {"Content-Type": MANIFEST_TYPE})
        body = self.blobs.get(seen.path.rpartition("/")[2])
        if "/blobs/" not in seen.path or body is None:
            return Reply(404, b'{"errors":[]}')
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", seen.headers.get("range", ""))
        if wanted is None or not self.ranges:
            return Reply(200, body)
        start, last = int(wanted.group(1)), min(int(wanted.group(2)), len(body) - 1)
        headers = {"Content-Range": f"bytes {start}-{last}/{len(body)}"}
        return Reply(206, body[start : last + 1], headers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(address, handler)
        self._context = context

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        # The handshake belongs to the connection's own thread: one that never comes must not hold the others.
        if self._context is not None:
            try:
                request = self._context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        super().finish_request(request, client_address)
        if isinstance(request, ssl.SSLSocket):
            request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: FakeRegistry

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        reply = self.registry.answer(Seen(parts.path, parts.query, headers))
        self.send_response(reply.status)
        for key, value in {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.close_connection = True
        for piece in _pieces(reply):
            if piece is None:
                self.registry.closing.wait(60)
                return
            self.wfile.write(piece)
            self.registry.sent += len(piece)

    def log_message(self, *_args: object) -> None:
        """Silent: the test has the list of requests."""


def _pieces(reply: Reply) -> Iterator[bytes | None]:
    """The body as it goes out; None is where nothing comes any more."""
    end = len(reply.body) if reply.cut is None else reply.cut
    step = max(1, int(reply.rate * 0.02)) if reply.rate else 65536
    position = 0
    while position < end:
        if reply.stall is not None and position >= reply.stall:
            yield None
        upto = min(end, position + step, reply.stall if reply.stall is not None else end)
        yield reply.body[position:upto]
        position = upto
        if reply.rate:
            time.sleep(0.02)
    if reply.stall is not None and reply.stall >= len(reply.body):
        yield None


@contextlib.contextmanager
def registry(server_context: ssl.SSLContext | None = None) -> Iterator[FakeRegistry]:
    server = FakeRegistry(server_context)
    try:
        yield server
    finally:
        server.close()
