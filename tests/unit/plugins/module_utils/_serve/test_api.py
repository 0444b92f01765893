"""Ollama's answers are read, its failures told apart, and no exchange outlives its deadline."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._serve.api import (
    ApiError,
    ApiNotJson,
    ApiRefused,
    ApiStatus,
    ApiTimeout,
    OllamaApi,
    over_exec,
    over_http,
    parse_response,
)
from tests.unit.support.fake_ollama import VERSIONS, FakeOllama, Handler, answer_of, serve_ollama

NAME = "qwen2.5:7b-instruct-q4_K_M"


@pytest.fixture
def ollama() -> Iterator[FakeOllama]:
    """A server that replays 0.34.2."""
    with serve_ollama() as server:
        yield server


def api(ollama: FakeOllama, timeout: float = 5) -> OllamaApi:
    """A client of it."""
    return OllamaApi(over_http(ollama.url), timeout)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_answer_of_a_real_server_is_read(version: str) -> None:
    with serve_ollama(version=version) as server:
        client = api(server)
        assert client.version() == version
        assert NAME in [model["name"] for model in client.tags()]
        assert client.ps()[0]["expires_at"] > "2200"
        assert client.show(NAME)["details"]["format"] == "gguf"
        assert 0 < client.generate_one_token(NAME, 5) < 5


def test_no_models_loaded_is_an_empty_list(ollama: FakeOllama) -> None:
    ollama.answers["/api/ps"] = answer_of("ps_empty")
    assert api(ollama).ps() == []
    ollama.answers["/api/ps"] = (200, {"models": None})
    assert api(ollama).ps() == []


def test_generate_sends_nothing_that_reloads_or_unpins(ollama: FakeOllama) -> None:
    api(ollama).generate_one_token(NAME, 5)
    expected = {"model": NAME, "prompt": "hi", "stream": False, "options": {"num_predict": 1}}
    assert ollama.bodies == [("/api/generate", expected)]


@pytest.mark.parametrize(
    ("version", "damage", "status", "text"),
    [
        ("0.24.0", "never_pulled", 404, "model 'never_pulled:1b' not found"),
        ("0.24.0", "missing", 400, "does not support generate"),
        ("0.24.0", "zeroed", 400, "does not support generate"),
        ("0.24.0", "truncated", 500, "exceeds file size"),
        ("0.34.2", "never_pulled", 404, "model 'never_pulled:1b' not found"),
        ("0.34.2", "missing", 404, "not found, try pulling it first"),
        ("0.34.2", "zeroed", 500, "unsupported file type"),
        ("0.34.2", "truncated", 500, "exceeds file size"),
    ],
)
def test_error_of_a_damaged_model_is_passed_on(
    ollama: FakeOllama, version: str, damage: str, status: int, text: str
) -> None:
    ollama.answers["/api/generate"] = answer_of(f"generate_{damage}", version)
    with pytest.raises(ApiStatus, match=text) as caught:
        api(ollama).generate_one_token(f"{damage}:1b", 5)
    assert caught.value.status == status


def drip(handler: Handler) -> None:
    """A byte now and then: each read is quick, the whole never ends."""
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"H")
            if handler.server.stopping.wait(0.05):
                break


def silent(handler: Handler) -> None:
    handler.server.stopping.wait(10)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b" " * 1_000_000)


def cut_in_head(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200")


def cut_in_body(handler: Handler) -> None:
    handler.reply(b'{"version": "0.3', length=900)


def negative_chunk(handler: Handler) -> None:
    """Python's client takes it for a length to read."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n")


def hang_up(handler: Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def html(handler: Handler) -> None:
    handler.reply(b"<html>proxy</html>")


def a_list(handler: Handler) -> None:
    handler.reply(b"[]")


def no_version(handler: Handler) -> None:
    handler.reply(b'{"version": 34}')


def bare_500(handler: Handler) -> None:
    handler.reply(b"upstream\nis\ndown" + b"!" * 5000, 500)


def redirect(handler: Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "file:///etc/passwd")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        (drip, ApiTimeout),
        (silent, ApiTimeout),
        (endless, ApiError),
        (cut_in_head, ApiNotJson),
        (cut_in_body, ApiNotJson),
        (negative_chunk, ApiRefused),
        (hang_up, ApiRefused),
        (html, ApiNotJson),
        (a_list, ApiNotJson),
        (no_version, ApiNotJson),
        (bare_500, ApiStatus),
        (redirect, ApiStatus),
    ],
    ids=lambda value: value.__name__,
)
def test_misbehaving_server_gets_a_typed_error_in_time(
    ollama: FakeOllama, misbehaviour: Callable[[Handler], None], error: type[ApiError]
) -> None:
    ollama.answers["/api/version"] = misbehaviour
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        api(ollama, timeout=0.5).version()
    assert time.monotonic() - begun < 2
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("document", [{"models": {}}, {"models": ["a"]}, {"models": 1}])
def test_list_of_something_else_is_refused(ollama: FakeOllama, document: object) -> None:
    ollama.answers["/api/tags"] = (200, document)
    with pytest.raises(ApiNotJson, match="/api/tags"):
        api(ollama).tags()


def test_unfinished_generation_is_no_answer(ollama: FakeOllama) -> None:
    ollama.answers["/api/generate"] = (200, {"response": "h", "done": False})
    with pytest.raises(ApiNotJson, match="did not finish"):
        api(ollama).generate_one_token(NAME, 5)


def test_nobody_listening_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ApiRefused, match="Connection refused"):
            OllamaApi(over_http(f"http://127.0.0.1:{taken.getsockname()[1]}")).version()


def test_proxy_of_the_environment_is_not_asked(ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert api(ollama).version() == "0.34.2"


def run_here(url: str) -> Callable[[object], tuple[int, bytes]]:
    """What docker exec would do, with the fake's port in place of Ollama's."""
    host, port = url.removeprefix("http://").split(":")

    def execute(command: object) -> tuple[int, bytes]:
        assert isinstance(command, list)
        words = [port if word == "11434" else word.replace("127.0.0.1", host) for word in command]
        done = subprocess.run(words, capture_output=True, check=False)
        return done.returncode, done.stdout

    return execute


def test_exec_asks_the_same_questions(ollama: FakeOllama) -> None:
    client = OllamaApi(over_exec(run_here(ollama.url)), 5)
    assert client.version() == "0.34.2"
    client.generate_one_token(NAME, 5)
    assert ollama.bodies[-1][1]["model"] == NAME
    ollama.answers["/api/show"] = answer_of("show_never_pulled")
    with pytest.raises(ApiStatus, match="not found"):
        client.show("never_pulled:1b")


def test_exec_keeps_the_deadline(ollama: FakeOllama) -> None:
    ollama.answers["/api/version"] = silent
    with pytest.raises(ApiTimeout, match="inside the container"):
        OllamaApi(over_exec(run_here(ollama.url)), 0.3).version()


def test_exec_where_nothing_listens_is_refused(ollama: FakeOllama) -> None:
    with pytest.raises(ApiRefused, match="exit code"):
        OllamaApi(over_exec(run_here("http://127.0.0.1:1")), 2).version()


@pytest.mark.parametrize("raw", [b"", b"hello", b"HTTP/1.0", b"HTTP/1.0 two hundred\r\n\r\n", b"FTP/1.0 200\r\n\r\n"])
def test_parse_response_refuses_what_is_not_http(raw: bytes) -> None:
    with pytest.raises(ApiNotJson, match="not an HTTP response"):
        parse_response(raw)


def test_parse_response_keeps_blank_lines_of_the_body() -> None:
    body = json.dumps({"a": 1}).encode() + b"\r\n\r\n"
    assert parse_response(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n" + body) == (200, body)
