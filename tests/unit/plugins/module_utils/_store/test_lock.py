"""One writer at a time, and no lock outlives its holder."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._store import lock as _lock
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.lock import (
    LockBusy,
    LockError,
    LockUnsupported,
    hold_lock,
    is_held,
    who_holds,
)
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store


def disk_of(lock: str) -> Disk:
    """The store's disk: that of the folder above .archiv."""
    return Disk(os.path.dirname(os.path.dirname(lock)))


@pytest.fixture
def lock(tmp_path: Path) -> str:
    """A lock file's path, its folder not there yet."""
    return str(tmp_path / ".archiv" / "lock")


@pytest.fixture
def holder(lock: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock, as a shell's flock does: without a signature."""
    os.makedirs(os.path.dirname(lock))
    hold = (
        "import fcntl, sys, time\n"
        "file = open(sys.argv[1], 'a')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", hold, lock], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_lock_is_free_again_after_use_and_after_failure(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "models"))
    for _ in range(2):
        with pytest.raises(RuntimeError), hold_lock(store.disk, store.lock_path, 0, "a writer"):
            raise RuntimeError
    assert Path(store.lock_path).read_bytes() == b""


def test_second_writer_waits_no_longer_than_told_and_names_the_holder(
    lock: str, holder: subprocess.Popen[bytes]
) -> None:
    begun = time.monotonic()
    with (
        pytest.raises(LockBusy, match=rf"{lock} is held by process {holder.pid} \(.*python"),
        hold_lock(disk_of(lock), lock, 0.3, "me"),
    ):
        pass
    assert 0.3 <= time.monotonic() - begun < 2


def test_lock_of_a_killed_holder_is_free_at_once(lock: str, holder: subprocess.Popen[bytes]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with hold_lock(disk_of(lock), lock, 1, "the next one"):
        assert who_holds(disk_of(lock), lock) == f"process {os.getpid()} (the next one)"


def test_signature_of_a_dead_holder_is_not_believed(lock: str, holder: subprocess.Popen[bytes]) -> None:
    Path(lock).write_text("process 1 (a ghost)")
    assert who_holds(disk_of(lock), lock).startswith(f"process {holder.pid} (")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_filesystem_without_locks_is_refused(lock: str, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LockUnsupported, match="use a local filesystem"), hold_lock(disk_of(lock), lock, 5, "me"):
        pass


def test_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".archiv").write_text("a file in its place")
    with (
        pytest.raises(LockError, match="cannot open the store's lock"),
        hold_lock(Disk(str(tmp_path)), f"{tmp_path}/.archiv/lock", 5, "me"),
    ):
        pass


def test_lock_file_is_never_removed(lock: str) -> None:
    with hold_lock(disk_of(lock), lock, 0, "me"):
        inode = os.stat(lock).st_ino
    assert os.stat(lock).st_ino == inode


def test_lock_on_another_file_system_is_not_taken_for_this_one(lock: str, holder: subprocess.Popen[bytes]) -> None:
    here = os.stat(lock)
    elsewhere = os.stat_result([*here[:2], here.st_dev + 1, *here[3:]])
    assert _lock._locking_pid(here) == holder.pid
    assert _lock._locking_pid(elsewhere) == 0


def test_holder_is_known_by_his_open_file_where_the_kernel_counts_devices_otherwise(
    lock: str, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on overlayfs.
    monkeypatch.setattr(_lock, "kernel_device", lambda _device: "ff:ff")
    assert f"process {holder.pid} (" in who_holds(disk_of(lock), lock)


def test_lock_is_seen_as_held_without_being_touched(lock: str, holder: subprocess.Popen[bytes]) -> None:
    before = os.stat(lock)
    assert is_held(disk_of(lock), lock)
    holder.kill()
    holder.wait()
    assert not is_held(disk_of(lock), lock)
    assert os.stat(lock) == before


def test_lock_that_nobody_made_is_not_held(lock: str) -> None:
    assert not is_held(disk_of(lock), lock)
    assert not os.path.exists(lock)


def test_holder_that_is_gone_by_now_is_told_as_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lock = str(tmp_path / "lock")
    Path(lock).write_text("")
    # Larger than any process id.
    monkeypatch.setattr(_lock, "_locking_pid", lambda status: 2**22 + 1)
    assert who_holds(disk_of(lock), lock) == f"process {2**22 + 1} (unknown command)"
