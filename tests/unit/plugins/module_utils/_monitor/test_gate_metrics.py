"""The gate's own counts among the metrics and in `status`; one that is silent or lies costs nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.support.fake_ollama import FakeOllama, Handler
from tests.unit.support.monitor_host import MonitorHost
from tests.unit.support.monitored_gate import ID, MARK, RECORDED, serve_gate


@pytest.fixture
def gate(host: MonitorHost) -> Iterator[FakeOllama]:
    """A gate that runs beside the server."""
    with serve_gate(host) as gate:
        yield gate


def of_gate(host: MonitorHost) -> dict[str, float]:
    return {name.removeprefix("gate_"): value for name, value in host.metrics().items() if name.startswith("gate_")}


def others(host: MonitorHost) -> set[str]:
    return {name for name in host.metrics() if not name.startswith("gate_")}


def test_counts_are_metrics(host: MonitorHost, gate: FakeOllama) -> None:
    refused = dict.fromkeys(("body", "slow", "rate", "deadline", "unavailable"), 0) | {"path": 1, "host": 1}
    refused |= {"token": 3, "queue": 3}
    buckets = {"1": 3, "2": 4, "5": 6, "10": 7, "20": 7, "40": 7, "60": 7, "+Inf": 7}
    assert of_gate(host) == {
        "up": 1,
        "waiting": 2,
        "at_work": 1,
        "questions_total": 13,
        "light_total": 2,
        "without_token_total": 0,
        **{f'refused_total{{reason="{reason}"}}': count for reason, count in refused.items()},
        **{f'answer_seconds_bucket{{le="{bound}"}}': count for bound, count in buckets.items()},
        "answer_seconds_sum": 11.579,
        "answer_seconds_count": 7,
    }
    # One look is one question, and none to Ollama through it.
    assert [path for path, _ in gate.bodies] == ["/counts"]


def test_histogram_is_written_in_the_order_of_its_buckets(host: MonitorHost, gate: FakeOllama) -> None:
    lines = [line for line in host.run("metrics").stdout.splitlines() if "gate_answer_seconds" in line]
    assert lines[1] == "# TYPE archiv_ollama_gate_answer_seconds histogram"
    names = [re.split("[{ ]", line)[0].rpartition("_")[2] for line in lines[2:]]
    assert names == ["bucket"] * 8 + ["sum", "count"]
    assert [line.split('"')[1] for line in lines[2:10]] == ["1", "2", "5", "10", "20", "40", "60", "+Inf"]


def test_answer_that_comes_while_the_gate_tells_leaves_buckets_in_order(host: MonitorHost, gate: FakeOllama) -> None:
    """HAProxy reads one counter after the other: a bucket may have what a longer one does not have yet."""
    gate.answers["/counts"] = (200, RECORDED.replace(b"answered_within_2 4", b"answered_within_2 8"))
    found = of_gate(host)
    buckets = [value for name, value in found.items() if name.startswith("answer_seconds_bucket")]
    assert buckets == [3, 8, 8, 8, 8, 8, 8, 8] and found["answer_seconds_count"] == 8


def test_without_a_gate_nothing_is_asked_or_written(host: MonitorHost, gate: FakeOllama) -> None:
    host.want(gate="")
    assert of_gate(host) == {} and gate.bodies == []
    document = json.loads(host.run("status", "--json").stdout)
    assert document["gate"] == {"wanted": False, **dict.fromkeys(("waiting", "at_work", "questions", "refused"))}
    assert "\ngate " not in host.run("status").stdout.partition("\n\n")[2].partition("verify")[2]


def hang(handler: Handler) -> None:
    handler.server.stopping.wait(20)


def drip(handler: Handler) -> None:
    """A byte now and then, and never the end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    while not handler.server.stopping.wait(0.3):
        handler.wfile.write(b"0")


def break_off(handler: Handler) -> None:
    """In the middle of the last number, as far as anybody knows."""
    handler.reply(RECORDED[:-1], length=len(RECORDED))


def break_chunks(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nxxx\r\n" + b"f" * 60 + b"\r\n")


def speak_no_http(handler: Handler) -> None:
    handler.wfile.write(b"\xff\xfe SSH-2.0\r\n" * 10)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"<html>Welcome</html>"),
        (200, b"\xff\x00\n" * 1000),
        (200, RECORDED.replace(b"\n", b" ")),
        (200, RECORDED.replace(b"waiting 2\n", b"")),
        (200, RECORDED.replace(b"questions 13", b"questions " + b"9" * 6000)),
        (200, RECORDED.replace(b"answered 7", b"answered 4294967296")),
        (200, RECORDED.replace(b"questions 13", b'questions 13"} 1\nevil 2')),
        (404, RECORDED),
        (503, b"busy"),
        break_off,
        break_chunks,
        speak_no_http,
        hang,
        drip,
    ],
)
def test_gate_that_is_silent_or_lies_is_down_and_costs_nothing_else(
    host: MonitorHost, gate: FakeOllama, answer: tuple[int, Any] | Callable[[Handler], None]
) -> None:
    expected = others(host)
    gate.answers["/counts"] = answer
    begun = time.monotonic()
    assert of_gate(host) == {"up": 0}
    # At the first of its two addresses it is waited for, and then no more.
    assert time.monotonic() - begun < 4
    assert others(host) == expected


def stop(host: MonitorHost) -> None:
    host.engine.inspects[ID]["State"].update(Status="exited", Running=False, Pid=0)


def remove(host: MonitorHost) -> None:
    host.engine.answers["/containers/json"] = (200, host.engine.answers["/containers/json"][1][:1])


def detach(host: MonitorHost) -> None:
    host.engine.inspects[ID]["NetworkSettings"]["Networks"] = {}


def lose_engine(host: MonitorHost) -> None:
    host.want(gate=MARK, docker_host=f"unix://{host.folder}/none.sock")


@pytest.mark.parametrize("fault", [stop, remove, detach, lose_engine])
def test_gate_that_cannot_be_asked_is_down(
    host: MonitorHost, gate: FakeOllama, fault: Callable[[MonitorHost], None]
) -> None:
    fault(host)
    assert of_gate(host) == {"up": 0} and gate.bodies == []


def test_counts_that_begin_anew_are_told_as_they_are(host: MonitorHost, gate: FakeOllama) -> None:
    """As after a reload; whoever reads counters knows of that."""
    first = of_gate(host)["questions_total"]
    gate.answers["/counts"] = (200, re.sub(rb" \d+", b" 0", RECORDED))
    assert (first, of_gate(host)["questions_total"]) == (13, 0)


def test_status_has_a_line_of_the_gate(host: MonitorHost, gate: FakeOllama) -> None:
    document = json.loads(host.run("status", "--json").stdout)
    assert document["gate"] == {"wanted": True, "waiting": 2, "at_work": 1, "questions": 13, "refused": 8}
    shown = host.run("status").stdout
    assert "gate   2 waiting, 1 at work; since its last reload 13 questions taken, 8 requests refused\n" in shown


def test_gate_that_does_not_tell_is_a_trouble_with_a_command(host: MonitorHost, gate: FakeOllama) -> None:
    """Else the alert fires, and the doctor says that all is well."""
    gate.answers["/counts"] = (200, RECORDED.replace(b"waiting 2\n", b""))
    found = host.run("status", "--json")
    (trouble,) = (one for one in json.loads(found.stdout)["reasons"] if one["kind"] == "gate_silent")
    assert trouble["why"] == "does not tell what it has counted: its counts have no number waiting"
    assert trouble["command"] == "docker restart archiv-gate-1"
    assert found.returncode == 1 and "gate   -\n" in host.run("status").stdout


def test_gate_that_has_another_trouble_has_that_alone(host: MonitorHost, gate: FakeOllama) -> None:
    """Before it has loaded the files of a new version it cannot tell what they count."""
    gate.answers.update({"/counts": (404, b""), "/loaded": (200, b"of an older deploy\n")})
    reasons = json.loads(host.run("status", "--json").stdout)["reasons"]
    assert [one["kind"] for one in reasons if one["subject"] == "gate"] == ["gate_outdated"]
