"""The lab's backend: stands for the archive's Spring service and asks Ollama under one deadline."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PORT = 8080
MAX_BODY = 16 * 1024
MAX_QUERY = 1000
# The models' own parameters bound an answer to far less; more than this is not one of theirs.
MAX_ANSWER = 1024 * 1024
# What Ollama says when the kernel or a fault ended the process that holds the model.
RUNNER_DIED = ("process has terminated", "unexpectedly stopped", "out of memory", "signal: killed")

TITLES = {
    "bad-request": "The request is not a question",
    "not-found": "There is nothing at this address",
    "slow-request": "The request did not arrive in time",
    "unreachable": "Ollama cannot be reached",
    "name-not-found": "Ollama's host name is not known",
    "timeout": "Ollama did not answer in time",
    "model-missing": "Ollama does not have the model",
    "runner-died": "The process that holds the model died",
    "ollama-error": "Ollama answered with an error",
    "bad-answer": "Ollama's answer cannot be read",
}

log = logging.getLogger("backend")


class Problem(Exception):
    """An outcome the client is told about as problem+json."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Settings:
    base_url: str
    timeout: float
    model: str
    # What it shows to the gate, if there is one that asks for it.
    token: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        base_url = env.get("APP_OLLAMA_BASEURL", "http://ollama:11434").rstrip("/")
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"APP_OLLAMA_BASEURL is {base_url!r}: give a http:// or https:// URL.")
        text = env.get("APP_OLLAMA_TIMEOUTSECONDS", "60")
        try:
            timeout = float(text)
        except ValueError:
            timeout = math.nan
        if not 0 < timeout < math.inf:
            raise ValueError(f"APP_OLLAMA_TIMEOUTSECONDS is {text!r}: give seconds above 0.")
        model = env.get("APP_OLLAMA_MODEL", "qwen2.5:7b-instruct-q4_K_M")
        return cls(base_url, timeout, model, read_token(env.get("APP_OLLAMA_TOKEN_FILE", "")))


def read_token(path: str) -> str:
    """The token in a file, which is a secret that Compose mounts."""
    if not path:
        return ""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"APP_OLLAMA_TOKEN_FILE is {path!r}, which cannot be read: {error}.") from None


def parse_query(body: bytes) -> str:
    """The question in a request's body; raises Problem 400 with the rule that was broken."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "bad-request", "The body is not JSON.") from None
    query = data.get("query") if isinstance(data, dict) else None
    if not isinstance(query, str):
        raise Problem(400, "bad-request", 'The body is not an object {"query": "text"}.')
    if not query.strip():
        raise Problem(400, "bad-request", "The query is empty.")
    if len(query) > MAX_QUERY:
        raise Problem(400, "bad-request", f"The query is longer than {MAX_QUERY} characters.")
    if not is_unicode(query):
        raise Problem(400, "bad-request", "The query holds half a surrogate pair.")
    return query


def parse_answer(status: int, body: bytes) -> str:
    """The text in Ollama's reply; raises Problem 503 with the reason there is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    reply = data if isinstance(data, dict) else {}
    if status != 200:
        raise failure(status, str(reply.get("error") or "no reason given"))
    if "error" in reply:
        raise failure(500, str(reply["error"]))
    answer = reply.get("response")
    if not isinstance(answer, str) or reply.get("done") is not True or not is_unicode(answer):
        raise Problem(503, "bad-answer", "Ollama said 200 without a finished answer in it.")
    return answer


def failure(status: int, error: str) -> Problem:
    said = f"Ollama said {status}: {error[:200].encode(errors='replace').decode()}"
    if status == 404:
        return Problem(503, "model-missing", said)
    if any(mark in error for mark in RUNNER_DIED):
        return Problem(503, "runner-died", said)
    return Problem(503, "ollama-error", said)


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def no_reply(error: httpx.HTTPError, base_url: str) -> Problem:
    """Why a request to Ollama ended without a reply."""
    if isinstance(error, httpx.ConnectError):
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, socket.gaierror):
                return Problem(503, "name-not-found", f"The host in {base_url} has no address.")
            cause = cause.__cause__ or cause.__context__
        return Problem(503, "unreachable", f"Nothing accepts connections at {base_url}.")
    return Problem(503, "bad-answer", f"The reply of {base_url} broke off or is not HTTP.")


async def read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise Problem(400, "bad-request", f"The body is longer than {MAX_BODY} bytes.")
    return bytes(body)


async def ask(client: httpx.AsyncClient, settings: Settings, query: str) -> str:
    # No keep_alive and no options: both override the server's settings, and the second reloads
    # the model. Its own parameters say how long an answer gets.
    payload = {"model": settings.model, "prompt": query, "stream": False}
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    body = bytearray()
    try:
        async with client.stream("POST", f"{settings.base_url}/api/generate", json=payload, headers=headers) as reply:
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise Problem(503, "bad-answer", f"Ollama sent more than {MAX_ANSWER} bytes.")
            return parse_answer(reply.status_code, bytes(body))
    except httpx.HTTPError as error:
        raise no_reply(error, settings.base_url) from error


async def search(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    loop = asyncio.get_running_loop()
    start = loop.time()
    # One deadline over everything: httpx's own timeouts start anew with every byte, and cover
    # no DNS lookup that hangs.
    deadline = start + settings.timeout
    outcome = "answered"
    try:
        try:
            async with asyncio.timeout_at(deadline):
                query = parse_query(await read_body(request))
        except TimeoutError:
            raise Problem(408, "slow-request", "The body was not there in time.") from None
        try:
            async with asyncio.timeout_at(deadline):
                answer = await ask(request.app.state.client, settings, query)
        except TimeoutError:
            detail = f"No whole answer within {settings.timeout:g} s."
            raise Problem(503, "timeout", detail) from None
    except Problem as problem:
        outcome = problem.reason
        return problem_response(problem)
    finally:
        seconds = round(loop.time() - start, 3)
        log.info("%s %s %s %.3fs", request.method, request.url.path, outcome, seconds)
    return JSONResponse({"answer": answer, "model": settings.model, "seconds": seconds})


async def health(_: Request) -> Response:
    return JSONResponse({"status": "UP"})


def problem_response(problem: Problem) -> Response:
    return JSONResponse(
        {
            "type": f"urn:archiv:problem:{problem.reason}",
            "title": TITLES[problem.reason],
            "status": problem.status,
            "detail": problem.detail,
            "reason": problem.reason,
        },
        status_code=problem.status,
        media_type="application/problem+json",
    )


async def http_error(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason = "not-found" if status == 404 else "bad-request"
    return problem_response(Problem(status, reason, "Try POST /api/search/nl."))


def create_app(settings: Settings) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with httpx.AsyncClient(
            trust_env=False,
            timeout=None,
            headers={"Accept-Encoding": "identity"},
            # A kept connection to a server that has just restarted would cost one false 503.
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client:
            app.state.client = client
            yield

    app = Starlette(
        routes=[
            Route("/actuator/health", health),
            Route("/api/search/nl", search, methods=["POST"]),
        ],
        exception_handlers={HTTPException: http_error},
        lifespan=lifespan,
    )
    app.state.settings = settings
    return app


def main() -> None:
    try:
        settings = Settings.from_env(os.environ)
    except ValueError as error:
        sys.exit(f"backend: {error}")
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO)
    log.info("asks %s for %s within %g s", settings.base_url, settings.model, settings.timeout)
    uvicorn.run(
        create_app(settings),
        # In a container; which addresses reach it is the compose file's business.
        host="0.0.0.0",
        port=int(os.environ.get("PORT", PORT)),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
