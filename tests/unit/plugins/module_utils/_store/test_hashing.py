"""Files hash to what hashlib says of their bytes, whatever their size and whatever goes wrong."""

from __future__ import annotations

import hashlib
import os
import resource
import threading
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.hashing import (
    FileChanged,
    Hashed,
    hash_many,
    hash_with_key,
)
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey
from tests.unit.support.planted import KINDS, plant

BUFFER = 4 * 1024 * 1024


def hashed(blob: Path) -> Hashed:
    return hash_with_key(Disk(str(blob.parent)), str(blob))


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 - 1, 1024 * 1024, BUFFER, BUFFER + 1, 3 * BUFFER + 17])
def test_hash_equals_hashlib(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "blob").write_bytes(content)
    assert hashed(tmp_path / "blob").hex == hashlib.sha256(content).hexdigest()


def test_hash_holds_no_file_in_memory(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.touch()
    os.truncate(blob, 150 * 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    threads = threading.active_count()
    hashed(blob)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
    assert threading.active_count() <= threads


@pytest.mark.parametrize("kind", KINDS)
def test_hash_with_key_takes_regular_files_only(tmp_path: Path, kind: str) -> None:
    blob = tmp_path / "blob"
    plant(blob, kind)
    with pytest.raises(OSError, match=r"regular|symbolic"):
        hashed(blob)


def test_hash_with_key_refuses_a_file_written_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(2 * BUFFER))
    read = os.readv

    def read_and_touch(descriptor: int, buffers: list[memoryview]) -> int:
        os.utime(blob)
        return read(descriptor, buffers)

    monkeypatch.setattr(os, "readv", read_and_touch)
    with pytest.raises(FileChanged, match="modified while"):
        hashed(blob)


def test_hash_with_key_passes_on_a_read_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(2 * BUFFER))

    def fail(descriptor: int, buffers: list[memoryview]) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "readv", fail)
    threads = threading.active_count()
    with pytest.raises(OSError, match="Input/output error"):
        hashed(blob)
    assert threading.active_count() <= threads


def test_key_is_all_the_kernel_says_of_a_files_identity(tmp_path: Path) -> None:
    status = tmp_path.stat()
    assert FileKey.of(status) == (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def test_hash_many_hashes_each_and_keeps_errors_apart(tmp_path: Path) -> None:
    contents = {f"{tmp_path}/{n}": os.urandom(n * 1024 * 1024 + n) for n in range(4)}
    for path, content in contents.items():
        Path(path).write_bytes(content)
    hashes = hash_many(Disk(str(tmp_path)), [*contents, f"{tmp_path}/nowhere"])
    assert isinstance(hashes.pop(f"{tmp_path}/nowhere"), FileNotFoundError)
    assert hashes == {
        path: Hashed(hashlib.sha256(content).hexdigest(), FileKey.of(os.stat(path)))
        for path, content in contents.items()
    }
