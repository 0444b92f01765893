"""A server that takes a fixed time for each answer, one after the other, as Ollama does; it stands behind a gate.

Runs in a container by itself. Environment: SECONDS of an answer, PLACES at a time, MODELS as /api/ps shows them.
With tokens above 0 it sends so many, each for itself, in that time.
PUT /tell changes any of them; GET /told says what was asked.
"""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STATE: dict[str, Any] = {
    "seconds": float(os.environ.get("SECONDS", "1")),
    "models": json.loads(os.environ.get("MODELS", "[]")),
    "name": os.environ.get("NAME", ""),
    "tokens": 0,
}
TOLD = {"answered": 0, "at_once": 0, "most_at_once": 0, "looks": 0}
PLACES = threading.Semaphore(int(os.environ.get("PLACES", "1")))
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/told":
            return self.answer(TOLD)
        TOLD["looks"] += 1
        return self.answer({"models": STATE["models"]} if self.path == "/api/ps" else {"version": "0.34.2"})

    def do_PUT(self) -> None:
        STATE.update(json.loads(self.body()))
        self.answer(STATE)

    def do_POST(self) -> None:
        self.body()
        with LOCK:
            TOLD["at_once"] += 1
            TOLD["most_at_once"] = max(TOLD["most_at_once"], TOLD["at_once"])
        with PLACES:
            if STATE["tokens"]:
                self.stream(STATE["tokens"], time.monotonic())
            else:
                time.sleep(STATE["seconds"])
        with LOCK:
            TOLD["at_once"] -= 1
            TOLD["answered"] += 1
        if not STATE["tokens"]:
            self.answer({"model": "m", "response": STATE["name"], "done": True})

    def stream(self, tokens: int, began: float) -> None:
        """Each token when it is due, however long the one before took to send."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(1, tokens + 1):
            time.sleep(max(0.0, began + STATE["seconds"] * number / tokens - time.monotonic()))
            line = json.dumps({"model": "m", "response": "word ", "done": number == tokens}).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, document: object) -> None:
        raw = json.dumps(document, separators=(",", ":")).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing: the test asks for what it wants to know."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    Server(("", 11434), Handler).serve_forever()
