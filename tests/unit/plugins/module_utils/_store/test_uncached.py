"""A blob is hashed as its disk has it, whatever the page cache says."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.hashing import FileChanged
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey
from ansible_collections.archiv.ollama.plugins.module_utils._store.uncached import PIECE, OnDisk, hash_on_disk
from tests.unit.support.loop_disk import LoopDisk, loop_disk, needs_loop
from tests.unit.support.planted import KINDS, plant

__all__ = ["loop_disk"]


def hashed(blob: Path, after_piece: Callable[[int], None] = lambda _count: None) -> OnDisk:
    return hash_on_disk(Disk(str(blob.parent)), str(blob), after_piece)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17])
def test_hash_equals_hashlib_and_every_byte_is_told(tmp_path: Path, size: int) -> None:
    content, told = os.urandom(size), list[int]()
    (tmp_path / "blob").write_bytes(content)
    found = hashed(tmp_path / "blob", told.append)
    assert found.hashed.hex == hashlib.sha256(content).hexdigest()
    assert found.hashed.key == FileKey.of(os.stat(tmp_path / "blob"))
    assert sum(told) == size


def test_file_system_without_o_direct_is_read_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_direct_open(monkeypatch)
    content = os.urandom(2 * PIECE + 5)
    (tmp_path / "blob").write_bytes(content)
    found = hashed(tmp_path / "blob")
    assert (found.hashed.hex, found.direct) == (hashlib.sha256(content).hexdigest(), False)


def test_file_system_that_opens_with_o_direct_and_does_not_read_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(2 * PIECE + 5)
    (tmp_path / "blob").write_bytes(content)
    read, refused = os.preadv, list[int]()

    def preadv(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if not refused:
            refused.append(offset)
            raise OSError(errno.EINVAL, "Invalid argument")
        return read(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)
    found = hashed(tmp_path / "blob")
    assert (found.hashed.hex, found.direct) == (hashlib.sha256(content).hexdigest(), False)


def test_read_that_is_cut_short_loses_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(PIECE + 5)
    (tmp_path / "blob").write_bytes(content)
    read = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, buffers, at: read(fd, [buffers[0][: 3000 if not at else None]], at))
    assert hashed(tmp_path / "blob").hashed.hex == hashlib.sha256(content).hexdigest()


def test_file_written_meanwhile_is_refused(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(2 * PIECE))
    with pytest.raises(FileChanged, match="modified while"):
        hashed(blob, lambda _count: os.utime(blob))


@pytest.mark.parametrize("kind", KINDS)
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    blob = tmp_path / "blob"
    plant(blob, kind)
    with pytest.raises(OSError, match=r"regular|symbolic"):
        hashed(blob)


def test_who_stops_it_leaves_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(bytes(2 * PIECE))
    before = os.listdir("/proc/self/fd")

    def stop(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hashed(tmp_path / "blob", stop)
    assert os.listdir("/proc/self/fd") == before


@needs_loop
@pytest.mark.parametrize("way", ["both", "direct alone", "advice alone", "direct, while a server has it mapped"])
def test_bit_lost_below_the_file_system_is_seen_while_the_cache_hides_it(
    loop_disk: LoopDisk, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page cache still has the old byte, as any other reader finds."""
    content = os.urandom(2 * PIECE)
    blob = loop_disk.folder / "blob"
    blob.write_bytes(content)
    assert hashed(blob).hashed.hex == hashlib.sha256(content).hexdigest()
    with blob.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        if "mapped" not in way:
            mapped.close()
        assert blob.read_bytes() == content
        loop_disk.flip(content[PIECE : PIECE + 4096])
        if "mapped" in way:
            assert mapped[:] == content
        assert blob.read_bytes() == content, "the cache must hide it, else this shows nothing"
        if way == "direct alone":
            monkeypatch.setattr(os, "posix_fadvise", lambda *_: None)
        if way == "advice alone":
            without_direct_open(monkeypatch)
        found = hashed(blob)
    assert found.hashed.hex != hashlib.sha256(content).hexdigest()
    assert found.direct is (way != "advice alone")


def without_direct_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that has no O_DIRECT."""
    opened = Disk.open

    def refuse(self: Disk, path: str, flags: int = os.O_RDONLY) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument", path)
        return opened(self, path, flags)

    monkeypatch.setattr(Disk, "open", refuse)
