"""A record vouches for no byte too many, and never before its bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._install.partial import Partial, check_space, read_record
from ansible_collections.archiv.ollama.plugins.module_utils._install.ranges import (
    Extent,
)
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import NoSpace
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk

SIZE = 300
DIGEST = "sha256:" + "a" * 64
RECORD = {"digest": DIGEST, "size": SIZE, "boot": "boot", "done": [[0, 200]], "synced": [[0, 100]]}

extents = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: (min(pair), max(pair))))


def covered(pieces: list[Extent]) -> set[int]:
    return {byte for start, end in pieces for byte in range(start, end)}


@given(extents, st.integers(0, SIZE))
def test_record_vouches_only_for_bytes_the_file_has(pieces: list[Extent], held: int) -> None:
    pieces = [piece for piece in pieces if piece[0] < piece[1]]
    raw = json.dumps({**RECORD, "done": pieces}).encode()
    done = read_record(raw, DIGEST, SIZE, held, "boot")
    assert done is not None
    assert covered(done) == {byte for byte in covered(pieces) if byte < held}


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_garbled_record_vouches_for_nothing(raw: bytes) -> None:
    assert read_record(raw, DIGEST, SIZE, SIZE, "boot") is None


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"digest": "sha256:" + "b" * 64}, id="other-blob"),
        pytest.param({"size": SIZE + 1}, id="other-size"),
        pytest.param({"done": [[0, SIZE + 1]]}, id="beyond-the-end"),
        pytest.param({"done": [[-3, 5]]}, id="before-the-start"),
        pytest.param({"done": [[1, 2, 3]]}, id="not-a-pair"),
        pytest.param({"done": None}, id="nothing-said"),
        pytest.param({"boot": "another", "synced": None}, id="nothing-synced"),
    ],
)
def test_record_of_something_else_vouches_for_nothing(record: dict[str, object]) -> None:
    assert read_record(json.dumps({**RECORD, **record}).encode(), DIGEST, SIZE, SIZE, "boot") is None


@pytest.mark.parametrize("odd", ["folder", "link", "dangling"])
def test_partial_clears_what_is_no_file_out_of_its_way(tmp_path: Path, odd: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    partial = Partial(Disk(str(tmp_path)), str(tmp_path), DIGEST, SIZE)
    if odd == "folder":
        os.makedirs(os.path.join(partial.path, "deep"))
    else:
        os.symlink(precious if odd == "link" else tmp_path / "nowhere", partial.path)
    partial.open()
    partial.close()
    assert Path(partial.path).read_bytes() == b""
    assert precious.read_bytes() == b"mine"


def test_record_promises_after_a_power_cut_only_what_was_synced() -> None:
    raw = json.dumps(RECORD).encode()
    assert read_record(raw, DIGEST, SIZE, SIZE, "boot") == [(0, 200)]
    assert read_record(raw, DIGEST, SIZE, SIZE, "another boot") == [(0, 100)]


def test_record_is_written_only_after_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_sync, real_replace = os.fdatasync, os.replace

    def sync(fd: int) -> None:
        steps.append("bytes")
        real_sync(fd)

    def rename(source: str, target: str, **folders: int) -> None:
        steps.append("record")
        real_replace(source, target, **folders)

    monkeypatch.setattr(os, "fdatasync", sync)
    monkeypatch.setattr(os, "replace", rename)
    partial = Partial(Disk(str(tmp_path)), str(tmp_path), DIGEST, SIZE)
    partial.open()
    os.pwrite(partial.fd, bytes(100), 0)
    partial.save([(0, 50)], sync=False)
    partial.save([(0, 100)], sync=True)
    partial.save([(0, 150)], sync=False)
    partial.close()
    assert steps == ["record", "bytes", "record", "record"]
    record = json.loads(Path(partial.record_path).read_text())
    assert (record["done"], record["synced"]) == ([[0, 150]], [[0, 100]])
    again = Partial(Disk(str(tmp_path)), str(tmp_path), DIGEST, SIZE)
    again.open()
    again.close()
    assert again.done == [(0, 100)], "no more than the file has"


def test_resumed_bytes_are_synced_before_they_are_promised_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = Partial(Disk(str(tmp_path)), str(tmp_path), DIGEST, SIZE)
    partial.open()
    os.pwrite(partial.fd, bytes(100), 0)
    partial.save([(0, 100)], sync=False)
    partial.close()
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    again = Partial(Disk(str(tmp_path)), str(tmp_path), DIGEST, SIZE)
    again.open()
    again.save([(0, 100)], sync=False)
    again.close()
    assert len(synced) == 1
    assert json.loads(Path(again.record_path).read_text())["synced"] == [[0, 100]]


def test_space_check_wants_a_margin(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    check_space(Disk(str(tmp_path)), str(tmp_path), 1000)
    with pytest.raises(NoSpace, match="needed"):
        check_space(Disk(str(tmp_path)), str(tmp_path), status.f_bavail * status.f_frsize)
