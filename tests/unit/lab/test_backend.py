"""The reference backend against a server on a real socket that misbehaves in every way we know."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.lab.backend import app as backend

# Long enough for a busy machine; only tests of the deadline itself wait for one, a short one.
PATIENT = 5.0
DEADLINE = 0.4
# A whole answer may end a little after the deadline: scheduling, not waiting.
SLACK = 1.0

Script = Callable[[socket.socket, threading.Event], None]


def read_request(conn: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += conn.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += conn.recv(65536)
    return body


def http(status: int, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body


def says(status: int, document: object, length: int | None = None) -> Script:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def script(conn: socket.socket, _: threading.Event) -> None:
        read_request(conn)
        conn.sendall(http(status, body, length))

    return script


def hangs(conn: socket.socket, stop: threading.Event) -> None:
    read_request(conn)
    stop.wait(5)


def drips(conn: socket.socket, stop: threading.Event) -> None:
    read_request(conn)
    for byte in http(200, json.dumps({"response": "slow", "done": True}).encode()):
        conn.sendall(bytes([byte]))
        if stop.wait(0.05):
            return


def floods(conn: socket.socket, stop: threading.Event) -> None:
    read_request(conn)
    conn.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 99999999\r\n\r\n")
    while not stop.is_set():
        conn.sendall(b" " * 65536)


def closes_unread(conn: socket.socket, _: threading.Event) -> None:
    conn.recv(1)


@contextmanager
def ollama(script: Script) -> Iterator[str]:
    """A server at the URL yielded that runs the script on every connection."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve() -> None:
        while not stop.is_set():
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=talk, args=(conn,))
            threads.append(thread)
            thread.start()

    def talk(conn: socket.socket) -> None:
        with conn:
            try:
                script(conn, stop)
            except OSError:
                return  # the backend hung up, as it should at its deadline

    acceptor = threading.Thread(target=serve)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(5)
            assert not thread.is_alive()


def call(
    base_url: str, method: str, path: str, timeout: float = PATIENT, **request: Any
) -> tuple[httpx.Response, float]:
    """One request to a backend that asks the Ollama at base_url, and the seconds it took."""
    app = backend.create_app(backend.Settings(base_url, timeout, "tiny:1b"))

    async def run() -> tuple[httpx.Response, float]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://backend") as client,
        ):
            start = time.monotonic()
            reply = await client.request(method, path, **request)
            return reply, time.monotonic() - start

    return asyncio.run(run())


def search(base_url: str, timeout: float = PATIENT) -> tuple[int, dict[str, Any], float]:
    query = {"query": "Where is the 1923 deed?"}
    reply, waited = call(base_url, "POST", "/api/search/nl", timeout, json=query)
    return reply.status_code, reply.json(), waited


def test_answer_is_returned_with_model_and_seconds() -> None:
    with ollama(says(200, {"response": "in box 7", "done": True})) as url:
        status, body, _ = search(url)
    assert status == 200
    assert body["answer"] == "in box 7"
    assert body["model"] == "tiny:1b"
    assert 0 <= body["seconds"] < PATIENT


def test_request_to_ollama_carries_no_keep_alive_and_no_options() -> None:
    seen: list[bytes] = []

    def records(conn: socket.socket, _: threading.Event) -> None:
        seen.append(read_request(conn))
        conn.sendall(http(200, b'{"response": "x", "done": true}'))

    with ollama(records) as url:
        search(url)
    expected = {"model": "tiny:1b", "prompt": "Where is the 1923 deed?", "stream": False}
    assert [json.loads(body) for body in seen] == [expected]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (hangs, "timeout"),
        (drips, "timeout"),
        (floods, "bad-answer"),
        (closes_unread, "bad-answer"),
        (says(200, b'{"response": "in b', length=400), "bad-answer"),
        (says(200, b"<html>"), "bad-answer"),
        (says(200, b"[" * 9000), "bad-answer"),
        (says(200, b"\xff\xfe"), "bad-answer"),
        (says(200, {"response": "cut off", "done": False}), "bad-answer"),
        (says(200, {"response": "\ud800", "done": True}), "bad-answer"),
        (says(200, {"error": "something broke"}), "ollama-error"),
        (says(404, {"error": "model 'tiny:1b' not found"}), "model-missing"),
        (says(400, {"error": '"tiny:1b" does not support generate'}), "ollama-error"),
        (says(500, {"error": "unable to load model"}), "ollama-error"),
        (says(500, {"error": "bad \ud800"}), "ollama-error"),
        (says(503, {"error": "server busy, please try again."}), "ollama-error"),
        (says(307, b""), "ollama-error"),
        (says(500, {"error": "model runner has unexpectedly stopped"}), "runner-died"),
        (says(500, {"error": "llama-server process has terminated: exit 1"}), "runner-died"),
    ],
)
def test_misbehaving_ollama_gives_503_with_reason(script: Script, reason: str) -> None:
    with ollama(script) as url:
        deadline = DEADLINE if reason == "timeout" else PATIENT
        status, body, waited = search(url, deadline)
    assert (status, body["reason"]) == (503, reason)
    assert set(body) == {"type", "title", "status", "detail", "reason"}
    assert waited < deadline + SLACK


def test_refused_connection_gives_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        status, body, _ = search(f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert (status, body["reason"]) == (503, "unreachable")


def test_unknown_host_gives_name_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    status, body, _ = search("http://ollama:11434")
    assert (status, body["reason"]) == (503, "name-not-found")


def test_hanging_dns_gives_timeout_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def hanging(*_: object, **__: object) -> list[object]:
        time.sleep(DEADLINE + 2 * SLACK)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    status, body, waited = search("http://ollama:11434", DEADLINE)
    assert (status, body["reason"]) == (503, "timeout")
    assert waited < DEADLINE + SLACK


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"query=x",
        b"\xff",
        b"[" * 9000,
        b'"text"',
        b"{}",
        b'{"query": null}',
        b'{"query": 7}',
        b'{"query": " \\n"}',
        b'{"query": "\\ud800"}',
        json.dumps({"query": "x" * (backend.MAX_QUERY + 1)}).encode(),
        b" " * (backend.MAX_BODY + 1),
    ],
)
def test_bad_input_gives_400_without_asking_ollama(body: bytes) -> None:
    asked = threading.Event()

    def records(_: socket.socket, __: threading.Event) -> None:
        asked.set()

    with ollama(records) as url:
        reply, _ = call(url, "POST", "/api/search/nl", content=body)
    assert (reply.status_code, reply.json()["reason"]) == (400, "bad-request")
    assert reply.headers["content-type"] == "application/problem+json"
    assert not asked.is_set()


def test_health_is_up_while_ollama_is_down() -> None:
    reply, _ = call("http://127.0.0.1:1", "GET", "/actuator/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "UP"})


@pytest.mark.parametrize(("path", "status"), [("/api/search/nl", 405), ("/nothing", 404)])
def test_wrong_address_gives_problem_json(path: str, status: int) -> None:
    reply, _ = call("http://127.0.0.1:1", "GET", path)
    assert (reply.status_code, reply.json()["status"]) == (status, status)
    assert reply.headers["content-type"] == "application/problem+json"


def test_settings_default_to_the_archives_own() -> None:
    assert backend.Settings.from_env({}) == backend.Settings("http://ollama:11434", 60.0, "qwen2.5:7b-instruct-q4_K_M")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_OLLAMA_BASEURL", "ollama:11434"),
        *[("APP_OLLAMA_TIMEOUTSECONDS", text) for text in ("", "0", "-1", "nan", "inf", "60s")],
    ],
)
def test_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        backend.Settings.from_env({name: value})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def post(url: str, document: object) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # The process has yet to start, which takes a busy machine many seconds.
    deadline = time.monotonic() + 30
    while True:
        try:
            with opener.open(url, json.dumps(document).encode(), timeout=5) as reply:
                answer: dict[str, Any] = json.load(reply)
                return answer
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_process_answers_logs_no_query_and_ends_on_sigterm() -> None:
    port = free_port()
    with ollama(says(200, {"response": "box 7", "done": True})) as url:
        env = os.environ | {
            "APP_OLLAMA_BASEURL": url,
            "APP_OLLAMA_TIMEOUTSECONDS": "2",
            "PORT": str(port),
            "HTTP_PROXY": "http://127.0.0.1:1",
        }
        with subprocess.Popen(
            [sys.executable, Path(backend.__file__)], env=env, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                answer = post(f"http://127.0.0.1:{port}/api/search/nl", {"query": "grandmother"})
            finally:
                process.send_signal(signal.SIGTERM)
                _, logged = process.communicate(timeout=8)
    assert answer["answer"] == "box 7"
    assert process.returncode in (0, -signal.SIGTERM)
    assert logged.count("POST /api/search/nl answered") == 1
    assert "grandmother" not in logged


def test_process_with_wrong_setting_ends_in_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, Path(backend.__file__)],
        env=os.environ | {"APP_OLLAMA_TIMEOUTSECONDS": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "backend: APP_OLLAMA_TIMEOUTSECONDS is 'soon': give seconds above 0.\n"


def test_token_of_a_file_is_shown_with_each_question(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-of-the-lab\n")
    settings = backend.Settings.from_env({"APP_OLLAMA_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.token == "secret-of-the-lab"
    assert backend.Settings.from_env({}).token == ""


def test_token_that_cannot_be_read_ends_the_backend_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"APP_OLLAMA_TOKEN_FILE is .*gone.* which cannot be read"):
        backend.Settings.from_env({"APP_OLLAMA_TOKEN_FILE": str(tmp_path / "gone")})
