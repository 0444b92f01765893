"""One gate, real HAProxy before a server that is slow, silent, gone or endless: each asker is told so in time."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.lab.gates import Site, site

PATIENCE, ANSWER = 8, 3
QUEUE = PATIENCE - ANSWER - 2
RATE = 30
KIB = 16
TOKENS = {"archive": "a" * 32, "reader": "r" * 32}
# A busy machine's share.
SLACK = 3.0


class Reply(NamedTuple):
    """What an asker got, after how many seconds; a status of 0 is a connection that broke off."""

    status: int
    seconds: float
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    inputs = {
        "ollama_stack_peers": [],
        "ollama_stack_backend_timeout": PATIENCE,
        "ollama_stack_gate_answer_seconds": ANSWER,
        "ollama_stack_gate_rate": RATE,
        "ollama_stack_gate_body_kib": KIB,
        "ollama_stack_gate_tokens": "report",
        "ollama_stack_gate_clients": TOKENS,
    }
    with site(tmp_path_factory.mktemp("gate"), ("one",), 0.0, inputs) as made:
        yield made


@pytest.fixture(autouse=True)
def prompt(gate: Site) -> Iterator[None]:
    yield
    gate.tell("one", seconds=0.0, tokens=0)


def ask(gate: Site, token: str = "", body: bytes = b"{}", path: str = "/api/generate") -> Reply:
    began = time.monotonic()
    connection = http.client.HTTPConnection(gate.address("one"), 11434, timeout=60)
    headers = {"Host": "ollama:11434", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request("POST", path, body, headers)
    reply = connection.getresponse()
    try:
        text = reply.read()
        status = reply.status
    except (http.client.IncompleteRead, ConnectionError):
        text, status = b"", 0
    connection.close()
    return Reply(status, time.monotonic() - began, {k.lower(): v for k, v in reply.getheaders()}, text)


def counts(gate: Site) -> dict[str, int]:
    connection = http.client.HTTPConnection(gate.address("one"), 8405, timeout=5)
    connection.request("GET", "/counts")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return {name: int(number) for name, number in map(str.split, lines)}


def counted(gate: Site, before: dict[str, int]) -> dict[str, int]:
    """What has changed, without those that follow from the time an answer took."""
    after = counts(gate)
    changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    return {name: number for name, number in changed.items() if not name.startswith("answered_")}


def assert_told_to_come_again(reply: Reply) -> None:
    assert reply.status == 503
    assert reply.headers["retry-after"] == "5"
    # As Ollama says its errors.
    assert json.loads(reply.body)["error"]


def test_wait_ends_in_time_for_an_answer_that_no_longer_fits(gate: Site) -> None:
    gate.tell("one", seconds=4.0)
    before = counts(gate)
    answers = gate.ask_together("one", 3)
    assert sorted(answer.status for answer in answers) == [200, 503, 503]
    refused = [answer.seconds for answer in answers if answer.status == 503]
    assert all(QUEUE <= seconds < QUEUE + SLACK for seconds in refused)
    assert counted(gate, before) == {"questions": 3, "answered": 1, "without_token": 3, "refused_queue": 2}


def test_server_that_says_nothing_is_not_waited_for_longer_than_the_asker_waits(gate: Site) -> None:
    # Of which it is still at work when the gate gives up, and not much longer.
    gate.tell("one", seconds=PATIENCE - 1.0)
    reply = ask(gate, TOKENS["archive"])
    assert_told_to_come_again(reply)
    assert PATIENCE - 2 <= reply.seconds < PATIENCE - 1 + SLACK
    time.sleep(SLACK)


def test_answer_that_trickles_is_ended(gate: Site) -> None:
    gate.tell("one", seconds=40.0, tokens=80)
    reply = ask(gate, TOKENS["archive"])
    assert reply.status == 0
    assert PATIENCE - 1 <= reply.seconds < PATIENCE + SLACK
    gate.tell("one", seconds=0.0, tokens=0)


def test_server_that_is_away_is_told_at_once_and_found_again(gate: Site) -> None:
    server = gate.containers["one-server"]
    server.stop(timeout=0)
    try:
        reply = ask(gate, TOKENS["archive"])
        assert_told_to_come_again(reply)
        assert reply.seconds < 2 + SLACK
    finally:
        server.start()
    ends = time.monotonic() + 20
    while ask(gate, TOKENS["archive"]).status != 200:
        assert time.monotonic() < ends, gate.log("one")
        time.sleep(1)


def test_sender_that_is_slow_is_given_up_before_the_server_sees_it(gate: Site) -> None:
    before = gate.told("one")["answered"]
    with socket.create_connection((gate.address("one"), 11434), timeout=30) as connection:
        began = time.monotonic()
        head = "POST /api/generate HTTP/1.1\r\nHost: ollama\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode())
        connection.settimeout(1)
        answer = b""
        while not answer and time.monotonic() - began < 30:
            connection.sendall(b" ")
            try:
                answer = connection.recv(100)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 10 + 2 * SLACK
    assert gate.told("one")["answered"] == before


@pytest.mark.parametrize(("size", "status"), [(KIB * 1024, 200), (KIB * 1024 + 1, 413)])
def test_question_has_a_largest_size(gate: Site, size: int, status: int) -> None:
    assert ask(gate, TOKENS["archive"], b"x" * size).status == status


def test_only_who_asks_without_a_valid_token_is_counted_as_such(gate: Site) -> None:
    before = counts(gate)
    assert [ask(gate, token).status for token in ("", "wrong" * 8, TOKENS["archive"])] == [200] * 3
    assert counted(gate, before) == {"questions": 3, "answered": 3, "without_token": 2}


def test_client_that_asks_too_much_is_told_so_and_another_is_not(gate: Site) -> None:
    statuses = [ask(gate, TOKENS["reader"]).status for _ in range(RATE + 5)]
    assert statuses == [200] * RATE + [429] * 5
    reply: Any = ask(gate, TOKENS["reader"])
    assert (reply.status, reply.headers["retry-after"]) == (429, "10")
    assert ask(gate, TOKENS["archive"]).status == 200
