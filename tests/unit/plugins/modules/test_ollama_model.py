"""ollama_model against a registry on a real socket: honest ones, ill ones and hostile ones."""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._entry import model as _run
from ansible_collections.archiv.ollama.plugins.module_utils._install import apply as _install
from ansible_collections.archiv.ollama.plugins.module_utils._install import download as _fetch
from ansible_collections.archiv.ollama.plugins.module_utils._install import ensure as _ensure
from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.module_utils._registry.client import Answer, RegistryClient
from ansible_collections.archiv.ollama.plugins.module_utils._store import inspect as _look
from ansible_collections.archiv.ollama.plugins.module_utils._store import receipts as _receipts
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.hashing import FileKey
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import Receipts, boot_identity
from ansible_collections.archiv.ollama.plugins.modules import ollama_model
from tests.unit.plugins.certificates import Authority
from tests.unit.plugins.fake_registry import FakeRegistry, Reply, Seen, Twist, registry
from tests.unit.plugins.stores import NAME, TinyModel, sha256, tiny_model

MODEL = tiny_model(weights=300_000)
PATH = f"library/{NAME}"
CANARY = "canary-secret"
Fact = dict[str, Any]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code, with waits of milliseconds, parts of kilobytes, and nobody trusted beside a given ca_path."""
    monkeypatch.setattr(_registry, "make_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.setattr(_registry, "WAITS", (0.01, 0.02, 0.03))
    monkeypatch.setattr(_receipts, "FINE_RACY_SECONDS", 0)
    monkeypatch.setattr(_fetch, "_PART_MIN", 32 * 1024)
    monkeypatch.setattr(_fetch, "_PART_MAX", 32 * 1024)
    monkeypatch.setattr(_fetch, "_READ_MIN", 2 * 1024)
    monkeypatch.setattr(_fetch, "_READ_MAX", 8 * 1024)


@pytest.fixture
def upstream() -> Iterator[FakeRegistry]:
    with registry() as server:
        server.publish(PATH, MODEL)
        yield server


class Host:
    """A host's store, and the module run on it."""

    def __init__(self, folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> None:
        self.models = folder / "volume" / "models"
        self.receipts = folder / "receipts"
        self.upstream = upstream
        self._capsys = capsys

    def options(self, **given: Any) -> Fact:
        return {
            "models": [NAME],
            "store": str(self.models),
            "receipts_dir": str(self.receipts),
            "mirror": self.upstream.url,
            "insecure": True,
            "restart": False,
            "timeout": 20,
            "stall_timeout": 5,
            **given,
        }

    def run(self, *, check: bool = False, **options: Any) -> Fact:
        given = {**self.options(**options), "_ansible_check_mode": check}
        with patch_module_args(given), pytest.raises(SystemExit):
            ollama_model.main()
        result: Fact = json.loads(self._capsys.readouterr().out)
        assert CANARY not in json.dumps({**result, "invocation": None})
        return result

    def ok(self, **options: Any) -> Fact:
        result = self.run(**options)
        assert not result.get("failed"), result["msg"]
        return result

    def fails(self, kind: str, **options: Any) -> str:
        result = self.run(**options)
        assert result.get("failed"), result
        assert (result["kind"], "Traceback" in result["msg"]) == (kind, False), result["msg"]
        return str(result["msg"])

    def blobs(self) -> dict[str, bytes]:
        folder = self.models / "blobs"
        return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else {}

    def manifests(self) -> list[str]:
        folder = self.models / "manifests"
        return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())

    def partials(self) -> list[str]:
        folder = self.models.parent / ".archiv" / "partials"
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def holds(self, model: TinyModel = MODEL) -> bool:
        blobs = self.blobs()
        return all(blobs.get(sha256(content).replace(":", "-")) == content for content in model.blobs.values())

    def is_clean(self) -> bool:
        """Nothing at a final path that is not what its name says."""
        return all(sha256(content).replace(":", "-") == name for name, content in self.blobs().items())


@pytest.fixture
def host(tmp_path: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, upstream, capsys)


def weights_only(change: Callable[[Reply], Reply]) -> Twist:
    digest = sha256(MODEL.blobs["weights"])
    return lambda seen, reply: change(reply) if digest in seen.path else reply


# Installing


def test_install_puts_every_byte_in_place_whatever_the_umask(host: Host) -> None:
    before = os.umask(0o077)
    try:
        result = host.ok()
    finally:
        os.umask(before)
    assert result["changed"] and host.holds() and host.manifests() == [f"registry.ollama.ai/{PATH.replace(':', '/')}"]
    assert result["models"][0]["digest"] == MODEL.digest
    assert (result["models"][0]["cached"], result["models"][0]["intact"]) == (True, True)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in host.models.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in host.models.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o644}, {0o755})
    assert host.partials() == []


def test_second_run_changes_nothing_and_asks_nobody(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    asked = len(upstream.seen)
    upstream.close()
    again = host.ok()
    assert not again["changed"] and len(upstream.seen) == asked
    assert again["models"][0]["intact"] is True


def test_check_mode_predicts_the_run_and_writes_nothing(host: Host, upstream: FakeRegistry) -> None:
    predicted = host.ok(check=True)
    assert not host.models.parent.exists() and not host.receipts.exists()
    assert upstream.blob_requests() == []
    real = host.ok()
    for told in ("changed", "models", "download_bytes", "msg", "diff"):
        assert predicted[told] == real[told]
    assert real["download_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())


def test_existing_store_is_adopted_without_a_change(host: Host, upstream: FakeRegistry) -> None:
    MODEL.install(host.models)
    adopted = host.ok()
    assert (adopted["changed"], adopted["models"][0]["intact"]) == (False, True)
    assert upstream.seen == []
    assert json.loads(next(host.receipts.glob("*.json")).read_text())["blobs"].keys() == {
        sha256(blob) for blob in MODEL.blobs.values()
    }


def test_blobs_that_are_there_already_do_not_come_again(host: Host, upstream: FakeRegistry) -> None:
    MODEL.install(host.models).unlink()
    result = host.ok()
    assert result["changed"] and result["download_bytes"] == 0 and upstream.blob_requests() == []


def test_blob_with_a_good_name_and_bad_bytes_is_not_trusted(host: Host, upstream: FakeRegistry) -> None:
    MODEL.install(host.models).unlink()
    MODEL.blob_path(host.models, "weights").write_bytes(bytes(300_000))
    host.ok()
    assert host.holds() and len({seen.path for seen in upstream.blob_requests()}) == 1


def test_several_connections_fetch_each_byte_once(host: Host, upstream: FakeRegistry) -> None:
    host.ok(connections=4)
    ranges = [seen.headers["range"] for seen in upstream.blob_requests(sha256(MODEL.blobs["weights"]))]
    assert len(ranges) == len(set(ranges)) == 10
    assert upstream.sent == len(MODEL.manifest) + sum(len(blob) for blob in MODEL.blobs.values())


def test_registry_that_ignores_ranges_sends_everything_once(host: Host, upstream: FakeRegistry) -> None:
    upstream.ranges = False
    host.ok()
    assert host.holds()
    assert len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) == 1


def test_stored_spelling_of_a_name_is_kept(host: Host, upstream: FakeRegistry) -> None:
    other = tiny_model(seed=1)
    other.install(host.models, "registry.ollama.ai", "library", "other", "7B-Instruct-Q4_K_M")
    host.ok(models=[NAME])
    assert host.manifests() == [
        "registry.ollama.ai/library/other/7B-Instruct-Q4_K_M",
        "registry.ollama.ai/library/qwen2.5/7B-Instruct-Q4_K_M",
    ]
    assert not host.ok(models=[NAME.upper().replace("QWEN", "qwen")])["changed"]


def test_model_of_another_registry_does_not_use_the_mirror(host: Host, authority: Authority) -> None:
    # The mirror is the one that is insecure.
    with registry(authority.server_context()) as own:
        own.publish("team/m:1", MODEL)
        host.ok(models=[f"{own.host}/team/m:1"], ca_path=str(authority.path))
    assert host.upstream.seen == []
    assert host.manifests() == [f"{own.host}/team/m/1"]


def test_ollama_version_is_told_to_the_registry(host: Host, upstream: FakeRegistry) -> None:
    host.ok(ollama_version="0.34.2")
    assert {seen.headers["user-agent"].split()[0] for seen in upstream.seen} == {"ollama/0.34.2"}


# Pins


def test_pin_that_fits_is_installed(host: Host) -> None:
    assert host.ok(models=[{"name": NAME, "digest": MODEL.digest}])["changed"]


def test_pin_that_the_registry_no_longer_has_is_refused(host: Host) -> None:
    message = host.fails("digest_mismatch", models=[{"name": NAME, "digest": "sha256:" + "0" * 64}])
    assert MODEL.digest in message and "moved" in message
    assert host.manifests() == [] and host.blobs() == {}


def test_pin_that_a_tag_has_left_is_installed_where_the_registry_keeps_it(host: Host, upstream: FakeRegistry) -> None:
    folder = "/v2/library/qwen2.5/manifests/"
    upstream.manifests[folder + MODEL.digest] = MODEL.manifest
    for newer in (tiny_model(seed=7), None):
        if newer:
            upstream.publish(PATH, newer)
        else:
            del upstream.manifests[folder + NAME.partition(":")[2]]
        assert host.ok(models=[{"name": NAME, "digest": MODEL.digest}])["models"][0]["digest"] == MODEL.digest
        shutil.rmtree(host.models)


def test_registry_that_gives_another_manifest_for_a_digest_is_not_believed(host: Host, upstream: FakeRegistry) -> None:
    pin = "sha256:" + "0" * 64
    upstream.manifests[f"/v2/library/qwen2.5/manifests/{pin}"] = tiny_model(seed=7).manifest
    assert "moved" in host.fails("digest_mismatch", models=[{"name": NAME, "digest": pin}])
    assert host.manifests() == []


def test_pin_replaces_another_model_of_that_name(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    newer = tiny_model(seed=7)
    upstream.publish(PATH, newer)
    assert not host.ok()["changed"]
    result = host.ok(models=[{"name": NAME, "digest": newer.digest}])
    assert result["changed"] and result["models"][0]["digest"] == newer.digest and host.holds(newer)
    assert host.holds(MODEL), "what was replaced stays until a prune"
    assert result["store"]["unreferenced_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())


# Registries that are ill or hostile


def lie(status: int) -> Twist:
    return lambda seen, reply: replace(reply, status=status, body=b"")


def redirect(location: str) -> Twist:
    return lambda seen, reply: Reply(307, headers={"Location": location}) if "/blobs/" in seen.path else reply


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
    upstream.twist = weights_only(lambda reply: replace(reply, cut=16_000))
    folder = host.models.parent / ".archiv" / "partials"
    folder.mkdir(parents=True)
    digest = sha256(MODEL.blobs["weights"])
    (folder / digest.replace(":", "-")).write_bytes(bytes(200_000))
    record = {"digest": digest, "size": 300_000, "boot": boot_identity(), "done": [[0, 200_000]], "synced": []}
    (folder / f"{digest.replace(':', '-')}.json").write_text(json.dumps(record))
    upstream.twist = lambda seen, reply: reply
    host.ok()
    assert host.holds() and host.partials() == []


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

    def read_late(client: RegistryClient, answer: Answer, amount: int) -> bytes:
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
        threading.Thread(target=self._serve, daemon=True).start()

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


# Redirects and credentials


def expects(authorization: str, challenge: str) -> Twist:
    def twist(seen: Seen, reply: Reply) -> Reply:
        if seen.path.startswith("/v2/") and seen.headers.get("authorization") != authorization:
            return Reply(401, headers={"WWW-Authenticate": challenge})
        return reply

    return twist


BASIC = "Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()


def login(at: FakeRegistry, **given: str) -> dict[str, str]:
    return {"host": at.host, "username": "me", "password": CANARY, **given}


def test_basic_credentials_open_the_registry(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = expects(BASIC, 'Basic realm="models"')
    host.ok(registries=[login(upstream)])
    assert host.holds()


def test_wrong_credentials_are_told_as_such(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = expects("Basic other", 'Basic realm="models"')
    host.fails("unauthorized", registries=[login(upstream)])
    assert len(upstream.seen) == 2


def test_token_service_of_the_registry_sees_credentials_and_scope(host: Host, upstream: FakeRegistry) -> None:
    guard = expects(
        "Bearer t0ken",
        f'Bearer realm="{upstream.url}/token",service="reg",scope="repository:library/qwen2.5:pull"',
    )

    def twist(seen: Seen, reply: Reply) -> Reply:
        if seen.path == "/token":
            return Reply(200, b'{"token": "t0ken"}')
        return guard(seen, reply)

    upstream.twist = twist
    host.ok(registries=[login(upstream)])
    asked = next(seen for seen in upstream.seen if seen.path == "/token")
    assert asked.headers["authorization"] == BASIC
    assert asked.query == "service=reg&scope=repository%3Alibrary%2Fqwen2.5%3Apull"


@pytest.mark.parametrize("status", [429, 503])
def test_token_service_that_is_ill_is_asked_again(host: Host, upstream: FakeRegistry, status: int) -> None:
    guard = expects("Bearer t0ken", f'Bearer realm="{upstream.url}/token"')
    token = iter([Reply(status), Reply(200, b'{"token": "t0ken"}')])
    upstream.twist = lambda seen, reply: next(token) if seen.path == "/token" else guard(seen, reply)
    host.ok()
    upstream.twist = lambda seen, reply: Reply(status) if seen.path == "/token" else guard(seen, reply)
    assert "token service" in host.fails("server_error", models=["other:1"])


def test_token_service_elsewhere_must_be_https(host: Host, upstream: FakeRegistry) -> None:
    with registry() as thief:
        upstream.twist = expects("Bearer x", f'Bearer realm="{thief.url}/token"')
        host.fails("unauthorized", registries=[login(upstream)])
        assert thief.seen == []


def token_service(tokens: FakeRegistry) -> None:
    """Gives a token to who says BASIC, and to nobody else."""
    tokens.twist = lambda seen, _reply: (
        Reply(200, b'{"token": "t0ken"}') if seen.headers.get("authorization") == BASIC else Reply(401)
    )


def test_token_service_elsewhere_is_shown_the_login_where_it_is_named(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure, registry(authority.server_context()) as tokens:
        secure.publish(PATH, MODEL)
        secure.twist = expects("Bearer t0ken", f'Bearer realm="{tokens.url}/token"')
        token_service(tokens)
        asked = {"mirror": secure.url, "insecure": False, "ca_path": str(authority.path)}
        message = host.fails("unauthorized", registries=[login(secure)], **asked)
        assert f"token_host: {tokens.host}" in message
        assert not any("authorization" in seen.headers for seen in tokens.seen)
        host.ok(registries=[login(secure, token_host=tokens.host)], **asked)
        assert host.holds()
        assert BASIC not in [seen.headers.get("authorization") for seen in secure.seen]


def test_token_service_that_refuses_the_login_is_told_as_such(host: Host, upstream: FakeRegistry) -> None:
    guard = expects("Bearer t0ken", f'Bearer realm="{upstream.url}/token"')
    upstream.twist = lambda seen, reply: Reply(401) if seen.path == "/token" else guard(seen, reply)
    assert f"rejected the login for {upstream.host}" in host.fails("unauthorized", registries=[login(upstream)])
    assert "add one to `registries`" in host.fails("unauthorized")


def test_each_registry_of_a_list_sees_its_own_login_alone(host: Host, upstream: FakeRegistry) -> None:
    with registry() as other:
        other.publish("team/m:1", MODEL)
        theirs = "Basic " + base64.b64encode(f"them:{CANARY}-2".encode()).decode()
        upstream.twist, other.twist = expects(BASIC, 'Basic realm="a"'), expects(theirs, 'Basic realm="b"')
        upstream.publish("team/m:2", MODEL)
        logins = [login(upstream), login(other, username="them", password=f"{CANARY}-2")]
        names = [f"{other.host}/team/m:1", f"{upstream.host}/team/m:2"]
        host.ok(models=names, mirror=None, registries=logins)
        assert {seen.headers.get("authorization") for seen in upstream.seen} == {None, BASIC}
        assert {seen.headers.get("authorization") for seen in other.seen} <= {None, theirs}
        host.fails("unauthorized", models=[f"{other.host}/team/m:3"], mirror=None, registries=logins[:1])
        assert {seen.headers.get("authorization") for seen in other.seen} <= {None, theirs}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"host": "https://reg.example"}, "host 'https://reg.example'"),
        ({"host": f"me:{CANARY}@reg.example"}, "host 'reg.example'"),
        ({"token_host": "reg.example/token"}, "token_host 'reg.example/token'"),
        ({"token_host": "reg.example:70000"}, "token_host 'reg.example:70000'"),
        ({"username": "a:b"}, "username of reg.example contains a colon"),
        ({"password": ""}, "password of reg.example is empty"),
    ],
)
def test_login_that_cannot_be_meant_is_refused(host: Host, wrong: dict[str, str], says: str) -> None:
    entry = {"host": "reg.example", "username": "me", "password": CANARY, **wrong}
    message = host.fails("input", registries=[entry])
    assert f"registries: {says}" in message
    assert host.upstream.seen == []


def test_registry_that_is_given_two_logins_is_refused(host: Host) -> None:
    twice = [{"host": name, "username": "me", "password": CANARY} for name in ("reg.example", "REG.example")]
    assert "host 'reg.example' is listed more than once" in host.fails("input", registries=twice)


def test_blob_host_is_found_once_and_never_sees_credentials(host: Host, upstream: FakeRegistry) -> None:
    guard = expects(BASIC, 'Basic realm="models"')
    with registry() as blobs:
        blobs.blobs = upstream.blobs

        def twist(seen: Seen, reply: Reply) -> Reply:
            answer = guard(seen, reply)
            if answer.status < 400 and "/blobs/" in seen.path:
                return Reply(307, headers={"Location": f"{blobs.url}{seen.path}?sig={CANARY}"})
            return answer

        upstream.twist = twist
        host.ok(registries=[login(upstream)])
        assert host.holds()
        assert len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) == 1
        assert len(blobs.blob_requests(sha256(MODEL.blobs["weights"]))) == 10
        assert not any("authorization" in seen.headers for seen in blobs.seen)


def test_netrc_of_the_host_is_not_sent(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    host.ok()
    assert not any("authorization" in seen.headers for seen in host.upstream.seen)


def test_address_that_ran_out_is_asked_for_again(host: Host, upstream: FakeRegistry) -> None:
    with registry() as blobs:
        blobs.blobs = upstream.blobs
        signatures, uses = count(), Counter[str]()

        def point(seen: Seen, reply: Reply) -> Reply:
            if "/blobs/" not in seen.path:
                return reply
            return Reply(307, headers={"Location": f"{blobs.url}{seen.path}?sig={next(signatures)}"})

        def run_out(seen: Seen, reply: Reply) -> Reply:
            # Counted, not timed: whoever was just given an address can use it, however long that takes.
            uses[seen.query] += 1
            return replace(reply, status=403) if uses[seen.query] > 2 else reply

        upstream.twist, blobs.twist = point, run_out
        host.ok(connections=2)
        assert host.holds() and len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) > 1


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_private_authority_is_trusted_when_given(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        assert "ca_path" in host.fails("untrusted", mirror=secure.url, insecure=False)
        host.ok(mirror=secure.url, insecure=False, ca_path=str(authority.path))
    assert host.holds()


def test_authority_that_only_python_would_not_take_is_trusted(
    host: Host, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strict() -> ssl.SSLContext:
        # As Python 3.13 makes it.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(_registry, "make_context", strict)
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        host.ok(mirror=secure.url, ca_path=str(authority.path))


def test_authority_that_did_not_sign_is_told_apart_from_none(host: Host, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with registry(authority.server_context()) as secure:
        assert "set `ca_path` to the certificate of the CA that signed it" in host.fails("untrusted", mirror=secure.url)
        told = host.fails("untrusted", mirror=secure.url, ca_path=str(other.path))
        assert f"`ca_path` {other.path} does not contain the CA that signed it" in told


def test_insecure_does_not_turn_off_the_check_of_a_certificate(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        host.fails("untrusted", mirror=secure.url, insecure=True)


def test_redirect_from_https_to_http_is_refused(host: Host, authority: Authority) -> None:
    with registry(authority.server_context()) as secure:
        secure.publish(PATH, MODEL)
        secure.twist = redirect(f"{host.upstream.url}/x")
        host.fails("insecure_redirect", mirror=secure.url, ca_path=str(authority.path))
    assert host.upstream.seen == []


def test_tls_to_a_plain_port_is_told_as_such(host: Host) -> None:
    host.fails("untrusted", mirror=host.upstream.url.replace("http:", "https:"))


# Repair


def missing(blob: Path) -> None:
    blob.unlink()


def truncated(blob: Path) -> None:
    os.truncate(blob, blob.stat().st_size // 2)


def zeroed(blob: Path) -> None:
    blob.write_bytes(bytes(blob.stat().st_size))


def one_bit(blob: Path) -> None:
    status, content = blob.stat(), blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))


def folder(blob: Path) -> None:
    blob.unlink()
    (blob / "deep").mkdir(parents=True)


def dangling(blob: Path) -> None:
    blob.unlink()
    blob.symlink_to("/nonexistent/blob")


def stale_partials(blob: Path) -> None:
    blob.unlink()
    for suffix in ("-partial", "-partial-0", "-partial-1"):
        Path(f"{blob}{suffix}").write_bytes(b"garbage")


@pytest.mark.parametrize("damage", [missing, truncated, zeroed, one_bit, folder, dangling, stale_partials])
@pytest.mark.parametrize("role", ["weights", "config", "template"])
def test_damage_is_healed_and_only_the_damaged_comes_again(
    host: Host, upstream: FakeRegistry, damage: Callable[[Path], None], role: str
) -> None:
    host.ok()
    cache = host.models / "metadata" / f"{sha256(MODEL.blobs[role]).replace(':', '-')}.json"
    cache.parent.mkdir()
    cache.write_text("{}")
    damage(MODEL.blob_path(host.models, role))
    upstream.seen.clear()
    result = host.ok()
    assert result["changed"] and host.holds() and host.partials() == []
    assert [blob["role"] for blob in result["models"][0]["fetched"]] == [role]
    assert {seen.path.rpartition("/")[2] for seen in upstream.seen} == {sha256(MODEL.blobs[role])}
    assert not cache.exists(), "what was read from the damaged header would stay wrong"
    assert sorted(host.blobs()) == sorted(sha256(blob).replace(":", "-") for blob in MODEL.blobs.values())
    assert not host.ok()["changed"]


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(400), b'{"schemaVersion":2,"config":{},"layers":[]}'])
def test_damaged_manifest_comes_again_and_blobs_stay(host: Host, upstream: FakeRegistry, content: bytes) -> None:
    host.ok()
    manifest = host.models / "manifests" / host.manifests()[0]
    manifest.write_bytes(content)
    upstream.seen.clear()
    assert host.ok()["changed"] and manifest.read_bytes() == MODEL.manifest
    assert upstream.blob_requests() == []


def test_replaced_bytes_are_remembered_until_the_server_was_restarted(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarts: list[list[str]] = []

    def restart(engine: object, containers: list[str], wanted: list[str], within: float) -> str:
        restarts.append(wanted)
        return ""

    server = SimpleNamespace(name="archiv-ollama-1")
    monkeypatch.setattr(_run, "connect", lambda docker_host: (object(), ""))
    monkeypatch.setattr(_run, "serving", lambda engine, project, service, since: [server])
    monkeypatch.setattr(_run, "restart_and_load", restart)
    host.ok(restart=True)
    assert restarts == [], "a new model is seen at once"
    zeroed(MODEL.blob_path(host.models, "weights"))
    host.ok(restart=False)
    assert host.ok(restart=True, check=True)["restarted"] == ["archiv-ollama-1"] and restarts == []
    result = host.ok(restart=True)
    assert result["restarted"] == ["archiv-ollama-1"] and result["changed"] and restarts == [[NAME]]
    assert host.ok(restart=True)["restarted"] == [] and len(restarts) == 1


def test_damage_is_seen_past_a_kept_receipt_with_verify_full(host: Host) -> None:
    host.ok()
    assert host.ok(verify="full")["msg"].endswith("all bytes hashed")


def test_bytes_that_were_not_read_again_keep_the_age_of_their_proof(host: Host, upstream: FakeRegistry) -> None:
    def read() -> dict[str, Fact]:
        blobs: dict[str, Fact] = json.loads(next(host.receipts.glob("*.json")).read_text())["blobs"]
        return {digest: blobs[digest] for digest in map(sha256, MODEL.blobs.values())}

    upstream.publish("library/other:1", tiny_model(seed=5))
    host.ok()
    first = read()
    host.ok(models=[NAME, "other:1"])
    assert read() == first
    host.ok(verify="full")
    assert all(blob["made"] > first[digest]["made"] for digest, blob in read().items())


def test_offline_repair_says_exactly_what_it_could_not_get(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    for role in ("weights", "template"):
        zeroed(MODEL.blob_path(host.models, role))
    upstream.close()
    result = host.run()
    assert result["kind"] == "offline"
    lacking = {sha256(MODEL.blobs[role]) for role in ("weights", "template")}
    assert {blob["digest"] for blob in result["lacking"]} == lacking
    assert all(digest in result["msg"] for digest in lacking)
    assert MODEL.blob_path(host.models, "weights").read_bytes() == bytes(300_000), "replaced only by good bytes"


def test_repair_can_be_forbidden(host: Host) -> None:
    host.ok()
    zeroed(MODEL.blob_path(host.models, "weights"))
    assert sha256(MODEL.blobs["weights"]).replace(":", "-") in host.fails("damaged", repair=False)
    assert not host.holds()


def test_blob_the_server_cannot_read_becomes_readable(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    blob = MODEL.blob_path(host.models, "weights")
    blob.chmod(0o600)
    upstream.seen.clear()
    assert host.ok()["changed"] and stat.S_IMODE(blob.stat().st_mode) == 0o644
    assert upstream.seen == [] and not host.ok()["changed"]


@pytest.mark.parametrize("folder", [".", "blobs", "manifests", "manifests/registry.ollama.ai/library/qwen2.5"])
def test_folder_the_server_cannot_enter_is_opened(host: Host, upstream: FakeRegistry, folder: str) -> None:
    host.ok()
    (host.models / folder).chmod(0o700)
    assert host.ok(check=True)["changed"] and "`repair` is false" in host.fails("damaged", repair=False)
    upstream.seen.clear()
    assert host.ok()["changed"] and stat.S_IMODE((host.models / folder).stat().st_mode) == 0o755
    assert upstream.seen == [] and not host.ok()["changed"]


def test_new_model_opens_the_folders_it_comes_into(host: Host) -> None:
    (host.models / "blobs").mkdir(parents=True)
    for path in (host.models, host.models / "blobs"):
        path.chmod(0o700)
    host.ok()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (host.models, host.models / "blobs")} == {0o755}
    assert not host.ok()["changed"]


def test_server_that_started_while_bytes_came_counts_as_stale(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    weights = MODEL.blob_path(host.models, "weights")
    zeroed(weights)
    upstream.twist = weights_only(lambda reply: replace(reply, rate=600_000))
    host.ok(connections=1)
    assert (host.models.parent / ".archiv/stale").stat().st_mtime_ns >= weights.stat().st_ctime_ns


def test_what_a_killed_run_left_aside_is_no_hindrance(host: Host) -> None:
    host.ok()
    (host.models.parent / ".archiv/partials/manifest.aside/deep").mkdir(parents=True)
    manifest = host.models / "manifests" / host.manifests()[0]
    folder(manifest)
    assert host.ok()["changed"] and manifest.read_bytes() == MODEL.manifest and host.partials() == []


# Durability


def test_every_name_appears_after_its_bytes_and_the_manifest_last(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of syscalls that a power cut cannot turn into a model with wrong bytes."""
    steps: list[tuple[str, str]] = []
    real_fsync, real_replace = os.fsync, os.replace

    def spy_fsync(fd: int) -> None:
        steps.append(("sync", os.readlink(f"/proc/self/fd/{fd}")))
        real_fsync(fd)

    def spy_replace(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        steps.append(("name", os.path.join(os.readlink(f"/proc/self/fd/{dst_dir_fd}"), target)))
        steps.append(("from", os.path.join(os.readlink(f"/proc/self/fd/{src_dir_fd}"), source)))
        real_replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    host.ok()
    manifest = str(host.models / "manifests" / host.manifests()[0])
    named = {target: position for position, (what, target) in enumerate(steps) if what == "name"}
    finals = [str(MODEL.blob_path(host.models, role)) for role in MODEL.blobs] + [manifest]
    receipt = next(target for target in named if str(host.receipts) in target)
    for final in finals:
        position = named[final]
        assert ("sync", steps[position + 1][1]) in steps[:position], f"{final} was named before its bytes were safe"
        before_what_follows = named[manifest] if final != manifest else named[receipt]
        safe = steps[position:before_what_follows]
        assert ("sync", os.path.dirname(final)) in safe, f"the name of {final} was not made safe"
    assert all(named[final] < named[manifest] for final in finals[:-1])


def test_adopted_store_is_on_disk_before_it_is_hashed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    MODEL.install(host.models)
    steps: list[str] = []
    real_fsync, real_prove = os.fsync, _look.prove_blobs

    def spy_fsync(fd: int) -> None:
        steps.append(os.readlink(f"/proc/self/fd/{fd}"))
        real_fsync(fd)

    def spy_prove(*args: Any) -> Any:
        steps.append("hash")
        return real_prove(*args)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(_install, "prove_blobs", spy_prove)
    host.ok()
    before = steps[: steps.index("hash")]
    assert {str(MODEL.blob_path(host.models, role)) for role in MODEL.blobs} | {str(host.models / "blobs")} <= set(
        before
    )
    manifest = host.models / "manifests" / host.manifests()[0]
    names = {str(manifest), *(str(folder) for folder in manifest.parents if host.models in folder.parents)}
    until_receipt = steps[: next(at for at, step in enumerate(steps) if str(host.receipts) in step)]
    assert names <= set(until_receipt)


def test_full_disk_is_refused_before_the_first_byte(
    host: Host, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs

    def nearly_full(descriptor: int) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 10**6, 10, 10, *real(descriptor)[5:]))

    monkeypatch.setattr(os, "statvfs", nearly_full)
    for check in (True, False):
        host.fails("no_space", check=check)
    assert upstream.blob_requests() == [] and host.blobs() == {}


def test_disk_that_fills_up_gets_its_room_back(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def until_full(fd: int, data: bytes, offset: int) -> int:
        if offset > 100_000:
            raise OSError(28, "No space left on device")
        return real(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", until_full)
    host.fails("no_space")
    assert host.partials() == [] and host.blobs() == {}
    monkeypatch.setattr(os, "pwrite", real)
    host.ok()
    assert host.holds()


@pytest.mark.parametrize("error", [None, OSError(errno.EIO, "Input/output error")])
def test_slow_disk_is_heard_out(
    host: Host, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch, error: OSError | None
) -> None:
    heard: list[bool] = []

    def sync(_fd: int) -> None:
        heard.append(False)
        time.sleep(0.6)
        heard[-1] = True
        if error:
            raise error

    monkeypatch.setattr(_fetch, "_RECORD_SECONDS", 0.01)
    monkeypatch.setattr(_fetch, "_SYNC_ROUNDS", 1)
    monkeypatch.setattr(_fetch, "_JOIN_SECONDS", 0)
    monkeypatch.setattr(os, "fdatasync", sync)
    upstream.twist = weights_only(lambda reply: replace(reply, rate=1_000_000))
    result = host.run()
    assert heard and all(heard)
    assert (result.get("kind"), host.manifests() == []) == (("disk", True) if error else (None, False))
    assert host.partials() == [], "neither bytes that may not be on disk nor a record that came late"


def test_store_split_over_file_systems_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Disk.stat

    def elsewhere(disk: Disk, path: str) -> os.stat_result:
        found = real(disk, path)
        away = path == str(host.models / "blobs")
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:])) if away else found

    monkeypatch.setattr(Disk, "stat", elsewhere)
    assert "file system" in host.fails("store")


def test_file_where_a_folder_belongs_is_named(host: Host) -> None:
    host.models.mkdir(parents=True)
    (host.models / "manifests").write_text("oops")
    assert "should be a folder" in host.fails("store")


# Killed at any step


@pytest.fixture(scope="module")
def killer() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).parents[1] / "killed_install.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def killed_install(killer: subprocess.Popen[str], host: Host, at: int, **options: Any) -> int:
    """Run the module in a process that is killed before its at-th step (0: never); the steps it took."""
    assert killer.stdin is not None and killer.stdout is not None
    killer.stdin.write(json.dumps([at, host.options(**options)]) + "\n")
    killer.stdin.flush()
    status, steps = json.loads(killer.stdout.readline())
    # A slow machine records its progress more often, so a later run may end before its at-th step.
    ended = status == 0 and (at == 0 or 0 < steps < at)
    assert ended or (at and status == -signal.SIGKILL), (status, steps, at)
    return int(steps)


KILLS = int(os.environ.get("ARCHIV_KILLS", "5"))


@pytest.mark.parametrize("target", ["install", "repair", "absent"])
def test_run_killed_at_any_step_is_finished_by_the_next(host: Host, killer: subprocess.Popen[str], target: str) -> None:
    options: Fact = {"state": "absent"} if target == "absent" else {}
    steps = 0
    for number in range(KILLS + 1):
        for leftover in (host.models.parent, host.receipts):
            shutil.rmtree(leftover, ignore_errors=True)
        if target != "install":
            host.ok()
        if target == "repair":
            zeroed(MODEL.blob_path(host.models, "weights"))
        for blob in host.models.glob("blobs/*"):
            os.utime(blob, (0, 0))
        if number == 0:
            steps = killed_install(killer, host, 0, **options)
            continue
        killed_install(killer, host, max(1, steps * number // (KILLS + 1)), **options)
        assert target == "repair" or host.is_clean()
        assert target == "repair" or not host.manifests() or host.holds()
        host.ok(prune=target == "absent", **options)
        assert host.is_clean() and host.partials() == []
        assert host.holds() is (target != "absent")
        assert not host.ok(**options)["changed"]


def test_killed_download_goes_on_where_it_was(
    host: Host, upstream: FakeRegistry, killer: subprocess.Popen[str]
) -> None:
    upstream.twist = weights_only(lambda reply: replace(reply, rate=60_000))
    killed_install(killer, host, -120_000, connections=1)
    come = upstream.sent
    upstream.twist = lambda seen, reply: reply
    host.ok()
    everything = len(MODEL.manifest) + sum(len(blob) for blob in MODEL.blobs.values())
    assert host.holds() and upstream.sent <= everything + 0.1 * come


# Locks and neighbours


def test_other_writer_is_waited_for_and_named(host: Host) -> None:
    lock = host.models.parent / ".archiv" / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert str(lock) in host.fails("lock", timeout=0.5)
        timer = threading.Timer(0.3, lambda: fcntl.flock(held, fcntl.LOCK_UN))
        timer.start()
        assert host.ok()["changed"]
        timer.join()


def test_receipts_written_while_the_lock_was_waited_for_are_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "sha256:" + "a" * 64

    def write_meanwhile(_disk: Disk, _lock: str) -> str:
        Receipts(str(host.models), str(host.receipts)).write({other: FileKey(1, 2, 3, 0, 0)})
        return "another writer"

    monkeypatch.setattr(_ensure, "who_holds", write_meanwhile)
    host.ok()
    assert other in next(host.receipts.glob("*.json")).read_text()


def test_absent_takes_the_model_and_what_only_it_used(host: Host, upstream: FakeRegistry) -> None:
    sibling = TinyModel({**tiny_model(seed=5).blobs, "template": MODEL.blobs["template"]})
    upstream.publish("library/sibling:1", sibling)
    host.ok(models=[NAME, "sibling:1"])
    predicted = host.ok(state="absent", check=True)
    assert host.holds()
    result = host.ok(state="absent")
    assert predicted["changed"] and predicted["models"] == result["models"] and predicted["diff"] == result["diff"]
    assert host.holds(sibling) and host.manifests() == ["registry.ollama.ai/library/sibling/1"]
    assert sorted(result["models"][0]["removed"]) == sorted(
        str(MODEL.blob_path(host.models, role)) for role in ("weights", "config")
    )
    assert not (host.models / "manifests/registry.ollama.ai/library/qwen2.5").exists()
    assert not host.ok(state="absent")["changed"]
    assert not host.ok(models=["sibling:1"])["changed"], "the sibling's receipts still hold"


def test_absent_of_two_that_share_takes_the_shared(host: Host, upstream: FakeRegistry) -> None:
    upstream.publish("library/twin:1", MODEL)
    host.ok(models=[NAME, "twin:1"])
    host.ok(models=[NAME, "twin:1"], state="absent")
    assert host.blobs() == {} and host.manifests() == []


def test_absent_where_no_volume_was_ever_made_is_absent(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SimpleNamespace(volume=lambda project, name: None)
    monkeypatch.setattr(_run, "connect", lambda docker_host: (engine, ""))
    assert not host.ok(store=None, state="absent", prune=True, restart=True)["changed"]
    assert "no volume" in host.fails("store", store=None)


def test_absent_takes_every_spelling(host: Host) -> None:
    host.ok()
    MODEL.install(host.models, "registry.ollama.ai", "library", "Qwen2.5", NAME.partition(":")[2])
    result = host.ok(state="absent")
    assert host.manifests() == [] and host.blobs() == {} and len(result["models"]) == 2


def test_absent_whose_receipts_cannot_be_written_is_done_with_a_warning(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.ok()
    real = Disk.write

    def read_only(disk: Disk, path: str, data: bytes, mode: int, sync: bool = False) -> None:
        if path.startswith(str(host.receipts)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        real(disk, path, data, mode, sync)

    monkeypatch.setattr(Disk, "write", read_only)
    result = host.ok(state="absent")
    assert host.manifests() == [] and "receipts" in json.dumps(result["warnings"])


@pytest.mark.parametrize("content", [MODEL.manifest, b"garbage"], ids=["whole", "unreadable"])
def test_prune_after_absent_is_predicted(host: Host, content: bytes) -> None:
    host.ok()
    (host.models / "manifests" / host.manifests()[0]).write_bytes(content)
    for blob in (host.models / "blobs").iterdir():
        os.utime(blob, (1, 1))
    predicted = host.ok(state="absent", prune=True, check=True)
    result = host.ok(state="absent", prune=True)
    assert (predicted["pruned"], predicted["models"]) == (result["pruned"], result["models"])
    assert host.blobs() == {}


def test_absent_keeps_blobs_that_an_unreadable_manifest_may_need(host: Host) -> None:
    host.ok()
    other = host.models / "manifests/registry.ollama.ai/library/other/1"
    other.parent.mkdir()
    other.write_text("garbage")
    result = host.ok(state="absent")
    assert host.holds() and result["changed"] and str(other) in json.dumps(result["warnings"])


def litter(host: Host, age: float) -> list[Path]:
    content = b"nobody's"
    loose = host.models / "blobs" / sha256(content).replace(":", "-")
    unfinished = host.models / "blobs" / f"sha256-{'c' * 64}-partial-0"
    for file in (loose, unfinished):
        file.write_bytes(content)
        os.utime(file, (time.time() - age, time.time() - age))
    ours = host.models.parent / ".archiv/partials" / f"sha256-{'d' * 64}"
    ours.write_bytes(content)
    return [loose, unfinished, ours]


def test_prune_takes_what_no_model_uses(host: Host) -> None:
    host.ok()
    files = litter(host, age=4000)
    assert host.ok()["store"]["unreferenced_bytes"] == 8, "always reported"
    predicted = host.ok(prune=True, check=True)
    assert all(file.exists() for file in files)
    result = host.ok(prune=True)
    assert result["changed"] and sorted(result["pruned"]) == sorted(map(str, files)) == sorted(predicted["pruned"])
    assert host.holds() and not any(file.exists() for file in files)
    assert not host.ok(prune=True)["changed"]


def test_prune_leaves_what_is_young(host: Host) -> None:
    host.ok()
    loose, unfinished, ours = litter(host, age=10)
    host.ok(prune=True)
    assert (loose.exists(), unfinished.exists(), ours.exists()) == (True, True, False)


def test_prune_waits_for_a_run_that_installs_nothing(host: Host) -> None:
    host.ok()
    files = litter(host, age=4000)
    zeroed(MODEL.blob_path(host.models, "config"))
    assert host.ok(prune=True)["pruned"] == []
    assert all(file.exists() for file in files)


def test_prune_touches_no_blob_while_a_manifest_cannot_be_read(host: Host) -> None:
    host.ok()
    loose, _, _ = litter(host, age=4000)
    other = host.models / "manifests/registry.ollama.ai/library/other/1"
    other.parent.mkdir()
    other.write_text("garbage")
    result = host.ok(prune=True)
    assert loose.exists() and str(other) in json.dumps(result["warnings"])


# Input and result


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"models": ["Bad Name!"]}, "models[0]"),
        ({"models": []}, "empty"),
        ({"models": [{"name": "m:1", "digest": "sha256:12"}]}, "64 hexadecimal"),
        ({"models": ["registry.example:port/ns/m:1"]}, "port 'port'"),
        ({"models": [{"name": "registry.example:65536/ns/m:1"}]}, "port '65536'"),
        ({"ollama_version": "0.34.2\n"}, "ollama_version"),
        ({"ollama_version": "0.34.2\u2013rc1"}, "ollama_version"),
        ({"mirror": "ftp://x"}, "mirror"),
        ({"insecure": False}, "insecure"),
        ({"connections": 0}, "connections"),
        ({"timeout": -1}, "timeout"),
        ({"stall_timeout": 0}, "stall_timeout"),
        ({"ca_path": "/nonexistent"}, "ca_path"),
        ({"docker_host": "tcp://elsewhere:2375"}, "docker_host is 'tcp://elsewhere:2375'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(host: Host, options: Fact, words: str) -> None:
    assert words in host.fails("input", **options)
    assert host.upstream.seen == [] and not host.models.parent.exists()


def test_all_mistakes_come_in_one_message(host: Host) -> None:
    message = host.fails("input", models=["a b", "x@y"], mirror="nonsense", connections=99, timeout=0)
    for words in ("models[0]", "models[1]", "mirror", "connections", "timeout"):
        assert words in message


def test_missing_engine_is_a_sentence_or_in_check_mode_a_prediction(host: Host, tmp_path: Path) -> None:
    options: Fact = {"store": None, "docker_host": f"unix://{tmp_path}/no.sock"}
    assert "no Docker Engine" in host.fails("store", **options)
    predicted = host.ok(check=True, **options)
    assert predicted["changed"] and "no Docker Engine" in json.dumps(predicted["warnings"])
    assert predicted["download_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())


def test_result_is_as_documented(host: Host, upstream: FakeRegistry) -> None:
    documented = yaml.safe_load(ollama_model.RETURN)
    installed, removed = host.ok(), host.ok(state="absent")
    host.upstream.twist = lie(404)
    failed = host.run()
    known = {"changed", "diff", "failed", "invocation", "warnings", "deprecations"}
    assert {*installed, *removed, *failed} - known == set(documented)
    assert {*installed["models"][0], *removed["models"][0]} == set(documented["models"]["contains"])
    fetched = documented["models"]["contains"]["fetched"]["contains"]
    assert set(installed["models"][0]["fetched"][0]) == set(fetched)
    assert failed["kind"] in documented["kind"]["description"]


def test_check_mode_predicts_a_pull_without_an_engine(host: Host, tmp_path: Path) -> None:
    nobody = f"unix://{tmp_path}/none.sock"
    predicted = host.ok(check=True, method="engine", docker_host=nobody)
    assert predicted["changed"] is True and predicted["msg"] == f"{NAME}: pulled"


def test_what_nobody_expected_is_one_sentence(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise IndexError("pop from an empty list")

    monkeypatch.setattr(ollama_model, "run", stumble)
    assert host.fails("defect").startswith("unexpected IndexError at test_ollama_model.py:")


def test_run_that_hangs_ends_by_itself(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_model, "GRACE_SECONDS", 0)
    monkeypatch.setattr(ollama_model, "run", lambda *_: time.sleep(30))
    began = time.monotonic()
    assert host.fails("deadline", timeout=0.2, load_timeout=0.1).startswith("timed out after 0 s")
    assert time.monotonic() - began < 10
