"""A Docker Engine on a real unix socket, answering with what a real one said."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parents[1] / "fixtures" / "engine_26.1.5"


def recorded(name: str) -> Any:
    """One recorded answer, to be changed at will."""
    return json.loads((RECORDED / f"{name}.json").read_text())


class FakeEngine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers by path; `answers` may be changed, `asked` lists the label filters seen."""

    daemon_threads = True

    def __init__(self, socket: Path) -> None:
        super().__init__(str(socket), Handler)
        self.host = f"unix://{socket}"
        # None: the container went between being listed and being looked at.
        self.inspect: dict[str, Any] | None = recorded("inspect_ollama")
        # Other containers by their ids.
        self.inspects: dict[str, dict[str, Any]] = {}
        self.volume = recorded("volume")
        self.asked: list[Any] = []
        self.posted: list[Any] = []
        # As whom a registry is to be asked, as it was sent.
        self.registry_auth: list[str] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "/version": (200, recorded("version")),
            "/containers/json": (200, recorded("containers")),
            # Those on one network, whichever that is.
            "/containers/json?network": (200, []),
            # Those that have one port of the host.
            "/containers/json?publish": (200, []),
            "/volumes": (200, recorded("volumes")),
        }

    def answer(self, path: str) -> tuple[int, Any]:
        """Status and document for a path below the API's version."""
        if path.startswith("/containers/") and path.endswith("/json") and path != "/containers/json":
            found = self.inspects.get(path.split("/")[2], self.inspect)
            return (200, found) if found else (404, {"message": "No such container"})
        if path.startswith("/volumes/"):
            return 200, self.volume
        return self.answers.get(path, (404, {"message": f"page not found: {path}"}))


class Handler(BaseHTTPRequestHandler):
    """One request; the API's version in front of the path is dropped."""

    protocol_version = "HTTP/1.1"
    server: FakeEngine

    def address_string(self) -> str:
        """A unix socket's peer has no address."""
        return "unix"

    def do_POST(self) -> None:
        """Answer, and keep what was sent."""
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def do_GET(self) -> None:
        """Answer one question."""
        self.server.registry_auth += self.headers.get_all("X-Registry-Auth", [])
        url = urlsplit(self.path)
        path = "/" + url.path.split("/", 2)[2] if url.path.startswith("/v1.") else url.path
        filters = parse_qs(url.query).get("filters", [])
        self.server.asked += filters
        special = [f"?{name}" for name in ("network", "publish") if f'"{name}"' in "".join(filters)]
        status, document = self.server.answer(path + "".join(special))
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def serve_engine(folder: Path) -> Iterator[FakeEngine]:
    """The fake Engine, at work until the end of the block."""
    with FakeEngine(folder / "docker.sock") as engine:
        thread = threading.Thread(target=engine.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield engine
        finally:
            engine.shutdown()
            thread.join()
