"""The Engine is asked on a real socket without the docker SDK; every failure is a sentence."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Engine, EngineError, HostImage
from ansible_collections.archiv.ollama.plugins.module_utils._engine.sockets import EngineSocket
from tests.unit.support.fake_engine import FakeEngine, recorded, serve_engine


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    """An Engine that replays 26.1.5."""
    with serve_engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def engine(fake: FakeEngine) -> Iterator[EngineSocket]:
    asked = EngineSocket(fake.host, timeout=2)
    yield asked
    asked.close()


def events(*moments: int) -> bytes:
    return b"".join(json.dumps({"Type": "container", "timeNano": moment}).encode() + b"\n" for moment in moments)


def test_it_sees_what_the_sdk_sees(fake: FakeEngine, engine: EngineSocket) -> None:
    fake.answers["/networks"] = (200, [{"Name": "archiv-net", "Id": "n1", "Internal": True}])
    fake.answers["/images/reg.example:5000/ollama/ollama:0.34.2/json"] = (
        200,
        {"Id": "sha256:1", "RepoDigests": ["reg.example:5000/ollama/ollama@sha256:2", "other/name@sha256:3"]},
    )
    names = ["reg.example:5000/ollama/ollama:0.34.2", "gone:1", ""]
    with_sdk = Engine(fake.host)
    try:
        for name, *words in (
            ("containers", "archiv"),
            ("containers", "archiv", "ollama"),
            ("networks",),
            ("volumes",),
            ("volume", "archiv", "ollama-models"),
            ("volume", "archiv", "other"),
        ):
            assert getattr(engine, name)(*words) == getattr(with_sdk, name)(*words)
        assert engine.images(names) == with_sdk.images(names)
        [image] = engine.images(names).values()
        assert image == HostImage(frozenset({"sha256:1"}), frozenset({"sha256:2", "sha256:3"}))
    finally:
        with_sdk.close()
    assert engine.version() == "26.1.5+dfsg1"
    asked = [json.loads(filters) for filters in fake.asked[:4]]
    assert asked[0] == asked[1] and asked[2] == asked[3] and "oneoff=False" in str(asked[0])


def test_nothing_is_run_in_a_container(fake: FakeEngine, engine: EngineSocket) -> None:
    with pytest.raises(EngineError, match="nothing is run in container"):
        engine.execute("c" * 64, ["true"])
    assert fake.posted == []


def test_container_that_goes_while_looking_is_left_out(fake: FakeEngine, engine: EngineSocket) -> None:
    fake.inspect = None
    assert engine.containers("archiv") == []


def test_events_after_one_moment_up_to_another(fake: FakeEngine, engine: EngineSocket) -> None:
    fake.answers["/events"] = (200, events(1_500_000_000, 1_500_000_001, 2_000_000_000, 2_000_000_001))
    assert [one["timeNano"] for one in engine.events(1_500_000_000, 2_000_000_000)] == [1_500_000_001, 2_000_000_000]


def test_one_connection_for_many_questions(fake: FakeEngine, engine: EngineSocket) -> None:
    accepted: list[object] = []
    before = fake.get_request
    fake.get_request = lambda: (accepted.append(1), before())[1]  # type: ignore[method-assign, func-returns-value]
    for _ in range(3):
        engine.version()
    assert len(accepted) == 1


def test_connection_that_the_engine_closed_is_opened_again(fake: FakeEngine, engine: EngineSocket) -> None:
    engine.version()
    # What the Engine does with a connection that nobody uses.
    connection = engine._ask.connection
    assert connection.sock is not None
    connection.sock.shutdown(socket.SHUT_RDWR)
    assert engine.version() == "26.1.5+dfsg1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {"message": "driver failed"}), "HTTP 500"),
        ((200, b"not JSON"), "without JSON"),
        ((200, []), "without a JSON object"),
        ((200, b"[" * 100_000), "without JSON"),
        ((200, b"x" * (9 * 1024 * 1024)), "larger than"),
    ],
)
def test_other_answers_are_sentences(fake: FakeEngine, engine: EngineSocket, answer: Any, words: str) -> None:
    fake.answers["/version"] = answer
    with pytest.raises(EngineError, match=words):
        engine.version()
    # And the next question is answered.
    fake.answers["/version"] = (200, recorded("version"))
    assert engine.version()


def test_events_that_are_not_json_are_a_sentence(fake: FakeEngine, engine: EngineSocket) -> None:
    for body in (b"{\n", b"[]\n"):
        fake.answers["/events"] = (200, body)
        with pytest.raises(EngineError, match="not JSON"):
            engine.events(1, 2)


def test_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no Docker Engine listens"):
        EngineSocket(f"unix://{tmp_path}/none.sock").version()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "dead.sock"))
    dead.close()
    with pytest.raises(EngineError, match="does not answer"):
        EngineSocket(f"unix://{tmp_path}/dead.sock").version()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"])
def test_engine_that_hangs(tmp_path: Path, head: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "slow.sock"))
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            connection.sendall(head)
            done.wait(10)
            connection.close()

        done = threading.Event()
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with pytest.raises(EngineError, match=r"did not answer /version within 0\.3 s"):
                EngineSocket(f"unix://{tmp_path}/slow.sock", timeout=0.3).version()
        finally:
            done.set()
            thread.join()


def test_engine_that_is_slow_with_each_answer(tmp_path: Path) -> None:
    """Each is in time, and all together would take too long for a timer."""
    with serve_engine(tmp_path) as fake:
        answer = fake.answer

        def slowly(path: str) -> tuple[int, Any]:
            time.sleep(0.2)
            return answer(path)

        fake.answer = slowly  # type: ignore[method-assign]
        engine = EngineSocket(fake.host, timeout=5, within=0.5)
        begun = time.monotonic()
        with pytest.raises(EngineError, match="is too slow, the last request was /version"):
            for _ in range(20):
                engine.version()
        engine.close()
        assert time.monotonic() - begun < 3
