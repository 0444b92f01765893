"""Locks, models that are removed, and what no model uses."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._entry import model as _run
from ansible_collections.archiv.ollama.plugins.module_utils._install import ensure as _ensure
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts
from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.model_host import (
    MODEL,
    Host,
    zeroed,
)
from tests.unit.support.stores import NAME, TinyModel, sha256, tiny_model


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
