"""What asks the backend during a game day writes down every reply, whatever it is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).resolve().parents[3]
ASKER = ROOT / "playbooks/files/gameday_asker.py"


class Backend(BaseHTTPRequestHandler):
    bodies: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.reply(200 if self.path == "/health" else 404)

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if len(self.bodies) == 2:
            self.wfile.write(b"nonsense\n\n")
        else:
            self.reply(503)

    def reply(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Not to the terminal of who runs the tests."""


def replies(file: Path, asked: str) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [reply for reply in map(json.loads, lines) if reply["asked"] == asked]


def test_each_reply_is_written_at_once_whatever_it_is(tmp_path: Path) -> None:
    record = tmp_path / "record"
    backend = HTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{backend.server_port}"
    env = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    question = '{"query": "who?"}'
    command = [sys.executable, str(ASKER), str(record), f"{url}/health", f"{url}/ask", question, "5"]
    with subprocess.Popen(command, env=env) as asker:
        end = time.monotonic() + 30
        while time.monotonic() < end and len(replies(record, "question")) < 3:
            time.sleep(0.1)
        backend.shutdown()
        backend.server_close()
        while time.monotonic() < end and "refused" not in str(replies(record, "health")[-1]["status"]):
            time.sleep(0.1)
        assert asker.poll() is None
        asker.kill()
    questions, health = replies(record, "question"), replies(record, "health")
    assert Backend.bodies[0] == question
    assert [questions[0]["status"], questions[2]["status"]] == [503, 503] and isinstance(questions[1]["status"], str)
    assert health[0]["status"] == 200 and "refused" in health[-1]["status"]
    assert all(abs(reply["at"] - time.time()) < 60 and reply["seconds"] >= 0 for reply in questions)
