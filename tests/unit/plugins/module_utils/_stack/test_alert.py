"""A Prometheus is asked for the alert on memory: whatever it answers is a note, and in time."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._stack.alert import find_doubts, find_metrics
from tests.unit.support.certificates import Authority

ROOT = Path(__file__).resolve().parents[5]
QUERY = "archiv_ollama_container_memory_unreclaimable_bytes / archiv_ollama_container_memory_limit_bytes > 0.9"
METRICS = ["archiv_ollama_container_memory_unreclaimable_bytes", "archiv_ollama_container_memory_limit_bytes"]
RULE = {"name": "ArchivOllamaMemoryNearLimit", "query": QUERY, "type": "alerting"}
OTHER = {"name": "HostDown", "query": "up == 0", "type": "alerting"}
Answer = Callable[[BaseHTTPRequestHandler], None]


def data(**told: Any) -> bytes:
    return json.dumps({"status": "success", "data": told}).encode()


def series(*instances: str) -> bytes:
    return data(resultType="vector", result=[{"metric": {"instance": one}, "value": [0, "1"]} for one in instances])


class Prometheus(ThreadingHTTPServer):
    """Its rules and series, or whatever else it is to answer with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.rules: list[Any] = [OTHER, RULE]
        self.series = dict.fromkeys(METRICS, series("staging-1.example.org:9100"))
        self.misbehave: Answer | None = None
        self.paths: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Prometheus

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.server.misbehave:
            self.server.misbehave(self)
            return
        parts = urlsplit(self.path)
        if parts.path.endswith("/api/v1/rules"):
            self.reply(data(groups=[{"name": "a", "rules": self.server.rules}]))
        else:
            [query] = parse_qs(parts.query)["query"]
            self.reply(self.server.series[query.rpartition("(")[2].rstrip(")")])

    def reply(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        # Who asked has given up.
        with contextlib.suppress(OSError):
            super().handle()


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    with Prometheus() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_alert_that_is_loaded_and_has_series_of_this_host_leaves_no_doubt(prometheus: Prometheus) -> None:
    assert find_doubts(prometheus.url, "staging-1") == []
    assert prometheus.paths[0] == "/api/v1/rules?type=alert" and len(prometheus.paths) == 3


@pytest.mark.parametrize("rules", [[], [OTHER], [{"name": "ArchivOllamaWorkingSetNearLimit", "query": QUERY}]])
def test_alert_that_is_not_loaded_is_told(prometheus: Prometheus, rules: list[Any]) -> None:
    prometheus.rules = rules
    [doubt] = find_doubts(prometheus.url, "staging-1")
    assert doubt.startswith(f"ollama_stack_prometheus_url: {prometheus.url} has no alert ArchivOllamaMemory*")


def test_alert_without_a_series_of_this_host_is_told_with_the_metric(prometheus: Prometheus) -> None:
    prometheus.series[METRICS[1]] = series("staging-2:9100", "production-1:9100")
    [doubt] = find_doubts(prometheus.url, "staging-1")
    assert f"no series {METRICS[1]} of this host" in doubt
    prometheus.series[METRICS[0]] = series()
    assert len(find_doubts(prometheus.url, "staging-1")) == 2


@pytest.mark.parametrize(
    "label",
    ["staging-1", "STAGING-1:9100", "staging-1.example.org", f"{socket.gethostname()}:9100", "127.0.0.1:9100"],
)
def test_host_is_known_by_its_name_in_the_inventory_its_own_and_its_address(prometheus: Prometheus, label: str) -> None:
    prometheus.series = dict.fromkeys(METRICS, series(label))
    assert find_doubts(prometheus.url, "staging-1") == []


@pytest.mark.parametrize("label", ["staging-11:9100", "staging", "192.0.2.1:9100", ""])
def test_another_host_is_not_taken_for_this_one(prometheus: Prometheus, label: str) -> None:
    prometheus.series = dict.fromkeys(METRICS, series(label))
    assert len(find_doubts(prometheus.url, "staging-1")) == 2


def test_path_before_its_api_is_kept(prometheus: Prometheus) -> None:
    assert find_doubts(f"{prometheus.url}/prometheus/", "staging-1") == []
    assert all(path.startswith("/prometheus/api/v1/") for path in prometheus.paths)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * 65536)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.05)


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


def says(body: bytes, status: int = 200) -> Answer:
    return lambda handler: handler.reply(body, status)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(endless, "larger than 4 MiB", id="endless"),
        pytest.param(dripping, "no complete answer within 0.5 s", id="dripping"),
        pytest.param(silent, "no complete answer within 0.5 s", id="silent"),
        pytest.param(says(b"<html>"), "does not answer as Prometheus does", id="not-json"),
        pytest.param(says(b"[" * 100000), "does not answer as Prometheus does", id="deep"),
        pytest.param(says(b'{"data": []}'), "does not answer as Prometheus does", id="other-json"),
        pytest.param(says(b"{}", 503), "answers /api/v1/rules with HTTP 503", id="unavailable"),
        pytest.param(says(b"{}", 302), "answers /api/v1/rules with HTTP 302", id="redirect"),
    ],
)
def test_hostile_answer_is_a_note_in_time(prometheus: Prometheus, answer: Answer, why: str) -> None:
    prometheus.misbehave = answer
    begun = time.monotonic()
    [doubt] = find_doubts(prometheus.url, "staging-1", within=0.5)
    assert why in doubt and time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "told",
    [{"groups": 3}, {"groups": [3, {"rules": [[], {"name": 5}]}]}, {"groups": [{"rules": {"a": 1}}]}, {}],
)
def test_rules_of_another_shape_are_no_alert(prometheus: Prometheus, told: dict[str, Any]) -> None:
    prometheus.misbehave = says(data(**told))
    assert "has no alert" in find_doubts(prometheus.url, "staging-1")[0]


def test_server_that_is_not_there_is_a_note() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    [doubt] = find_doubts(url, "staging-1")
    assert "Connection refused" in doubt and doubt.endswith("check the address and that this host can reach it")


def test_private_authority_is_trusted_where_it_is_given(prometheus: Prometheus, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    prometheus.socket = authority.server_context().wrap_socket(prometheus.socket, server_side=True)
    url = prometheus.url.replace("http:", "https:")
    assert find_doubts(url, "staging-1", str(authority.path)) == []
    [doubt] = find_doubts(url, "staging-1")
    assert "certificate verify failed" in doubt


@pytest.mark.parametrize(
    ("query", "metrics"),
    [
        (QUERY, METRICS),
        (
            'container_memory_working_set_bytes{name="archiv_ollama_x"} / (container_spec_memory_limit_bytes > 0)',
            ["container_memory_working_set_bytes", "container_spec_memory_limit_bytes"],
        ),
        ("sum by (container_label_com_docker_compose_service) (container_memory_rss)", ["container_memory_rss"]),
        ("up == 0", []),
    ],
)
def test_metrics_of_an_expression_are_those_of_our_rules(query: str, metrics: list[str]) -> None:
    assert find_metrics(query) == metrics


def test_every_rule_that_ships_is_found_by_its_name() -> None:
    for path in ROOT.glob("roles/ollama_monitor/files/rules/*.yml"):
        rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
        [expression] = [rule["expr"] for rule in rules if rule["alert"].startswith("ArchivOllamaMemory")]
        assert len(find_metrics(expression)) == 2, path
