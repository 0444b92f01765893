"""A scrub reads every blob from the disk, says which are bad, and goes on where it was stopped."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._monitor import paths, scrub
from ansible_collections.archiv.ollama.plugins.module_utils._monitor.history import read_history
from ansible_collections.archiv.ollama.plugins.module_utils._store import uncached
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.lock import is_held
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey
from tests.unit.support.fake_engine import serve_engine
from tests.unit.support.loop_disk import LoopDisk, loop_disk, needs_loop
from tests.unit.support.stores import NAME
from tests.unit.support.watched_store import WatchedStore, watched

__all__ = ["loop_disk", "watched"]

Said = pytest.CaptureFixture[str]


def test_every_blob_of_the_store_is_read_and_has_a_receipt(watched: WatchedStore, capsys: Said) -> None:
    assert watched.scrub() == 0
    assert watched.proven() == set(watched.blobs)
    assert "read 6 blobs of" in capsys.readouterr().out
    told = watched.record()
    assert (told["round"], told["findings"], told["last"]["ok"], told["last"]["direct"]) == (None, [], True, True)
    assert abs(told["last"]["ended"] - time.time()) < 60
    assert told["last"]["bytes"] == sum(path.stat().st_size for path in watched.models.glob("blobs/*"))
    assert [(one["event"], one["result"]) for one in read_history(9)] == [("scrub", "ok")]


def test_changed_byte_is_found_though_size_and_times_are_the_same(watched: WatchedStore, capsys: Said) -> None:
    watched.scrub()
    path = watched.path(watched.weights())
    before = path.stat()
    with path.open("r+b") as file:
        file.write(bytes([watched.model.blobs["weights"][0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    capsys.readouterr()
    assert watched.scrub() == 1
    assert watched.proven() == set(watched.blobs) - {watched.weights()}
    told = capsys.readouterr()
    assert f"{NAME}: weights {path}: expected {watched.weights()}, found sha256:" in told.err
    assert "repair it with playbooks/deploy.yml" in told.err
    assert "1 damaged or missing" in told.out
    last = watched.record()["last"]
    assert (last["ok"], last["damaged"], last["missing"]) == (False, 1, 0)


@pytest.mark.parametrize(
    ("damage", "missing", "words"),
    [
        ("missing", 1, "found nothing"),
        ("short", 0, "found 100 bytes"),
        ("link", 0, "found a link to /etc/hosts"),
        ("pipe", 0, "found a pipe"),
        ("zeroes", 0, "only zero bytes, as after a power failure"),
    ],
)
def test_blob_that_is_not_one_is_named(
    watched: WatchedStore, capsys: Said, damage: str, missing: int, words: str
) -> None:
    watched.scrub()
    path = watched.path(watched.weights())
    size = path.stat().st_size
    path.unlink()
    if damage in ("short", "zeroes"):
        path.write_bytes(bytes(100 if damage == "short" else size))
        path.chmod(0o644)
    elif damage == "link":
        path.symlink_to("/etc/hosts")
    elif damage == "pipe":
        os.mkfifo(path)
    assert watched.scrub() == 1
    assert words in capsys.readouterr().err
    last = watched.record()["last"]
    assert (last["damaged"], last["missing"]) == (1 - missing, missing)
    assert json.loads(Path(watched.receipts().path).read_text())["blobs"].keys() == watched.blobs.keys() - {
        watched.weights()
    }


def test_wanted_model_that_is_not_there_is_told(watched: WatchedStore, capsys: Said) -> None:
    watched.want(NAME, "phi3:mini")
    assert watched.scrub() == 1
    assert "phi3:mini: manifest" in capsys.readouterr().err
    assert (watched.record()["last"]["ok"], watched.record()["findings"]) == (False, [])


def test_manifest_that_nobody_wants_and_nobody_can_read_is_told_and_no_fault(
    watched: WatchedStore, capsys: Said
) -> None:
    (watched.models / "manifests/registry.ollama.ai/library/other/1b").write_text("{")
    assert watched.scrub() == 0
    assert "other:1b: manifest" in capsys.readouterr().err


@needs_loop
def test_bit_lost_below_the_file_system_is_found_though_the_blob_is_cached(
    loop_disk: LoopDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = WatchedStore(tmp_path, monkeypatch, loop_disk.folder / "models")
    assert watched.scrub() == 0
    weights = watched.model.blobs["weights"]
    path = watched.path(watched.weights())
    assert path.read_bytes() == weights
    loop_disk.flip(weights[8192:16384])
    assert path.read_bytes() == weights, "the cache must hide it, else this shows nothing"
    assert watched.scrub() == 1
    assert watched.proven() == set(watched.blobs) - {watched.weights()}
    assert [one["digest"] for one in watched.record()["findings"]] == [watched.weights()]


SLOW = """
import argparse, sys, time
sys.path.insert(0, '.collections')
from ansible_collections.archiv.ollama.plugins.module_utils._monitor import paths, scrub
from ansible_collections.archiv.ollama.plugins.module_utils._store import uncached
paths.HOME, paths.STATE_DIR, paths.WANTED, paths.SCRUB = sys.argv[1:5]
paths.HISTORY, paths.LOCK = paths.STATE_DIR + "/history.jsonl", paths.STATE_DIR + "/lock"
paths.SCRUB_LOCK = paths.STATE_DIR + "/scrub.lock"
uncached.PIECE = 4096
drop, fast = uncached._drop, int(sys.argv[5])
def slowly(descriptor, offset, length):
    global fast
    drop(descriptor, offset, length)
    if length:
        print('piece', flush=True)
        time.sleep(0 if fast > 0 else 0.3)
        fast -= 1
uncached._drop = slowly
sys.exit(scrub.run(argparse.Namespace(progress=False)))
"""


def begun(pieces: int = 2) -> subprocess.Popen[str]:
    """Another process that scrubs, each file in pieces of 4096 bytes; it has read so many and takes its time now."""
    places = [paths.HOME, paths.STATE_DIR, paths.WANTED, paths.SCRUB, str(2 * pieces)]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *places], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    # Each is told before it is read and after it.
    for _ in range(2 * pieces + 1):
        assert process.stdout.readline() == "piece\n"
    return process


def said(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Stop it; what it said last, and how often it went on to a piece or from one."""
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=30)
    return errors, output.count("piece")


class Reads:
    """Which blobs are read, through the real function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.digests: list[str] = []
        self.before: Callable[[], object] = lambda: None
        monkeypatch.setattr(scrub, "hash_on_disk", self._read)

    def _read(self, disk: Disk, path: str, after_piece: Callable[[int], None]) -> uncached.OnDisk:
        self.digests.append(Path(path).name.replace("-", ":"))
        self.before()
        return uncached.hash_on_disk(disk, path, after_piece)


def test_stop_is_heard_at_once_and_the_next_scrub_goes_on(
    watched: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first weights are ten pieces.
    with begun(pieces=12) as process:
        assert is_held(Disk(paths.HOME), paths.SCRUB_LOCK)
        words, pieces = said(process)
    # It ends after the piece at hand, which is a megabyte outside of this test.
    assert pieces <= 2
    assert (process.returncode, "a signal stopped it; the next one goes on with the" in words) == (4, True)
    assert not is_held(Disk(paths.HOME), paths.SCRUB_LOCK)
    reads = Reads(monkeypatch)
    done = set(watched.record()["round"]["done"])
    assert watched.scrub() == 0
    assert watched.weights() in done
    assert sorted(reads.digests) == sorted(set(watched.blobs) - done)
    assert watched.proven() == set(watched.blobs)


def test_killed_scrub_leaves_a_state_that_the_next_goes_on_with(watched: WatchedStore) -> None:
    with begun() as process:
        process.kill()
    assert watched.scrub() == 0
    assert watched.proven() == set(watched.blobs)
    assert watched.record()["round"] is None


def test_second_scrub_says_that_another_runs(watched: WatchedStore, capsys: Said) -> None:
    with begun() as process:
        assert watched.scrub() == 4
        process.kill()
    assert f"another scrub is running (process {process.pid}" in capsys.readouterr().err


def test_what_was_read_before_a_boot_is_read_again(watched: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut may have changed it since."""
    with begun(pieces=12) as process:
        said(process)
    assert watched.record()["round"]["done"]
    assert watched.proven()
    monkeypatch.setattr(
        "ansible_collections.archiv.ollama.plugins.module_utils._store.receipts.boot_identity", lambda: "2"
    )
    reads = Reads(monkeypatch)
    assert watched.scrub() == 0
    assert sorted(reads.digests) == sorted(watched.blobs)


def test_round_of_last_week_is_not_gone_on_with(watched: WatchedStore) -> None:
    with begun() as process:
        said(process)
    document = watched.record()
    document["round"]["began"] -= 8 * 24 * 3600
    Path(paths.SCRUB).write_text(json.dumps(document))
    assert watched.scrub() == 0
    assert watched.record()["last"]["began"] > time.time() - 60


def test_nothing_is_read_while_an_install_goes_on(watched: WatchedStore, capsys: Said) -> None:
    with installing(watched):
        assert watched.scrub() == 4
    assert f"an install is going on (process {os.getpid()}" in capsys.readouterr().err
    assert not Path(paths.SCRUB).exists()


def test_install_that_begins_meanwhile_is_not_waited_for(
    watched: WatchedStore, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it wait; what was read without a receipt is read again."""
    monkeypatch.setattr(scrub, "_LOCK_SECONDS", 0.5)
    reads = Reads(monkeypatch)
    with ExitStack() as later:
        reads.before = lambda: later.enter_context(installing(watched)) if len(reads.digests) == 1 else None
        assert watched.scrub() == 4
        assert "receipts could not be written" in capsys.readouterr().err
    assert watched.proven() == set()
    assert watched.scrub() == 0
    assert watched.proven() == set(watched.blobs)
    assert len(reads.digests) == 2 * len(watched.blobs)


@contextmanager
def installing(watched: WatchedStore) -> Iterator[None]:
    """The store's lock is held."""
    lock = watched.models.parent / ".archiv/lock"
    lock.parent.mkdir(mode=0o700)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_blob_that_is_replaced_while_it_is_read_is_read_once_more(
    watched: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = watched.path(watched.weights())
    path.write_bytes(bytes(path.stat().st_size))
    hash_on_disk = uncached.hash_on_disk

    def replaced(disk: object, name: str, *more: object) -> object:
        found = hash_on_disk(disk, name, *more)  # type: ignore[arg-type]
        if name == str(path) and not path.read_bytes()[0]:
            path.with_name("new").write_bytes(watched.model.blobs["weights"])
            path.with_name("new").rename(path)
        return found

    monkeypatch.setattr(scrub, "hash_on_disk", replaced)
    assert watched.scrub() == 0
    assert watched.proven() == set(watched.blobs)


def test_model_that_is_removed_while_it_is_read_is_no_fault(
    watched: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_on_disk = uncached.hash_on_disk

    def removed(disk: object, name: str, *more: object) -> object:
        if name == str(watched.path(watched.weights(watched.other))):
            (watched.models / "manifests/registry.ollama.ai/library/other/1b").unlink(missing_ok=True)
            Path(name).unlink(missing_ok=True)
        return hash_on_disk(disk, name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(scrub, "hash_on_disk", removed)
    assert watched.scrub() == 0


def test_damage_that_is_mended_is_forgotten_by_the_next_round(watched: WatchedStore) -> None:
    path = watched.path(watched.weights())
    path.write_bytes(bytes(path.stat().st_size))
    assert watched.scrub() == 1
    (finding,) = watched.record()["findings"]
    assert (finding["digest"], finding["missing"], finding["key"]) == (
        watched.weights(),
        False,
        [*FileKey.of(path.stat())],
    )
    path.write_bytes(watched.model.blobs["weights"])
    assert watched.scrub() == 0
    assert (watched.record()["last"]["ok"], watched.record()["findings"]) == (True, [])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"format": 1, "round": 7, "findings": [{"digest": 1}], "last": []}',
        b'{"format": 1, "store": "%s", "findings": 5}',
    ],
)
def test_damaged_state_begins_anew(watched: WatchedStore, content: bytes) -> None:
    watched.state.mkdir(mode=0o700)
    Path(paths.SCRUB).write_bytes(content.replace(b"%s", str(watched.models).encode()))
    assert watched.scrub() == 0
    assert watched.record()["last"]["ok"]


def test_receipts_that_cannot_be_kept_are_no_success(watched: WatchedStore, capsys: Said) -> None:
    watched.receipts_dir.write_text("in the way")
    assert watched.scrub() == 1
    assert "no receipts were written, so the next deploy hashes all again" in capsys.readouterr().err


@pytest.mark.parametrize("planted", ["models", "models/blobs", "models/manifests", ".archiv", "models/manifests/x"])
def test_nothing_is_read_behind_a_link(watched: WatchedStore, tmp_path: Path, capsys: Said, planted: str) -> None:
    volume = watched.models.parent
    assert watched.scrub() == 0
    outside = tmp_path / "outside"
    if (volume / planted).exists():
        (volume / planted).rename(outside)
    else:
        watched.other.install(outside)
    for path in outside.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    (volume / planted).symlink_to(outside)
    code = watched.scrub()
    assert code == (planted != "models/manifests/x")
    assert {path.stat().st_atime for path in outside.rglob("*") if path.is_file()} <= {1}
    assert code == 0 or capsys.readouterr().err


def test_models_in_a_volume_are_found_by_the_engine(watched: WatchedStore, tmp_path: Path, capsys: Said) -> None:
    path = Path(paths.WANTED)
    with serve_engine(tmp_path) as engine:
        path.write_text(path.read_text().replace(str(watched.models), "").replace("unix:///nowhere", engine.host))
        engine.volume["Mountpoint"] = str(watched.models.parent)
        assert watched.scrub() == 0
        assert watched.proven() == set(watched.blobs)
        engine.answers["/volumes"] = (200, {"Volumes": []})
        assert watched.scrub() == 3
    assert (
        "the Engine has no volume ollama-models of project archiv: run playbooks/deploy.yml" in capsys.readouterr().err
    )
    assert watched.scrub() == 3
    assert "cannot find the models: " in capsys.readouterr().err


def test_host_that_nobody_knows_is_not_guessed(watched: WatchedStore, capsys: Said) -> None:
    Path(paths.WANTED).unlink()
    assert watched.scrub() == 3
    assert "playbooks/deploy.yml" in capsys.readouterr().err


def test_bar_shows_on_a_terminal_only(watched: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr("ansible_collections.archiv.ollama.plugins.module_utils._monitor.bar._DRAW_SECONDS", 0)
        assert watched.scrub(progress=True) == 0
        shown = ""
        # A terminal hands on what it has, in as many parts as it likes.
        while select.select([ours], [], [], 0.5)[0]:
            shown += os.read(ours, 10_000).decode()
    os.close(ours)
    assert "[##############################] 100%" in shown and "KiB/s" in shown
