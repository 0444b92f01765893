"""Registries that are ill or hostile: each has its own error, and the store stays clean."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from itertools import cycle

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._registry.client import RegistryClient
from ansible_collections.archiv.ollama.plugins.module_utils._registry.transport import Response
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import boot_identity
from tests.unit.support.fake_registry import FakeRegistry, Reply, Twist
from tests.unit.support.model_host import (
    MODEL,
    Host,
    lie,
    redirect,
    weights_only,
)
from tests.unit.support.stores import NAME, sha256, tiny_model


def flip(reply: Reply) -> Reply:
    return replace(reply, body=bytes([reply.body[0] ^ 1]) + reply.body[1:])


HOSTILE: dict[str, tuple[Twist, str]] = {
    "no-such-model": (lie(404), "not_found"),
    "needs-newer-ollama": (lie(412), "needs_newer_ollama"),
    "refuses-us": (lie(401), "unauthorized"),
    "forbids": (lie(403), "unauthorized"),
    "always-500": (lie(500), "server_error"),
    "blob-500": (weights_only(lambda reply: replace(reply, status=500)), "server_error"),
    "blob-gone": (weights_only(lambda reply: replace(reply, status=404)), "not_found"),
    "bit-flipped": (weights_only(flip), "digest_mismatch"),
    "swapped": (weights_only(lambda reply: replace(reply, body=bytes(len(reply.body)))), "digest_mismatch"),
    "longer": (
        weights_only(lambda reply: replace(reply, headers={"Content-Range": "bytes 0-32767/999999"})),
        "size_mismatch",
    ),
    "other-range": (
        weights_only(lambda reply: replace(reply, headers={"Content-Range": "bytes 5-32767/300000"})),
        "bad_answer",
    ),
    "whole-but-longer": (
        weights_only(lambda reply: replace(reply, status=200, body=bytes(400_000))),
        "size_mismatch",
    ),
    "range-outside": (weights_only(lambda reply: replace(reply, status=416)), "size_mismatch"),
    "gzipped": (weights_only(lambda reply: replace(reply, headers={"Content-Encoding": "gzip"})), "bad_answer"),
    "hangs-up": (weights_only(lambda reply: replace(reply, cut=0)), "cut"),
    "in-circles": (redirect("/v2/library/m/blobs/again"), "bad_answer"),
    "to-a-file": (redirect("file:///etc/passwd"), "insecure_redirect"),
    "to-nowhere": (lambda seen, reply: Reply(302) if "/blobs/" in seen.path else reply, "bad_answer"),
    "login-page": (lambda seen, reply: replace(reply, body=b"<html>Welcome</html>"), "bad_manifest"),
    "empty-manifest": (lambda seen, reply: replace(reply, body=b""), "bad_manifest"),
    "endless-manifest": (lambda seen, reply: replace(reply, body=bytes(5_000_000)), "bad_answer"),
    "manifest-changed": (
        lambda seen, reply: replace(reply, headers={"Docker-Content-Digest": "sha256:" + "1" * 64}),
        "digest_mismatch",
    ),
    "manifest-cut": (lambda seen, reply: replace(reply, cut=20), "cut"),
}


@pytest.mark.parametrize(("twist", "kind"), HOSTILE.values(), ids=HOSTILE.keys())
def test_ill_registry_gets_its_own_error_and_leaves_the_store_clean(
    host: Host, upstream: FakeRegistry, twist: Twist, kind: str
) -> None:
    upstream.twist = twist
    host.fails(kind)
    assert host.is_clean() and host.manifests() == []
    upstream.twist = lambda seen, reply: reply
    assert host.ok()["changed"] and host.holds() and host.partials() == []


@pytest.mark.parametrize(("twist", "kind"), HOSTILE.values(), ids=HOSTILE.keys())
def test_ill_registry_leaves_the_old_model_serving(host: Host, upstream: FakeRegistry, twist: Twist, kind: str) -> None:
    old = tiny_model(seed=3)
    old.install(host.models)
    upstream.twist = twist
    host.fails(kind, models=[{"name": NAME, "digest": MODEL.digest}])
    assert host.is_clean() and host.holds(old)
    assert (host.models / "manifests" / host.manifests()[0]).read_bytes() == old.manifest


def test_server_errors_are_tried_again_a_bounded_number_of_times(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = lie(503)
    host.fails("server_error")
    assert len(upstream.seen) == 4


def test_server_errors_that_pass_are_survived(host: Host, upstream: FakeRegistry) -> None:
    failing = iter([True, True, False, True, False, False, True])
    upstream.twist = lambda seen, reply: replace(reply, status=502) if next(failing, False) else reply
    assert host.ok()["changed"] and host.holds()


@pytest.mark.parametrize("every", [1, 500, 8191, 20_000])
def test_connection_cut_at_any_byte_is_resumed_there(host: Host, upstream: FakeRegistry, every: int) -> None:
    cuts = iter(range(every, every + 12))
    upstream.twist = weights_only(lambda reply: replace(reply, cut=next(cuts, None)))
    host.ok(connections=2)
    assert host.holds()
    assert upstream.sent <= len(MODEL.manifest) + sum(len(blob) for blob in MODEL.blobs.values())


@pytest.mark.parametrize("ranges", [True, False])
def test_run_after_a_cut_reuses_what_came(host: Host, upstream: FakeRegistry, ranges: bool) -> None:
    upstream.ranges = ranges
    budget = [250_000]

    def until_spent(reply: Reply) -> Reply:
        budget[0] -= len(reply.body)
        return replace(reply, cut=max(0, len(reply.body) + budget[0])) if budget[0] < 0 else reply

    upstream.twist = weights_only(until_spent)
    host.fails("cut", connections=1)
    come = upstream.sent
    assert len(host.partials()) == 2 and come > 200_000
    upstream.twist = lambda seen, reply: reply
    predicted = host.ok(check=True)["download_bytes"]
    host.ok()
    assert host.holds() and host.partials() == []
    if ranges:
        assert upstream.sent - come < 70_000 and predicted < 70_000


def test_wrong_bytes_left_by_an_earlier_run_are_dropped(host: Host, upstream: FakeRegistry) -> None:
    folder = host.models.parent / ".archiv" / "partials"
    folder.mkdir(parents=True)
    digest = sha256(MODEL.blobs["weights"])
    (folder / digest.replace(":", "-")).write_bytes(bytes(200_000))
    record = {"digest": digest, "size": 300_000, "boot": boot_identity(), "done": [[0, 200_000]], "synced": []}
    (folder / f"{digest.replace(':', '-')}.json").write_text(json.dumps(record))
    host.ok()
    assert host.holds() and host.partials() == []
    # The rest came first, so they were believed until their hash was known.
    everything = len(MODEL.manifest) + sum(len(blob) for blob in MODEL.blobs.values())
    assert upstream.sent == 100_000 + everything


def test_stall_is_noticed_in_time(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = weights_only(lambda reply: replace(reply, stall=0))
    begun = time.monotonic()
    assert "no data for 0.6 s" in host.fails("stalled", stall_timeout=0.6)
    assert time.monotonic() - begun < 4


def test_tries_before_the_first_byte_are_no_stall(
    host: Host, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, read = sha256(MODEL.blobs["weights"]), RegistryClient.read
    # Together longer than the time of a stall, each well below the half of it that one answer may take.
    tries, reads = iter([0.75, 0.75]), iter([0.75])

    def slowly(reply: Reply) -> Reply:
        pause = next(tries, 0)
        time.sleep(pause)
        return replace(reply, status=503) if pause else reply

    def read_late(client: RegistryClient, answer: Response, amount: int) -> bytes:
        time.sleep(next(reads, 0) if digest in answer.url else 0)
        return read(client, answer, amount)

    monkeypatch.setattr(RegistryClient, "read", read_late)
    upstream.twist = weights_only(slowly)
    host.ok(stall_timeout=2, connections=1)


def test_one_stalled_connection_does_not_stop_the_others(host: Host, upstream: FakeRegistry) -> None:
    once = iter([True])
    upstream.twist = weights_only(lambda reply: replace(reply, stall=1000) if next(once, False) else reply)
    host.ok(stall_timeout=1)
    assert host.holds()


def test_drip_ends_at_the_deadline(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = weights_only(lambda reply: replace(reply, rate=2000))
    begun = time.monotonic()
    assert "run again" in host.fails("deadline", timeout=0.8)
    assert time.monotonic() - begun < 4
    assert len(host.partials()) == 2, "what came is kept"


class Dripping:
    """A server that sends one line, then a byte each 50 ms for ever."""

    def __init__(self, first: bytes, then: bytes) -> None:
        self.closing = threading.Event()
        self._first, self._then = first, then
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._serving = threading.Thread(target=self._serve, daemon=True)
        self._serving.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(self._first)
            for byte in cycle(self._then):
                if self.closing.wait(0.05):
                    return
                connection.sendall(bytes([byte]))

    def close(self) -> None:
        self.closing.set()
        # A thread that is left in accept was seen to answer for the fake Engine of a later test, under the same number.
        self._server.shutdown(socket.SHUT_RDWR)
        self._serving.join()
        self._server.close()


@pytest.mark.parametrize(
    ("first", "then", "kind", "proxied"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: drop\r\n", "offline", False),
        (b"HTTP/1.1 ", b"2", "offline", False),
        (b"HTTP/1.1 200 Connection established\r\n", b"X-Drip: drop\r\n", "offline", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", "stalled", False),
    ],
    ids=["headers", "status", "proxy", "manifest"],
)
def test_registry_that_drips_is_left(
    host: Host, monkeypatch: pytest.MonkeyPatch, first: bytes, then: bytes, kind: str, proxied: bool
) -> None:
    server = Dripping(first, then)
    began = time.monotonic()
    if proxied:
        monkeypatch.setenv("https_proxy", server.url)
    mirror = "https://registry.example" if proxied else server.url
    host.fails(kind, mirror=mirror, stall_timeout=1, timeout=30)
    server.close()
    assert time.monotonic() - began < 10
    assert not host.blobs()


def test_silent_registry_is_offline(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = lambda seen, reply: replace(reply, stall=0)
    host.fails("offline", stall_timeout=0.4)


def test_closed_port_is_offline(host: Host) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    assert "refused" in host.fails("offline", mirror=url)
