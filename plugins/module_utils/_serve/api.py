# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of Ollama's JSON API, every exchange bounded by one deadline. Private.

http.client and not open_url: a socket's timeout starts anew with every byte, and only with the
socket in hand can the whole exchange be cut at its deadline. It also never asks a proxy.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
import typing as t
from urllib.parse import urlsplit

PORT = 11434
_BODY_LIMIT = 16 * 1024 * 1024

Exchange = t.Callable[[str, str, t.Optional[bytes], float], "tuple[int, bytes]"]


class ApiError(Exception):
    """A request to Ollama failed; str() says how."""


class ApiRefused(ApiError):
    """Connection refused or broken."""


class ApiTimeout(ApiError):
    """No complete response before the deadline."""


class ApiNotJson(ApiError):
    """A response that is not Ollama's JSON."""


class ApiStatus(ApiError):
    """Ollama answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text}")
        self.status = status
        self.text = text


class OllamaApi:
    """Ollama at one address; exchange sends a request."""

    def __init__(self, exchange: Exchange, timeout: float = 10) -> None:
        self._exchange = exchange
        self._timeout = timeout

    def version(self) -> str:
        """The server's version; touches neither the store nor the scheduler."""
        version = self._ask("GET", "/api/version").get("version")
        if not isinstance(version, str):
            raise ApiNotJson("/api/version returned no version")
        return version

    def tags(self) -> list[dict[str, t.Any]]:
        """The models that the server lists (it does not check their weights)."""
        return self._models("/api/tags")

    def ps(self) -> list[dict[str, t.Any]]:
        """The models the server holds in memory, or believes it does."""
        return self._models("/api/ps")

    def show(self, name: str) -> dict[str, t.Any]:
        """What the server reads from a model's header; fails on truncated or missing weights."""
        return self._ask("POST", "/api/show", {"model": name})

    def generate_one_token(self, name: str, within: float) -> float:
        """Generate one token; returns the seconds it took.

        Sends num_predict, a sampling option, and nothing of the runner's: another num_ctx or a
        keep_alive would reload the resident model or change its pin.
        """
        begun = time.monotonic()
        request = {"model": name, "prompt": "hi", "stream": False, "options": {"num_predict": 1}}
        answer = self._ask("POST", "/api/generate", request, within)
        if answer.get("done") is not True:
            raise ApiNotJson(f"/api/generate did not finish: {_short(json.dumps(answer))}")
        return time.monotonic() - begun

    def _models(self, path: str) -> list[dict[str, t.Any]]:
        models = self._ask("GET", path).get("models")
        if models is None:
            return []
        if not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
            raise ApiNotJson(f"{path} did not return a list of models")
        return models

    def _ask(self, method: str, path: str, body: object = None, within: float | None = None) -> dict[str, t.Any]:
        data = None if body is None else json.dumps(body).encode()
        status, raw = self._exchange(method, path, data, self._timeout if within is None else within)
        try:
            answer = json.loads(raw)
        except (ValueError, RecursionError):
            answer = None
        if status != 200:
            said = answer.get("error") if isinstance(answer, dict) else None
            raise ApiStatus(status, _short(said if isinstance(said, str) else raw.decode(errors="replace")))
        if not isinstance(answer, dict):
            raise ApiNotJson(f"{path} did not return JSON: {_short(raw.decode(errors='replace'))}")
        return answer


def over_http(base_url: str) -> Exchange:
    """Requests to an address this host can reach, like http://172.18.0.2:11434."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "", parts.port or PORT

    def exchange(method: str, path: str, body: bytes | None, within: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(host, port, timeout=within)
        cut = _Cut(connection, within)
        try:
            cut.start()
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            with connection.getresponse() as response:
                return response.status, _whole_body(response)
        # A ValueError: http.client believes a chunk of a negative length.
        except (OSError, http.client.HTTPException, ValueError) as error:
            if cut.fired or isinstance(error, socket.timeout):
                raise ApiTimeout(f"{base_url}{path} timed out after {within:g} s") from error
            raise ApiRefused(f"{base_url}{path}: {error or type(error).__name__}") from error
        finally:
            cut.cancel()
            connection.close()

    return exchange


class _Cut(threading.Timer):
    """Closes a connection at its deadline, whatever the server does."""

    def __init__(self, connection: http.client.HTTPConnection, within: float) -> None:
        super().__init__(within, self._cut)
        self.daemon = True
        self.fired = False
        self._connection = connection

    def _cut(self) -> None:
        self.fired = True
        # The socket may already be closed if the response has just arrived.
        with contextlib.suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)


def _whole_body(response: http.client.HTTPResponse) -> bytes:
    body = response.read(_BODY_LIMIT + 1)
    if len(body) > _BODY_LIMIT:
        raise http.client.HTTPException(f"response larger than {_BODY_LIMIT} bytes")
    return body


# The image has bash but no curl. HTTP/1.0: the answer comes in one piece and ends with the connection.
_BASH_REQUEST = 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf %s "$2" >&3 && cat <&3'


def over_exec(execute: t.Callable[[t.Sequence[str]], tuple[int, bytes]]) -> Exchange:
    """Requests from inside the container, for an address this host cannot reach."""

    def exchange(method: str, path: str, body: bytes | None, within: float) -> tuple[int, bytes]:
        content = (body or b"").decode()
        request = (
            f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content.encode())}\r\n\r\n{content}"
        )
        command = ["timeout", f"{within:g}", "bash", "-c", _BASH_REQUEST, "ask", str(PORT), request]
        code, output = execute(command)
        if code == 124:
            raise ApiTimeout(f"{path} timed out after {within:g} s inside the container")
        if code != 0:
            raise ApiRefused(f"request to {path} inside the container failed (exit code {code})")
        return parse_response(output)

    return exchange


def parse_response(raw: bytes) -> tuple[int, bytes]:
    """Status and body of an HTTP/1.0 answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ApiNotJson(f"not an HTTP response: {_short(raw[:200].decode(errors='replace'))}")
    return int(words[1]), body


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
