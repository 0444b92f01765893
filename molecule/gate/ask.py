#!/usr/bin/python3
"""Asks the gate in every way that must not work, and in the few that must, each on a connection of its own.

Usage: ask.py GATE TOKEN OLD_TOKEN ROUTE...   A route is `METHOD path`, as Ollama's own router has it. Prints one JSON
object: how many requests were sent, which of them Ollama must have seen, and what was answered wrongly.
"""

import hashlib
import json
import socket
import sys

PORT = 11434
SECONDS = 15
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
ALLOWED = {
    *(("POST", path) for path in ("/api/generate", "/api/chat", "/api/embed")),
    *(("POST", path) for path in ("/v1/completions", "/v1/chat/completions", "/v1/embeddings")),
    *(("GET", path) for path in ("/api/tags", "/api/version", "/api/ps")),
}
# An empty question: Ollama refuses it at once, so that thousands cost nothing.
BODY = b"{}"
REFUSED = (400, 401, 403, 404, 405, 408, 411, 413, 414, 422, 431, 501)


def main():
    gate, token, old, *routes = sys.argv[1:]
    record = {"sent": 0, "reached": [], "wrong": []}

    def ask(what, raw, reaches=None):
        """reaches is the (method, path) of what Ollama must see, None if it must see nothing."""
        record["sent"] += 1
        status = exchange(gate, raw)
        if reaches:
            record["reached"].append(" ".join(reaches))
            # Of the empty question and of what reads; never one of the gate's own refusals.
            right = status == 200 if reaches[0] == "GET" else status not in (None, 401, 403, 413, 429, 502, 503, 504)
        else:
            right = status is None or status in REFUSED
        if not right:
            record["wrong"].append(f"{what}: {status}")

    for raw in every_route(routes, token, old):
        ask(*raw)
    for raw in tricks(token):
        ask(*raw)
    print(json.dumps(record))


def every_route(routes, token, old):
    """Each path of the router, with each method, and with each kind of token."""
    for path in sorted({path_of(route) for route in routes}):
        for method in METHODS:
            for kind, lines in headers_of(token, old).items():
                good = kind == "the right one" and (method, path) in ALLOWED
                yield f"{method} {path} with {kind}", request(method, path, lines), (method, path) if good else None


def path_of(route):
    """The path of a route with its parameters filled in."""
    path = route.split(" ", 1)[1]
    return "/".join("x" if part[:1] in (":", "*") else part for part in path.split("/"))


def headers_of(token, old):
    return {
        "the right one": [f"Authorization: Bearer {token}"],
        "none": [],
        "a wrong one": [f"Authorization: Bearer {token[:-1]}x"],
        "an old one": [f"Authorization: Bearer {old}"],
        "two headers": [f"Authorization: Bearer {token}", f"Authorization: Bearer {token}"],
        "the right one behind a wrong one": [f"Authorization: Bearer wrong {token}"],
        "a short one": [f"Authorization: Bearer {token[:8]}"],
        "an oversized one": [f"Authorization: Bearer {token * 200}"],
        "another scheme": [f"Authorization: Basic {token}"],
        "its sum": [f"Authorization: Bearer {hashlib.sha256(token.encode()).hexdigest()}"],
    }


def tricks(token):
    """Ways around a list of paths, and around the end of a request, all with the right token."""
    auth = [f"Authorization: Bearer {token}"]
    for path in (
        "//api/version",
        "/api//version",
        "/api/%76ersion",
        "/api%2fversion",
        "/API/version",
        "/api/version/",
        "/api/./version",
        "/api/tags/../pull",
        "/api/tags/..%2fpull",
        "/api/version%00",
        "/api/version;x=1",
        "/api/generate/../pull",
        "\\api\\version",
        "api/version",
        "*",
    ):
        for method in ("GET", "POST"):
            yield f"{method} {path}", request(method, path, auth), None
    whole = f"http://ollama:{PORT}"
    yield "a whole URI", request("GET", f"{whole}/api/version", auth), ("GET", "/api/version")
    yield "a whole URI of what is not allowed", request("POST", f"{whole}/api/pull", auth), None
    yield "a whole URI of another host", request("GET", "http://elsewhere/api/version", auth), None
    yield "another host", request("GET", "/api/version", auth, host="elsewhere"), None
    yield "the server's own name", request("GET", "/api/version", auth, host="ollama-server:11434"), None
    yield "no host", request("GET", "/api/version", auth, host=None), None
    yield "two hosts", request("GET", "/api/version", [*auth, "Host: ollama"]), None
    yield "HTTP/1.0", request("GET", "/api/version", auth, version="HTTP/1.0"), ("GET", "/api/version")
    yield "HTTP/0.9", b"GET /api/version\r\n\r\n", None
    yield "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None
    yield "an upgrade", request("GET", "/api/pull", [*auth, "Connection: Upgrade", "Upgrade: websocket"]), None
    yield "a query", request("GET", "/api/version?path=/api/pull", auth), ("GET", "/api/version?path=/api/pull")
    yield "another method in a header", request("GET", "/api/pull", [*auth, "X-HTTP-Method-Override: GET"]), None
    yield "a body where nothing is to be read", request("GET", "/api/version", auth, body=b"x" * 10), None
    yield "a body that is too large", request("POST", "/api/generate", auth, body=b"x" * 140000), None
    chunks = b"20000\r\n" + b"x" * 0x20000 + b"\r\n20000\r\n" + b"x" * 0x20000 + b"\r\n0\r\n\r\n"
    yield (
        "chunks that are too many",
        request("POST", "/api/generate", [*auth, CHUNKED], body=chunks, length=False),
        None,
    )
    yield (
        "chunks",
        request("POST", "/api/generate", [*auth, CHUNKED], body=b"2\r\n{}\r\n0\r\n\r\n", length=False),
        (
            "POST",
            "/api/generate",
        ),
    )
    yield from smuggling(auth)


CHUNKED = "Transfer-Encoding: chunked"


def smuggling(auth):
    """One request that another reader might take for two: Ollama must never see the hidden one."""
    hidden = request("POST", "/api/pull", auth, body=b'{"model":"x"}')
    question = ("POST", "/api/generate")
    # The gate believes the chunks, takes the length away, and sees what follows as a request of its own.
    both = ["Content-Length: 4", CHUNKED, *auth]
    yield (
        "a length and chunks",
        request("POST", "/api/generate", both, body=b"2\r\n{}\r\n0\r\n\r\n" + hidden, length=False),
        (question),
    )
    lengths = {
        "two lengths": ["Content-Length: 2", "Content-Length: 40"],
        "two lengths in one": ["Content-Length: 2, 40"],
        "a length with a sign": ["Content-Length: +2"],
        "a length in hex": ["Content-Length: 0x2"],
        "a negative length": ["Content-Length: -2"],
        "a space before the colon": ["Content-Length : 2"],
        "chunks by another name": ["Transfer-Encoding: xchunked"],
        "chunks twice": [CHUNKED, CHUNKED],
        "chunks and more": ["Transfer-Encoding: chunked, identity"],
        "chunks with a space": ["Transfer-Encoding : chunked"],
        "chunks with a vertical tab": ["Transfer-Encoding: \x0bchunked"],
        "a folded header": ["X-Folded: a\r\n Transfer-Encoding: chunked"],
    }
    for what, lines in lengths.items():
        reaches = question if what == "a folded header" else None
        body = b"{}" if reaches else b"{}" + hidden
        lines = [*lines, "Content-Length: 2"] if reaches else lines
        yield what, request("POST", "/api/generate", [*auth, *lines], body=body, length=False), reaches
    bad_chunk = b"2;\rx\r\n{}\r\n0\r\n\r\n"
    yield (
        "a bare return in a chunk",
        request("POST", "/api/generate", [*auth, CHUNKED], body=bad_chunk, length=False),
        None,
    )
    yield "a second request at once", request("POST", "/api/generate", auth, body=BODY, close=False) + hidden, question


def request(method, path, lines, host=f"ollama:{PORT}", version="HTTP/1.1", body=None, length=True, close=True):
    if body is None:
        body = BODY if method == "POST" else b""
    head = [f"{method} {path} {version}", *([f"Host: {host}"] if host else []), *lines]
    # One answer a connection. The end of what is sent would not do: the gate takes it for an asker who has left.
    head += ["Connection: close"] if close else []
    head += [f"Content-Length: {len(body)}"] if length and body else []
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def exchange(gate, raw):
    """The status of the first answer; None if the connection was ended without one."""
    with socket.create_connection((gate, PORT), timeout=SECONDS) as connection:
        try:
            connection.sendall(raw)
            answer = connection.makefile("rb")
            line = answer.readline(200)
            answer.read()
        except (ConnectionError, TimeoutError):
            return None
    words = line.split()
    return int(words[1]) if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit() else None


if __name__ == "__main__":
    main()
