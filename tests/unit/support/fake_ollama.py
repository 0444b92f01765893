"""An Ollama on a real socket that replays recorded answers, and misbehaves where told to."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "fixtures"
# The last one that runs models itself, and one that starts llama.cpp's server for them.
VERSIONS = ("0.24.0", "0.34.2")
PORT = 11434

Misbehaviour = Callable[["Handler"], None]


def answer_of(name: str, version: str = VERSIONS[-1]) -> tuple[int, Any]:
    """A recorded answer: status and document."""
    document = json.loads((RECORDED / f"ollama_{version}" / f"{name}.json").read_text())
    return document["status"], document["body"]


class FakeOllama(ThreadingHTTPServer):
    """Answers by path; `answers` may be changed, `bodies` lists what was sent."""

    daemon_threads = True

    def __init__(self, address: str, port: int, version: str = VERSIONS[-1]) -> None:
        super().__init__((address, port), Handler)
        self.address = address
        self.url = f"http://{address}:{self.server_port}"
        self.bodies: list[tuple[str, Any]] = []
        self.answers: dict[str, tuple[int, Any] | Misbehaviour] = {
            "/api/version": answer_of("version", version),
            "/api/tags": answer_of("tags", version),
            "/api/ps": answer_of("ps_pinned", version),
            "/api/generate": answer_of("generate", version),
            "/api/show": answer_of("show", version),
        }
        self.stopping = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """One exchange."""

    protocol_version = "HTTP/1.1"
    server: FakeOllama

    def do_GET(self) -> None:
        """Answer or misbehave."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.bodies.append((self.path, json.loads(body) if body else None))
        answer = self.server.answers[self.path]
        if callable(answer):
            answer(self)
            self.close_connection = True
        else:
            status, document = answer
            self.reply(document if isinstance(document, bytes) else json.dumps(document).encode(), status)

    do_POST = do_GET

    def reply(self, body: bytes, status: int = 200, length: int | None = None) -> None:
        """A plain answer, its length a lie where one is given."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def serve_ollama(port: int = 0, version: str = VERSIONS[-1]) -> Iterator[FakeOllama]:
    """The fake Ollama on a loopback address of its own, so that even its real port is free."""
    address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"
    with FakeOllama(address, port, version) as ollama:
        thread = threading.Thread(target=ollama.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield ollama
        finally:
            ollama.stopping.set()
            ollama.shutdown()
            thread.join()
