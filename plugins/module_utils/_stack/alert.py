# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a Prometheus has the alert on Ollama's memory, and what that needs of this host. Private."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
import threading
import typing as t
from urllib.parse import quote, urlsplit

from .._registry.errors import Untrusted
from .._registry.transport import trusting
from .._store.disk import printable

# The beginning of the alert's name in our rules, and of the metrics of both variants of them.
ALERT = "ArchivOllamaMemory"
_METRIC = re.compile(r"\b(?:archiv_ollama|container(?!_label))_\w+")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
# Labels by which people tell hosts apart; instance is Prometheus' own.
_LABELS = "instance, host, hostname, node, nodename"
SECONDS = 2.0
_LIMIT = 4 * 1024 * 1024
_MOST_METRICS = 4
_LONGEST = 200


class _NoAnswer(Exception):
    """Prometheus could not be asked; str() is the end of a sentence."""


def find_doubts(url: str, name: str, ca_path: str | None = None, within: float = SECONDS) -> list[str]:
    """What speaks against an alert on this host's memory, [] if nothing does; never longer than within.

    name is the host's in the inventory. A thread asks, because looking up a name cannot be bounded otherwise.
    """
    told: list[str] = []
    answers: list[list[str]] = []

    def ask() -> None:
        try:
            answers.append(_ask(_Prometheus(url, ca_path, within), name))
        except _NoAnswer as error:
            told.append(str(error))
        except Exception as error:
            # Whatever a stranger answers, it is a note.
            told.append(f"unexpected {type(error).__name__}: {_short(str(error))}")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(within)
    if answers:
        return [f"ollama_stack_prometheus_url: {doubt}" for doubt in answers[0]]
    why = told[0] if told else _late(within)
    return [
        f"ollama_stack_prometheus_url: {url} could not tell whether the alert on Ollama's memory is loaded: {why};"
        " check the address and that this host can reach it"
    ]


class _Prometheus:
    """Its HTTP API, each request on a connection of its own."""

    def __init__(self, url: str, ca_path: str | None, within: float) -> None:
        self.url = url.rstrip("/")
        self._parts = urlsplit(self.url)
        self._within = within
        try:
            self._context = trusting(ca_path) if self._parts.scheme == "https" else None
        except Untrusted as error:
            raise _NoAnswer(str(error)) from error
        self.addresses: set[str] = set()

    def get(self, path: str) -> dict[str, t.Any]:
        """The `data` of an answer."""
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=self._within, context=self._context)
            if self._context
            else http.client.HTTPConnection(host, port, timeout=self._within)
        )
        try:
            connection.connect()
            # The addresses by which it may know this host.
            self.addresses.update((connection.sock.getsockname()[0], connection.sock.getpeername()[0]))
            connection.request("GET", self._parts.path + path)
            with connection.getresponse() as response:
                status, raw = response.status, response.read(_LIMIT + 1)
        except (OSError, http.client.HTTPException) as error:
            late = isinstance(error, socket.timeout)
            raise _NoAnswer(_late(self._within) if late else _short(str(error) or type(error).__name__)) from error
        finally:
            connection.close()
        if len(raw) > _LIMIT:
            raise _NoAnswer(f"its answer is larger than {_LIMIT // 1024**2} MiB")
        if status != http.client.OK:
            raise _NoAnswer(f"it answers {path.partition('?')[0]} with HTTP {status}")
        return _data(raw)


def _data(raw: bytes) -> dict[str, t.Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise _NoAnswer("it does not answer as Prometheus does")
    return data


def _ask(prometheus: _Prometheus, name: str) -> list[str]:
    query = find_rule(prometheus.get("/api/v1/rules?type=alert"))
    if query is None:
        return [
            f"{prometheus.url} has no alert {ALERT}*, which ADR-034 §6 requires: load the rules of this collection, or"
            " set ollama_stack_memory_alert to false"
        ]
    names = our_names(name)
    missing = []
    for metric in find_metrics(query):
        answer = prometheus.get(f"/api/v1/query?query={quote(f'count by ({_LABELS}) ({metric})')}")
        if not is_of_host(answer, names | prometheus.addresses):
            missing.append(metric)
    return [
        f"{prometheus.url} has the alert on Ollama's memory, but no series {metric} of this host yet: it cannot fire"
        " until Prometheus scrapes this host"
        for metric in missing
    ]


def find_rule(data: t.Mapping[str, t.Any]) -> str | None:
    """The expression of the alert on memory; None if it is not loaded."""
    for group in _dicts(data.get("groups")):
        for rule in _dicts(group.get("rules")):
            if str(rule.get("name", "")).startswith(ALERT):
                return str(rule.get("query", ""))
    return None


def find_metrics(query: str) -> list[str]:
    """The metrics that an expression of ours reads."""
    found = _METRIC.findall(_STRING.sub('""', query))
    return list(dict.fromkeys(found))[:_MOST_METRICS]


def is_of_host(data: t.Mapping[str, t.Any], names: t.Collection[str]) -> bool:
    """Whether one of the series has a label that names this host."""
    for series in _dicts(data.get("result")):
        labels = series.get("metric")
        if isinstance(labels, dict) and any(_place(str(value)) & set(names) for value in labels.values()):
            return True
    return False


def our_names(name: str) -> set[str]:
    """The names by which somebody may know this host, as _place writes them."""
    return _place(name) | _place(socket.gethostname())


def _place(label: str) -> set[str]:
    """What a label such as host.example.org:9100 names, with and without its domain."""
    host = re.sub(r":\d+$", "", label.strip().lower()).strip("[]")
    try:
        return {str(ipaddress.ip_address(host))}
    except ValueError:
        return {host, host.partition(".")[0]} - {""}


def _dicts(value: object) -> list[dict[str, t.Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _late(within: float) -> str:
    return f"no complete answer within {within:g} s"


def _short(text: str) -> str:
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."
