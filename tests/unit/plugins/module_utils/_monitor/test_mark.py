"""Receipts outlive a boot only where the shutdown before it is known to have written everything."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._monitor import mark, paths, systemd
from ansible_collections.archiv.ollama.plugins.module_utils._store import receipts as _receipts
from ansible_collections.archiv.ollama.plugins.module_utils._store.lock import hold_lock
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import Receipts
from tests.unit.support.loop_disk import LoopDisk, loop_disk, needs_loop
from tests.unit.support.stores import tiny_model
from tests.unit.support.watched_store import WatchedStore

__all__ = ["loop_disk"]

Said = pytest.CaptureFixture[str]
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")  # the gates run as root


class Host:
    """What a host does to the unit and to the store, boot after boot."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, models: Path | None = None) -> None:
        self._boot = 1
        self.store = WatchedStore(folder, monkeypatch, models)
        self.volume = self.store.models.parent
        self.mark = self.volume / ".archiv" / mark.NAME
        self._bin = folder / "bin"
        self._bin.mkdir()
        monkeypatch.setenv("PATH", f"{self._bin}:{os.environ['PATH']}")
        for module in (mark, _receipts):
            monkeypatch.setattr(module, "boot_identity", lambda: f"boot {self._boot}")
        self.says("running")
        assert self.store.scrub() == 0
        assert self.proven

    def says(self, state: str, script: str = "") -> None:
        """What systemctl answers from here on; its exit code is 1 for all but running, as the real one's."""
        path = self._bin / "systemctl"
        path.write_text(f'#!/bin/sh\ntest "$1" = is-system-running || exit 9\n{script}\necho {state}\nexit 1\n')
        path.chmod(0o755)

    def run(self, when: str) -> int:
        return mark.run(argparse.Namespace(when=when))

    def shut_down(self) -> int:
        """systemd stops the unit, after Docker."""
        self.says("stopping")
        code = self.run("stop")
        self.says("running")
        return code

    def boot(self) -> int:
        """The next boot, with the unit before Docker; whatever ended the one before."""
        self._boot += 1
        code = self.run("start")
        assert not Path(paths.MARK).exists()
        return code

    @property
    def proven(self) -> bool:
        """Whether nothing has to be hashed."""
        return self.store.proven() == set(self.store.blobs)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_clean_reboot_keeps_the_receipts(host: Host, capsys: Said) -> None:
    for _ in range(3):
        assert host.shut_down() == 0
        assert (host.mark.stat().st_mode & 0o777, Path(paths.MARK).stat().st_mode & 0o777) == (0o600, 0o600)
        assert host.boot() == 0
        assert host.proven
        assert not host.mark.exists()
    assert f"the last shutdown was clean: 6 receipts of {host.store.models} stay valid" in capsys.readouterr().out


def test_clean_reboot_then_a_power_cut_voids_them(host: Host, capsys: Said) -> None:
    host.shut_down()
    host.boot()
    assert host.proven
    host.boot()
    assert host.store.proven() == set()
    assert "the last shutdown left no mark on the host, as after a power cut" in capsys.readouterr().out


def test_forced_reboot_or_power_cut_voids_them(host: Host) -> None:
    host.boot()
    assert host.store.proven() == set()


def test_unit_stopped_and_started_by_hand_then_a_cut_voids_them(host: Host, capsys: Said) -> None:
    """systemd runs Docker on, which may write whatever it likes."""
    for _ in range(2):
        assert host.run("stop") == 0
        assert not host.mark.exists() and not Path(paths.MARK).exists()
        assert host.run("start") == 0
        assert host.proven
    told = capsys.readouterr().out
    assert "the system is not stopping but running" in told
    assert f"6 receipts of {host.store.models} are of this boot, and stay valid" in told
    assert "must be hashed again" not in told
    host.boot()
    assert host.store.proven() == set()


@pytest.mark.parametrize("state", ["degraded", "maintenance", "offline", "unknown", "stopping-not", ""])
def test_only_a_system_that_is_stopping_is_believed(host: Host, state: str) -> None:
    host.says(state)
    assert host.run("stop") == 0
    assert not host.mark.exists() and not Path(paths.MARK).exists()


def test_systemd_that_does_not_answer_is_not_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "_SECONDS", 0.3)
    host.says("stopping", "exec sleep 60")
    began = time.monotonic()
    assert host.run("stop") == 0
    assert time.monotonic() - began < 5
    assert not host.mark.exists()


def test_host_without_systemd_has_no_mark(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host.run("stop") == 0
    assert not host.mark.exists()


@pytest.mark.parametrize("lost", ["host", "store"])
def test_crash_between_the_two_voids_them(host: Host, lost: str) -> None:
    host.shut_down()
    (Path(paths.MARK) if lost == "host" else host.mark).unlink()
    assert host.boot() == 0
    assert host.store.proven() == set()
    assert not host.mark.exists()


def test_full_disk_of_the_host_leaves_no_valid_mark(host: Host, capsys: Said) -> None:
    Path(f"{paths.MARK}.new").mkdir()
    (Path(f"{paths.MARK}.new") / "in the way").touch()
    Path(paths.MARK).mkdir()
    assert host.shut_down() == 1
    assert "no mark of a clean shutdown: cannot write" in capsys.readouterr().err
    Path(paths.MARK).rmdir()
    host.boot()
    assert host.store.proven() == set()


def test_another_store_with_an_older_mark_voids_them(host: Host, tmp_path: Path, capsys: Said) -> None:
    """Such as a copy on another disk, made when the host was off."""
    host.shut_down()
    shutil.copytree(host.volume, tmp_path / "copy")
    host.boot()
    assert host.proven
    host.shut_down()
    host.volume.rename(tmp_path / "died")
    (tmp_path / "copy").rename(host.volume)
    # Even the same files: only the mark tells.
    shutil.rmtree(host.store.models)
    (tmp_path / "died/models").rename(host.store.models)
    host.boot()
    assert "the mark in the store is not that of the host's last shutdown" in capsys.readouterr().out
    assert host.store.proven() == set()


def test_mark_of_another_store_on_this_host_is_not_taken(host: Host, tmp_path: Path) -> None:
    """Two disks that change places have numbers of their own."""
    other = tmp_path / "other/models"
    tiny_model(3).install(other)
    blob = next(other.glob("blobs/*"))
    key = _receipts.FileKey.of(blob.stat())
    Receipts(str(other), str(host.store.receipts_dir)).write({blob.name.replace("-", ":"): key})
    host.shut_down()
    theirs = other.parent / ".archiv" / mark.NAME
    mine, others = (json.loads(path.read_text()) for path in (host.mark, theirs))
    assert mine["number"] != others["number"]
    shutil.copy(theirs, host.mark)
    host.boot()
    assert host.store.proven() == set()
    assert Receipts(str(other), str(host.store.receipts_dir)).why_void(blob.name.replace("-", ":"), key) == ""


def test_store_that_is_gone_at_shutdown_has_no_mark(host: Host, tmp_path: Path) -> None:
    """Its disk died; nobody knows what it has lost when it comes back."""
    host.volume.rename(tmp_path / "died")
    host.shut_down()
    assert not host.volume.exists(), "nothing is made in the place of its mount"
    (tmp_path / "died").rename(host.volume)
    host.boot()
    assert host.store.proven() == set()


def test_store_that_is_changed_while_the_host_goes_down_has_no_mark(
    host: Host, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(host.store.models))
    monkeypatch.setattr(mark, "_LOCK_SECONDS", 0.2)
    with hold_lock(store.disk, store.lock_path, 1, "an install"):
        assert host.shut_down() == 0
    assert not host.mark.exists() and not Path(paths.MARK).exists()
    assert "is held by process" in capsys.readouterr().err


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def pipe(path: Path, _outside: Path) -> None:
    os.mkfifo(path)


def second_name(path: Path, outside: Path) -> None:
    os.link(outside, path)


def folder(path: Path, _outside: Path) -> None:
    path.mkdir()


def for_all(path: Path, outside: Path) -> None:
    shutil.copy(outside, path)
    path.chmod(0o666)


def foreign(path: Path, outside: Path) -> None:
    shutil.copy(outside, path)
    os.chown(path, NOBODY, NOBODY)


@as_root
@pytest.mark.parametrize("plant", [link, pipe, second_name, folder, for_all, foreign])
@pytest.mark.parametrize("when", ["start", "stop"])
def test_what_is_planted_as_the_mark_is_refused_and_left_alone(
    host: Host, tmp_path: Path, capsys: Said, plant: Callable[[Path, Path], None], when: str
) -> None:
    """Its content may even be the right one."""
    outside = tmp_path / "outside"
    if when == "start":
        host.shut_down()
        host.mark.rename(outside)
    else:
        outside.write_text("{}")
    plant(host.mark, outside)
    before = (host.mark.lstat(), outside.stat(), outside.read_bytes())
    if when == "start":
        host.boot()
        assert host.store.proven() == set()
    else:
        assert host.shut_down() == 0
        assert not Path(paths.MARK).exists()
    after = (host.mark.lstat(), outside.stat(), outside.read_bytes())
    assert [stat_of(one) for one in after] == [stat_of(one) for one in before]
    told = capsys.readouterr()
    assert str(host.mark) in told.out + told.err


def stat_of(one: os.stat_result | bytes) -> object:
    return one if isinstance(one, bytes) else (one.st_ino, one.st_mode, one.st_uid, one.st_size, one.st_mtime_ns)


def test_mark_is_not_looked_for_behind_a_link(host: Host, tmp_path: Path, capsys: Said) -> None:
    host.shut_down()
    host.mark.parent.rename(tmp_path / "outside")
    host.mark.parent.symlink_to(tmp_path / "outside")
    host.boot()
    assert (tmp_path / "outside" / mark.NAME).exists()
    assert host.store.proven() == set()


@as_root
def test_store_of_another_owner_has_no_mark(host: Host, capsys: Said) -> None:
    """Who owns a folder on the way could put another file in the place of any."""
    os.chown(host.volume, NOBODY, NOBODY)
    host.shut_down()
    assert not host.mark.exists()
    assert "chown -R root" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 9}', b'{"format": 1, "boot": 7, "stores": []}'])
@pytest.mark.parametrize("where", ["host", "store"])
def test_damaged_mark_voids_them(host: Host, content: bytes, where: str) -> None:
    host.shut_down()
    (Path(paths.MARK) if where == "host" else host.mark).write_bytes(content)
    assert host.boot() == 0
    assert host.store.proven() == set()
    assert not host.mark.exists()


def test_receipts_elsewhere_are_found_by_what_is_wanted_and_else_where_they_are_by_default(host: Host) -> None:
    assert mark._receipts_dir() == str(host.store.receipts_dir)
    Path(paths.WANTED).unlink()
    assert mark._receipts_dir() == _receipts.DEFAULT_DIR


def test_file_that_changed_in_between_is_hashed_again(host: Host) -> None:
    """Such as in a rescue system, with a clean shutdown after it."""
    host.shut_down()
    os.utime(host.store.path(host.store.weights()))
    host.boot()
    assert host.store.proven() == set(host.store.blobs) - {host.store.weights()}


@needs_loop
def test_mark_and_all_before_it_are_on_the_disk_when_the_stop_ends(
    loop_disk: LoopDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, monkeypatch, loop_disk.folder / "models")
    written = loop_disk.folder / "models/written-last"
    written.write_bytes(b"x" * 100_000)
    assert host.shut_down() == 0
    loop_disk.fail()
    loop_disk.mount()
    assert written.read_bytes() == b"x" * 100_000
    assert json.loads(host.mark.read_bytes())["store"] == str(host.store.models)
    host.boot()
    assert not host.mark.exists()
    loop_disk.fail()
    loop_disk.mount()
    assert not host.mark.exists(), "taken away for good before it counted"


@needs_loop
def test_disk_that_dies_before_the_shutdown_has_no_mark(
    loop_disk: LoopDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    host = Host(tmp_path, monkeypatch, loop_disk.folder / "models")
    loop_disk.fail()
    assert host.shut_down() == 0
    assert f"no mark of a clean shutdown for {host.store.models}" in capsys.readouterr().err
    loop_disk.mount()
    host.boot()
    assert host.store.proven() == set()


@needs_loop
def test_mark_that_cannot_be_taken_away_does_not_count(
    loop_disk: LoopDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    host = Host(tmp_path, monkeypatch, loop_disk.folder / "models")
    host.shut_down()
    loop_disk.mount("ro")
    host.boot()
    assert "must be hashed again: cannot access" in capsys.readouterr().out
    assert host.store.proven() == set()
    assert host.mark.exists()
    loop_disk.mount()
    host.boot()
    assert host.store.proven() == set()
    assert not host.mark.exists()
