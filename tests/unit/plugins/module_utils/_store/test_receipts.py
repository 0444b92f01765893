"""A receipt proves a blob only while nothing could have changed it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import (
    FileKey,
    Receipts,
    ReceiptsUnsafe,
    boot_identity,
    find_stores,
    judge_receipt,
    settled_at,
)

BLOB, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
KEY = FileKey(device=1, inode=2, size=3, mtime_ns=1_000_000_000_000, ctime_ns=1_000_000_000_000)
HOUR, DAY = 3600, 86400
WRITTEN = 1000 + HOUR
ENTRY = {"key": list(KEY), "made": WRITTEN, "boot": "one"}


def receipts(folder: Path, now: float = WRITTEN, boot: str = "one") -> Receipts:
    """The receipts of one store at a given time and boot."""
    return Receipts("/models", str(folder), boot=boot, clock=lambda: now)


def write(folder: Path, now: float = WRITTEN) -> Path:
    """Write a receipt for BLOB; the file that holds it."""
    written = receipts(folder, now)
    written.write({BLOB: KEY}, sleep=lambda _: None)
    return Path(written.path)


def test_receipt_proves_the_same_file_later(tmp_path: Path) -> None:
    write(tmp_path / "receipts")
    assert receipts(tmp_path / "receipts", WRITTEN + 7 * DAY).why_void(BLOB, KEY) == ""
    assert "more than 7 days ago" in receipts(tmp_path / "receipts", WRITTEN + 7 * DAY + 1).why_void(BLOB, KEY)
    assert receipts(tmp_path / "receipts").why_void(OTHER, KEY) == "it was never hashed"


@pytest.mark.parametrize("part", FileKey._fields)
def test_receipt_is_void_when_any_part_of_the_key_moved(part: str) -> None:
    moved = KEY._replace(**{part: getattr(KEY, part) + 1})
    assert "changed or replaced" in judge_receipt(ENTRY, moved, "one", WRITTEN, DAY)


@pytest.mark.parametrize(
    ("changes", "boot", "now", "why"),
    [
        pytest.param({}, "two", WRITTEN, "rebooted", id="another boot"),
        pytest.param({}, "one", WRITTEN + 7 * DAY + 1, "more than 7 days", id="scrub age"),
        pytest.param({}, "one", WRITTEN - 1, "from the future", id="clock went back"),
        pytest.param({"made": 1000}, "one", 1000, "too close", id="written in the same second"),
        pytest.param({"made": 1002}, "one", 1002, "too close", id="written two seconds before"),
        pytest.param({"made": 900}, "one", 1000, "too close", id="file from the future"),
        pytest.param({"made": "now"}, "one", WRITTEN, "invalid", id="time is text"),
        pytest.param({"key": 7}, "one", WRITTEN, "invalid", id="key is a number"),
        pytest.param({"boot": None}, "one", WRITTEN, "rebooted", id="no boot"),
    ],
)
def test_receipt_is_void(changes: dict[str, Any], boot: str, now: float, why: str) -> None:
    assert why in judge_receipt({**ENTRY, **changes}, KEY, boot, now, 7 * DAY)


def test_receipt_of_this_second_but_two_is_good() -> None:
    assert judge_receipt({**ENTRY, "made": 1002.1}, KEY, "one", 1003, DAY) == ""


def test_write_waits_out_the_racy_window(tmp_path: Path) -> None:
    now = [1000.5]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    fresh = Receipts("/models", str(tmp_path / "receipts"), boot="one", clock=lambda: now[0])
    fresh.write({BLOB: KEY}, sleep)
    assert slept == [pytest.approx(1.51)]
    assert fresh.why_void(BLOB, KEY) == ""
    fresh.write({BLOB: KEY}, sleep)
    assert len(slept) == 1


def test_file_times_with_nanoseconds_settle_sooner() -> None:
    whole = KEY._replace(mtime_ns=0, ctime_ns=1000 * 10**9)
    assert settled_at(whole) == 1002
    assert settled_at(whole._replace(ctime_ns=1000 * 10**9 + 1)) == pytest.approx(1000.05)


def test_write_keeps_the_receipts_of_other_blobs_of_this_boot(tmp_path: Path) -> None:
    write(tmp_path / "receipts")
    receipts(tmp_path / "receipts").write({OTHER: KEY}, sleep=lambda _: None)
    assert receipts(tmp_path / "receipts").why_void(BLOB, KEY) == ""
    receipts(tmp_path / "receipts", boot="two").write({OTHER: KEY}, sleep=lambda _: None)
    assert receipts(tmp_path / "receipts").why_void(BLOB, KEY) == "it was never hashed"


def test_carry_makes_those_of_one_boot_count_in_this_one_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "receipts")
    document = json.loads(path.read_text())
    document["blobs"][OTHER] = {"key": list(KEY), "made": WRITTEN, "boot": "none"}
    path.write_text(json.dumps(document))
    carried = receipts(tmp_path / "receipts", boot="two")
    assert (carried.of_this_boot(), carried.carry("one"), carried.of_this_boot()) == (0, 1, 1)
    again = receipts(tmp_path / "receipts", boot="two")
    assert (again.why_void(BLOB, KEY), "rebooted" in again.why_void(OTHER, KEY)) == ("", True)
    # Another number for the same disk is another key; so is a file that was changed.
    assert "changed or replaced" in again.why_void(BLOB, KEY._replace(device=7))
    assert "more than 7 days" in receipts(tmp_path / "receipts", WRITTEN + 8 * DAY, "two").why_void(BLOB, KEY)


def test_carry_of_none_writes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "receipts")
    before = path.stat()
    assert receipts(tmp_path / "receipts", boot="two").carry("three") == 0
    assert path.stat() == before


def test_stores_with_receipts_are_found_where_only_root_can_have_named_them(tmp_path: Path) -> None:
    assert find_stores(str(tmp_path / "receipts")) == []
    path = write(tmp_path / "receipts")
    for name, content in (
        ("a.json", "{"),
        ("b.json", '{"store": 7}'),
        ("c.json", '{"store": "relative"}'),
        ("d.json", "[]"),
    ):
        (path.parent / name).write_text(content)
    (path.parent / "e.json").symlink_to(path)
    assert find_stores(str(tmp_path / "receipts")) == ["/models"]
    path.chmod(0o666)
    assert find_stores(str(tmp_path / "receipts")) == []


def test_forget_drops_only_what_it_is_told(tmp_path: Path) -> None:
    written = receipts(tmp_path / "receipts")
    written.write({BLOB: KEY, OTHER: KEY}, sleep=lambda _: None)
    written.forget([BLOB])
    again = receipts(tmp_path / "receipts")
    assert (again.why_void(BLOB, KEY), again.why_void(OTHER, KEY)) == ("it was never hashed", "")


def test_written_folder_and_file_are_for_root_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "receipts")
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cannot be read"),
        (b'{"format": 1, "store": "/mod', "cannot be read"),
        (b"[" * 50_000, "cannot be read"),
        (b"[]", "an unknown format"),
        (b'{"format": 2, "store": "/models", "blobs": {}}', "an unknown format"),
        (b'{"format": 1, "store": "/other", "blobs": {}}', "another store"),
        (b'{"format": 1, "store": "/models", "blobs": []}', "an unknown format"),
    ],
)
def test_unreadable_receipts_prove_nothing(tmp_path: Path, content: bytes, why: str) -> None:
    write(tmp_path / "receipts").write_bytes(content)
    assert why in receipts(tmp_path / "receipts").why_void(BLOB, KEY)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_receipts_others_could_write_prove_nothing(tmp_path: Path, what: str) -> None:
    path = write(tmp_path / "receipts")
    target = path if what == "file" else path.parent
    target.chmod(0o777)
    assert f"chmod go-w {target}" in receipts(tmp_path / "receipts").why_void(BLOB, KEY)


def test_receipts_through_a_link_prove_nothing(tmp_path: Path) -> None:
    write(tmp_path / "receipts")
    (tmp_path / "link").symlink_to(tmp_path / "receipts")
    assert "cannot be trusted" in receipts(tmp_path / "link").why_void(BLOB, KEY)


def test_write_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReceiptsUnsafe, match="cannot write receipts in"):
        write(tmp_path / "file" / "receipts")


def test_killed_writer_leaves_the_old_receipts_or_the_new(tmp_path: Path) -> None:
    path = write(tmp_path / "receipts")
    loop = (
        "import sys; sys.path.insert(0, '.collections')\n"
        "from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import Receipts\n"
        "r = Receipts('/models', sys.argv[1], boot='one', clock=lambda: 4600)\n"
        "print(1, flush=True)\n"
        "while True: r.write({}, sleep=lambda _: None)\n"
    )
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", loop, str(path.parent)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert receipts(tmp_path / "receipts").why_void(BLOB, KEY) == ""
    assert len(list(path.parent.iterdir())) <= 2


def test_boot_identity_names_the_kernels_boot_and_the_first_process(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "1").mkdir()
    (tmp_path / "sys/kernel/random/boot_id").write_text("c0ffee\n")
    fields = " ".join(str(n) for n in range(3, 53))
    (tmp_path / "1/stat").write_text(f"1 (sys temd) ) {fields}\n")
    assert boot_identity(str(tmp_path)) == "c0ffee 22"


def test_boot_identity_stays_the_same_between_reads() -> None:
    assert boot_identity() == boot_identity()


def test_receipts_of_one_store_are_not_those_of_another(tmp_path: Path) -> None:
    write(tmp_path / "receipts")
    other = Receipts("/elsewhere/models", str(tmp_path / "receipts"), boot="one", clock=lambda: WRITTEN)
    assert other.why_void(BLOB, KEY) == "it was never hashed"


def test_receipts_follow_the_real_folder(tmp_path: Path) -> None:
    os.makedirs(tmp_path / "models")
    (tmp_path / "link").symlink_to(tmp_path / "models")
    one, other = (Receipts(str(tmp_path / name), str(tmp_path / "receipts")) for name in ("models", "link"))
    assert one.path == other.path


def test_written_receipts_are_plain_json(tmp_path: Path) -> None:
    document = json.loads(write(tmp_path / "receipts").read_text())
    assert document["blobs"][BLOB] == {"key": list(KEY), "made": WRITTEN, "boot": "one"}
