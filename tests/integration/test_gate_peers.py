"""Three gates that know each other, real HAProxy before servers of a fixed service time: who answers, and by when."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.gates import MODEL, Answer, Site, loaded, site

# Seconds under load, of three hosts at once: `make peers` runs them.
pytestmark = pytest.mark.more
PATIENCE, ANSWER = 12, 3
SECOND = "other:1b"
BOTH = [loaded(), loaded(SECOND, "cd" * 32)]
# What a host's own server takes while a test asks for nothing else.
SECONDS = 1.0
# Two looks at a server, each to its end.
NOTICED = 4.5
FOR_A_WHILE = "2026-11-20T13:19:32.6Z"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    inputs = {
        "ollama_stack_backend_timeout": PATIENCE,
        "ollama_stack_gate_answer_seconds": ANSWER,
        "ollama_stack_models": [
            {"name": MODEL, "digest": f"sha256:{BOTH[0]['digest']}"},
            {"name": SECOND, "digest": f"sha256:{BOTH[1]['digest']}"},
        ],
    }
    with site(tmp_path_factory.mktemp("gates"), ("a", "b", "c"), SECONDS, inputs) as made:
        yield made


@pytest.fixture
def gates(three: Site) -> Iterator[Site]:
    """All of them warm and free, as the test before may have left them otherwise."""
    for name in three.names:
        three.tell(name, models=BOTH, seconds=SECONDS)
    for name in three.names:
        wait_until(lambda name=name: who_answers(three, name) == set(three.names))  # type: ignore[misc]
    yield three
    for name in three.names:
        for part in ("server", "gate"):
            with contextlib.suppress(Exception):
                three.containers[f"{name}-{part}"].unpause()
            three.containers[f"{name}-{part}"].start()


def who_answers(gates: Site, name: str) -> set[str]:
    """Whom a gate asks when it is asked more than its own server can answer."""
    for other in gates.names:
        gates.tell(other, seconds=0.5)
    answers = gates.ask_together(name, len(gates.names) + 2)
    for other in gates.names:
        gates.tell(other, seconds=SECONDS)
    return {answer.by for answer in answers if answer.status == 200}


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "the gates do not come back"
        time.sleep(0.3)


def late_or_lost(answers: list[Answer]) -> list[Answer]:
    assert answers
    return [one for one in answers if one.status not in (200, 503) or one.seconds > PATIENCE]


def test_unhurried_questions_stay_at_home(gates: Site) -> None:
    gates.tell("a", seconds=0.01)
    assert [gates.ask("a").by for _ in range(100)] == ["a"] * 100


def test_questions_at_once_go_out_only_for_want_of_a_place(gates: Site) -> None:
    answers = gates.ask_together("a", 4)
    assert sorted(round(answer.seconds) for answer in answers) == [1, 1, 1, 2]
    # The own one first, then the host behind it in the list; the fourth has the first place that is free again.
    assert [answer.status for answer in answers] == [200] * 4
    assert {answer.by for answer in answers} == {"a", "b", "c"}


OTHERS: dict[str, Any] = {
    "other_bytes": [loaded(digest="ef" * 32), BOTH[1]],
    "not_pinned": [loaded(until=FOR_A_WHILE), BOTH[1]],
    "second_not_pinned": [BOTH[0], loaded(SECOND, "cd" * 32, FOR_A_WHILE)],
    "second_pinned_alone": [loaded(until=FOR_A_WHILE), loaded(SECOND, "cd" * 32)],
    "second_has_the_first_ones_bytes": [loaded(digest="cd" * 32), loaded(SECOND, BOTH[0]["digest"])],
    "one_is_missing": [BOTH[0]],
    "cold": [],
}


@pytest.mark.parametrize("case", OTHERS)
def test_peer_that_has_not_the_same_is_never_asked(gates: Site, case: str) -> None:
    gates.tell("b", models=OTHERS[case])
    time.sleep(NOTICED)
    before = gates.told("b")["answered"]
    answers = gates.ask_together("a", 5)
    assert {answer.by for answer in answers} == {"a", "c"}
    assert late_or_lost(answers) == []
    assert gates.told("b")["answered"] == before


def test_peer_is_not_asked_before_it_was_looked_at(gates: Site) -> None:
    gates.tell("b", models=OTHERS["other_bytes"])
    time.sleep(NOTICED)
    before = gates.told("b")["answered"]
    gates.containers["a-gate"].kill("SIGUSR2")
    answers = []
    ends = time.monotonic() + 3
    while time.monotonic() < ends:
        answers += gates.ask_together("a", 3)
    assert {answer.status for answer in answers} <= {200, 503}
    assert gates.told("b")["answered"] == before


def test_cold_host_is_answered_for_and_asked_itself_where_nobody_is_warm(gates: Site) -> None:
    gates.tell("a", models=[])
    time.sleep(NOTICED)
    assert {gates.ask("a").by for _ in range(3)} <= {"b", "c"}
    for name in ("b", "c"):
        gates.tell(name, models=[])
    time.sleep(NOTICED)
    assert [gates.ask("a").by for _ in range(2)] == ["a", "a"]


def test_busy_peer_is_left_alone_and_stays_up(gates: Site) -> None:
    gates.tell("b", seconds=6)
    gates.tell("c", models=[])
    own: list[Answer] = []
    long = threading.Thread(target=lambda: own.append(gates.ask("b")))
    long.start()
    time.sleep(NOTICED)
    answers = gates.ask_together("a", 2)
    long.join()
    # Both at home, one after the other: neither was refused by a host without a place, nor waited for it.
    assert [answer.by for answer in answers] == ["a", "a"]
    assert sorted(round(answer.seconds) for answer in answers) == [1, 2]
    # The one that was answered at b, by b: nobody had ended it.
    assert [answer.by for answer in own] == ["b"]
    gates.tell("b", seconds=SECONDS)
    time.sleep(1.5)
    assert {answer.by for answer in gates.ask_together("a", 2)} == {"a", "b"}


def test_ollama_has_never_more_than_its_places(gates: Site) -> None:
    """Own questions and those of peers share them; else a question would wait inside Ollama, where no wait ends."""
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda name=name: answers.extend(gates.ask_together(name, 12))) for name in gates.names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert late_or_lost(answers) == []
    assert max(gates.told(name)["most_at_once"] for name in gates.names) == 1
    # What can be answered in that time is.
    assert sum(answer.status == 200 for answer in answers) >= 3 * 5


FAULTS = ["own_stopped", "own_paused", "peer_stopped", "peer_paused", "peer_gate_paused", "link_swallowed"]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_under_questions_costs_its_first_seconds_alone(gates: Site, fault: str) -> None:
    for name in gates.names:
        gates.tell(name, seconds=0.3)
    answers: list[Answer] = []
    with gates.asking("a", 0.25, answers):
        time.sleep(2)
        began = time.time()
        back = break_it(gates, fault)
        time.sleep(10)
        mended = time.time()
        back()
        time.sleep(8)
    assert late_or_lost(answers) == []
    later = [answer for answer in answers if began + 5 <= answer.asked <= mended]
    assert len(later) >= 15
    assert sum(answer.status == 200 for answer in later) >= 0.99 * len(later)
    # Traffic is at home again.
    assert [gates.ask("a").by for _ in range(3)] == ["a"] * 3


def break_it(gates: Site, fault: str) -> Callable[[], object]:
    """The event, and how it is undone."""
    where, _, what = fault.partition("_")
    container: Any = gates.containers[{"own": "a-server", "peer": "b-server", "link": "b-gate"}[where]]
    if what == "gate_paused":
        container = gates.containers["b-gate"]
    if what == "stopped":
        container.stop(timeout=0)

        def start() -> None:
            container.start()
            for _ in range(50):
                with contextlib.suppress(OSError):
                    gates.tell(container.name.split("-")[-2], models=BOTH, seconds=0.3)
                    return
                time.sleep(0.1)

        return start
    if what == "swallowed":
        # Its address leads to nobody: connects hang.
        gates.lan.disconnect(container)
        return lambda: gates.lan.connect(container, ipv4_address=gates.address("b"))
    container.pause()
    return lambda: container.unpause()


def test_alone_a_host_keeps_the_deadline(gates: Site) -> None:
    for name in ("b", "c"):
        gates.containers[f"{name}-gate"].pause()
    time.sleep(NOTICED)
    answers = gates.ask_together("a", 20)
    assert late_or_lost(answers) == []
    assert {answer.by for answer in answers if answer.status == 200} == {"a"}
    assert sum(answer.status == 200 for answer in answers) >= 5


class Stranger:
    """A certificate that nobody made for this."""

    def __init__(self, folder: Path, name: str, days: int = 30, file: str = "stranger.pem") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        mine = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(mine, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(mine.digest, None, None), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.public = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.path = folder / file
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.path.write_bytes(self.public.encode() + private)


def knock(gates: Site, name: str, pem: Path | None, method: str = "GET", path: str = "/api/ps", **how: Any) -> int:
    """What the peers' port of a host answers to a certificate; 0 where it does not even hear the request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if how.get("most"):
        context.maximum_version = how["most"]
    if pem is not None:
        context.load_cert_chain(pem)
    connection = http.client.HTTPSConnection(gates.address(name), 11435, timeout=10, context=context)
    try:
        connection.request(
            method, path, b"{}" if method == "POST" else None, {"archiv-busy": "too", **how.get("headers", {})}
        )
        reply = connection.getresponse()
        reply.read()
        return reply.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def test_port_hears_listed_certificates_alone(gates: Site, tmp_path: Path) -> None:
    listed = gates.gate_dir("b") / "own.pem"
    assert knock(gates, "a", listed) == 200
    assert knock(gates, "a", None) == 0
    # The name is no proof.
    assert knock(gates, "a", Stranger(tmp_path, "b").path) == 0
    # A host knows its peers, not itself.
    assert knock(gates, "a", gates.gate_dir("a") / "own.pem") == 0
    with pytest.warns(DeprecationWarning):
        assert knock(gates, "a", listed, most=ssl.TLSVersion.TLSv1_1) == 0
    assert knock(gates, "a", listed, most=ssl.TLSVersion.TLSv1_2) == 200


def test_expired_certificate_is_refused_though_it_is_listed(gates: Site, tmp_path: Path) -> None:
    late, good = Stranger(tmp_path, "b", days=-1), Stranger(tmp_path, "b", days=1, file="good.pem")
    trusted = gates.gate_dir("a") / "peers.pem"
    before = trusted.read_text()
    try:
        for stranger, answer in ((good, 200), (late, 0)):
            trusted.write_text(before + stranger.public)
            gates.reload("a")
            assert knock(gates, "a", stranger.path) == answer
    finally:
        trusted.write_text(before)
        gates.reload("a")


def test_peers_may_ask_and_look_and_nothing_else(gates: Site) -> None:
    pem = gates.gate_dir("b") / "own.pem"
    looks = gates.told("a")["looks"]
    for method, path in (
        ("POST", "/api/pull"),
        ("DELETE", "/api/delete"),
        ("GET", "/api/tags"),
        ("POST", "/api/ps"),
        ("GET", "/api/generate"),
        ("GET", "/counts"),
        ("POST", "/api//generate"),
    ):
        assert knock(gates, "a", pem, method, path) == 403, path
    # What has come through a peer ends here.
    assert knock(gates, "a", pem, "POST", "/api/generate", headers={"archiv-peer": "1"}) == 403
    assert knock(gates, "a", pem, "POST", "/api/generate") == 200
    assert gates.told("a")["looks"] - looks < 60


def test_who_asks_at_home_cannot_pass_for_a_peer(gates: Site) -> None:
    # With the own place taken, a question with that header goes out as any other does.
    first = threading.Thread(target=lambda: gates.ask("a"))
    first.start()
    time.sleep(0.2)
    connection = http.client.HTTPConnection(gates.address("a"), 11434, timeout=20)
    connection.request("POST", "/api/generate", b"{}", {"Host": "ollama", "archiv-peer": "1", "archiv-busy": "too"})
    reply = connection.getresponse()
    assert (reply.status, b'"response":"a"' in reply.read()) == (200, False)
    connection.close()
    first.join()


def test_certificate_is_replaced_without_a_lost_question(gates: Site) -> None:
    for name in gates.names:
        gates.tell(name, seconds=0.2)
    old = (gates.gate_dir("b") / "own.pem").read_bytes()
    kept = gates.folder / "old.pem"
    kept.write_bytes(old)
    answers: list[Answer] = []
    with gates.asking("a", 0.1, answers):
        gates.certify(["b"], "begin")
        assert (gates.gate_dir("b") / "own.pem").read_bytes() == old
        gates.write()
        for name in gates.names:
            gates.reload(name)
        gates.certify(["b"], "end")
        gates.reload("b")
        # Its peers know both still.
        assert [knock(gates, "a", kept), knock(gates, "a", gates.gate_dir("b") / "own.pem")] == [200, 200]
        gates.write()
        for name in gates.names:
            gates.reload(name)
    assert [knock(gates, "a", kept), knock(gates, "a", gates.gate_dir("b") / "own.pem")] == [0, 200]
    assert {answer.status for answer in answers} == {200}
    wait_until(lambda: who_answers(gates, "a") == set(gates.names))


def test_key_is_the_gates_alone(gates: Site) -> None:
    seen = subprocess.run(
        ["stat", "--format=%a %u", str(gates.gate_dir("a")), str(gates.gate_dir("a") / "own.pem")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.split("\n")[:2] == ["500 99", "400 99"]
    assert all("PRIVATE" not in path.read_text() for path in gates.peers_dir().iterdir())


def test_removed_peer_is_a_stranger(gates: Site) -> None:
    """The last test: c is not listed any more."""
    gates.own["a"] = {"ollama_stack_peers": ["b"]}
    gates.write()
    gates.reload("a")
    assert knock(gates, "a", gates.gate_dir("c") / "own.pem") == 0
    assert knock(gates, "a", gates.gate_dir("b") / "own.pem") == 200
    assert {answer.by for answer in gates.ask_together("a", 4)} == {"a", "b"}
    assert not (gates.gate_dir("a") / "peer-c.pem").exists()
