"""The order in which bytes reach the disk, and disks that are full, slow or split."""

from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._install import download as _fetch
from ansible_collections.archiv.ollama.plugins.module_utils._install import plan as _plan
from ansible_collections.archiv.ollama.plugins.module_utils._install.ranges import RangeQueue
from ansible_collections.archiv.ollama.plugins.module_utils._store import inspect as _look
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.model_host import (
    MODEL,
    Host,
    weights_only,
)


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
    monkeypatch.setattr(_plan, "prove_blobs", spy_prove)
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


def test_hashing_ends_with_the_download(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while bytes wait to be hashed: that thread used to spin for as long as the process lived."""
    real_write, real_read, real_stop = os.pwrite, os.preadv, RangeQueue.stop
    stopped = threading.Event()

    def until_full(fd: int, data: bytes, offset: int) -> int:
        if offset > 100_000:
            raise OSError(28, "No space left on device")
        return real_write(fd, data, offset)

    def slow(fd: int, buffers: list[memoryview], offset: int) -> int:
        stopped.wait(10)
        return real_read(fd, [buffers[0][:1]], offset)

    def stop(queue: RangeQueue) -> None:
        real_stop(queue)
        stopped.set()

    before = set(threading.enumerate())
    for owner, name, stub in ((os, "pwrite", until_full), (os, "preadv", slow), (RangeQueue, "stop", stop)):
        monkeypatch.setattr(owner, name, stub)
    host.fails("no_space")
    left = [thread for thread in threading.enumerate() if thread not in before and "guarded" in thread.name]
    for thread in left:
        thread.join(timeout=5)
    assert not [thread.name for thread in left if thread.is_alive()]


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
