"""What is damaged comes again, and only that."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._entry import model as _run
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey
from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.model_host import (
    MODEL,
    Fact,
    Host,
    folder,
    weights_only,
    zeroed,
)
from tests.unit.support.stores import NAME, sha256, tiny_model


def missing(blob: Path) -> None:
    blob.unlink()


def truncated(blob: Path) -> None:
    os.truncate(blob, blob.stat().st_size // 2)


def one_bit(blob: Path) -> None:
    status, content = blob.stat(), blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))


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
    weights = MODEL.blob_path(host.models, "weights")
    zeroed(weights)
    # As if a disk had lost the bytes by itself: nothing of the file tells it, and the receipt holds.
    [file] = host.receipts.glob("*.json")
    receipts = json.loads(file.read_text())
    receipts["blobs"][sha256(MODEL.blobs["weights"])] |= {
        "key": list(FileKey.of(weights.stat())),
        "made": time.time(),
    }
    file.write_text(json.dumps(receipts))
    assert not host.ok()["changed"] and not host.holds()
    assert host.ok(verify="full")["changed"] and host.holds()
    again = host.ok(verify="full")
    assert not again["changed"] and again["msg"].endswith("all bytes hashed")


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
