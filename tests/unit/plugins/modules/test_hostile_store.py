"""What was planted in a store: nothing outside it is read, written, chmodded or removed, and nothing hangs."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.module_utils._store import disk as _disk
from ansible_collections.archiv.ollama.plugins.module_utils._store import receipts as _receipts
from ansible_collections.archiv.ollama.plugins.modules import ollama_model, ollama_model_info
from tests.unit.support.fake_registry import FakeRegistry, registry
from tests.unit.support.stores import NAME, tiny_model

MODEL = tiny_model(weights=40_000)
NOBODY = 65534
# The gates run as root, and so do these; a developer's own run leaves them out.
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices, gives files away")  # see above


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    monkeypatch.setattr(_receipts, "FINE_RACY_SECONDS", 0)
    # The registry has no TLS, so the machine's authorities need not be read for each run.
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with registry() as server:
        server.publish(f"library/{NAME}", MODEL)
        yield server


class Host:
    """A store with one whole model in it, a folder outside that nobody may touch, and the modules run over them."""

    def __init__(self, folder: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> None:
        self.volume = folder / "volume"
        self.models = self.volume / "models"
        self.outside = folder / "outside"
        self._receipts = folder / "receipts"
        self._upstream = upstream
        self._capsys = capsys
        self.outside.mkdir(mode=0o700)
        (self.outside / "precious").write_text("mine")
        # Names that a prune looks for, and one of a model.
        for name in ("sha256-" + "e" * 64, f"sha256-{'f' * 64}-partial", MODEL.blob_path(self.models, "weights").name):
            (self.outside / name).write_text("mine")
        for file in self.outside.iterdir():
            file.chmod(0o600)
            os.utime(file, (1, 1))

    def run(self, module: Any = ollama_model, **options: Any) -> dict[str, Any]:
        given = {"models": [NAME], "store": str(self.models), "receipts_dir": str(self._receipts), **options}
        if module is ollama_model:
            own = {"mirror": self._upstream.url, "insecure": True, "restart": False, "timeout": 10}
            given = {**own, **given}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        assert "Traceback" not in result["msg"] and "\n" not in result["msg"]
        return result

    def look(self, **options: Any) -> dict[str, Any]:
        return self.run(ollama_model_info, health=False, **options)

    def fingerprint(self) -> list[tuple[Any, ...]]:
        """All that could be done to what lies outside, a read of a file included."""
        found = [self.outside, *sorted(self.outside.rglob("*"))]
        told = [(str(path), path.lstat()) for path in found]
        return [
            (path, one.st_mode, one.st_uid, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
            + ((one.st_atime_ns,) if stat.S_ISREG(one.st_mode) else ())
            for path, one in told
        ]


@pytest.fixture
def host(tmp_path: Path, upstream: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> Host:
    host = Host(tmp_path, upstream, capsys)
    assert host.run()["changed"]
    return host


def away(path: Path) -> None:
    """Out of the way of what is planted there."""
    if path.exists():
        path.rename(f"{path}.moved")


def aged(host: Host) -> None:
    for path in host.volume.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)


# The measured one, and the four that a reading of the code found.


def test_prune_over_a_link_removes_nothing_behind_it(host: Host) -> None:
    before = host.fingerprint()
    away(host.models / "blobs")
    (host.models / "blobs").symlink_to(host.outside)
    result = host.run(state="absent", prune=True)
    assert host.fingerprint() == before
    assert not result.get("pruned")


def test_prune_takes_only_names_that_are_ours(host: Host) -> None:
    blobs, partials = host.models / "blobs", host.volume / ".archiv/partials"
    strangers = [blobs / "notes.txt", blobs / "sha256-short", partials / "letter"]
    for path in strangers:
        path.write_text("somebody's")
    aged(host)
    result = host.run(state="absent", prune=True)
    assert all(path.exists() for path in strangers) and result["pruned"] == []


@pytest.mark.parametrize("name", ["stale", "partials/{weights}.json", "partials/manifest"])
def test_link_in_the_place_of_our_own_file_is_not_written_through(host: Host, name: str) -> None:
    weights = MODEL.blob_path(host.models, "weights")
    weights.write_bytes(bytes(40_000))
    next((host.models / "manifests").rglob(NAME.partition(":")[2])).write_text("garbage")
    before = host.fingerprint()
    link = host.volume / ".archiv" / name.format(weights=weights.name)
    link.unlink(missing_ok=True)
    link.symlink_to(host.outside / "precious")
    host.run()
    assert host.fingerprint() == before


def test_record_of_a_broken_download_is_not_written_through_a_link(
    host: Host, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_registry, "WAITS", (0.01,))
    weights = MODEL.blob_path(host.models, "weights")
    weights.unlink()
    link = host.volume / f".archiv/partials/{weights.name}.json.new"
    link.symlink_to(host.outside / "precious")
    before = host.fingerprint()
    cuts = iter([1000])
    upstream.twist = lambda seen, reply: replace(reply, cut=next(cuts, 0)) if weights.name[7:] in seen.path else reply
    assert host.run().get("failed")
    assert host.fingerprint() == before
    upstream.twist = lambda seen, reply: reply
    assert host.run()["changed"]


def test_modes_are_not_mended_behind_a_link(host: Host) -> None:
    away(host.models / "blobs")
    (host.models / "blobs").symlink_to(host.outside)
    before = host.fingerprint()
    result = host.run()
    assert host.fingerprint() == before
    assert result.get("failed") and str(host.models / "blobs") in result["msg"]


# Whatever is planted wherever.

FOLDERS = ("models", "models/blobs", "models/manifests", "models/manifests/registry.ollama.ai", ".archiv")
FILES = (
    ".archiv/lock",
    ".archiv/stale",
    ".archiv/partials/{weights}",
    ".archiv/partials/{weights}.json",
    "models/blobs/{weights}",
    "models/blobs/{stray}",
    "models/manifests/registry.ollama.ai/library/{model}",
    "models/metadata",
)


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def link_to_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "precious")


def pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def device(path: Path, outside: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # zero: never ends


def huge(path: Path, outside: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 43)


Plant = Callable[[Path, Path], None]


@pytest.mark.parametrize("where", [*FOLDERS, *FILES])
@pytest.mark.parametrize("plant", [link, link_to_file, pipe, pytest.param(device, marks=as_root), huge])
def test_whatever_is_planted_is_found_and_harms_nobody(host: Host, plant: Plant, where: str) -> None:
    parts = {"weights": MODEL.blob_path(host.models, "weights").name, "stray": "sha256-" + "a" * 64}
    path = host.volume / where.format(model=NAME.replace(":", "/"), **parts)
    away(path)
    plant(path, host.outside)
    before, begun = host.fingerprint(), time.monotonic()
    for options in ({"verify": "size"}, {"verify": "receipt"}, {"verify": "full"}):
        host.look(**options)
    host.run(_ansible_check_mode=True)
    host.run()
    host.run(state="absent", prune=True)
    assert host.fingerprint() == before
    assert time.monotonic() - begun < 60, "a hang, however slow the machine"


@pytest.mark.parametrize("where", [".archiv/lock", "models/blobs/{weights}", "models/manifests/{model}"])
def test_writer_at_the_other_end_of_a_pipe_does_not_wake(host: Host, where: str) -> None:
    model = "registry.ollama.ai/library/" + NAME.replace(":", "/")
    path = host.volume / where.format(weights=MODEL.blob_path(host.models, "weights").name, model=model)
    away(path)
    os.mkfifo(path)
    woken = threading.Event()

    def write() -> None:
        # On a busy machine the pipe may be gone before this begins.
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(path, os.O_WRONLY))
            woken.set()

    threading.Thread(target=write, daemon=True).start()
    time.sleep(0.1)
    for verify in ("full", "receipt"):
        host.look(verify=verify)
    host.run(state="absent", prune=True, timeout=0.5)
    heard = woken.wait(0.2)
    # Let the writer go, whoever still holds the pipe's name.
    for name in (path, Path(f"{path}")):
        if name.exists():
            os.close(os.open(name, os.O_RDONLY | os.O_NONBLOCK))
    assert not heard


@pytest.mark.parametrize("where", ["models/blobs/{odd}", "models/manifests/registry.ollama.ai/library/{odd}/1"])
def test_name_that_was_chosen_to_confuse_a_reader_is_shown_harmless(host: Host, where: str) -> None:
    path = host.volume / where.format(odd="a\nFAILED\x1b[2J" + "\udce4")
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    for told in (host.look(), host.run(state="absent", prune=True)):
        words = [*told["store"]["strange"], *told["store"]["bad_manifests"], json.dumps(told.get("warnings", []))]
        assert any("a\\x0aFAILED\\x1b[2J" in word.replace("\\\\", "\\") for word in words)
        assert not any("\n" in word or "\x1b" in word for word in words)


def test_thousands_of_plants_are_told_in_a_few_sentences(host: Host) -> None:
    for number in range(300):
        os.mkfifo(host.models / f"blobs/{number}")
    told = host.look()["store"]["strange"]
    assert len(told) == 21 and told[-1] == f"280 more entries do not belong in {host.volume}"


def test_each_folder_that_is_a_link_is_told(host: Host) -> None:
    for name in ("models/blobs", "models/manifests", ".archiv/partials"):
        away(host.volume / name)
        (host.volume / name).symlink_to(host.outside)
    told = host.run(state="absent", prune=True)["msg"]
    for name in ("models/blobs", "models/manifests"):
        assert f"{host.volume}/{name} is a link to {host.outside}" in told


# Owners


@as_root
@pytest.mark.parametrize("folder", [".", "models", "models/blobs", "models/manifests", ".archiv", ".archiv/partials"])
def test_folder_of_another_user_is_refused_by_name(host: Host, folder: str) -> None:
    MODEL.blob_path(host.models, "weights").unlink()
    os.chown(host.volume / folder, NOBODY, NOBODY)
    for check in (True, False):
        result = host.run(_ansible_check_mode=check)
        assert result.get("failed") and "belongs to nobody" in result["msg"], result["msg"]
        assert f"chown -R root: {host.volume}" in result["msg"]
    assert "belongs to nobody" in json.dumps(host.look()["store"])
    os.chown(host.volume / folder, 0, 0)
    assert host.run()["changed"]


@as_root
def test_hard_link_to_a_file_outside_is_neither_opened_for_all_nor_written(host: Host) -> None:
    weights = MODEL.blob_path(host.models, "weights")
    (host.outside / "twin").write_bytes(weights.read_bytes())
    (host.outside / "twin").chmod(0o600)
    weights.unlink()
    os.link(host.outside / "twin", weights)
    host.run(verify="full")
    assert stat.S_IMODE((host.outside / "twin").stat().st_mode) == 0o600


# Locks and the way in


def test_lock_is_roots_alone(host: Host) -> None:
    lock = host.volume / ".archiv/lock"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lock, lock.parent)] == [0o600, 0o700]
    # As earlier versions left them.
    lock.chmod(0o644)
    lock.parent.chmod(0o755)
    MODEL.blob_path(host.models, "weights").unlink()
    host.run()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lock, lock.parent)] == [0o600, 0o700]


@pytest.mark.parametrize("mode", [0o700, 0o750])
def test_mount_root_that_the_server_cannot_enter_is_named_and_opened(host: Host, mode: int) -> None:
    host.volume.chmod(mode)
    problems = host.look(verify="receipt")["models"][0]["problems"]
    assert [(one["kind"], one["path"]) for one in problems] == [("mode", str(host.volume))]
    assert f"chmod 0{mode | 0o111:o} {host.volume}" == problems[0]["action"]
    assert host.run()["changed"] and stat.S_IMODE(host.volume.stat().st_mode) == mode | 0o111
    assert not host.run()["changed"]


def test_folder_that_is_relative_is_not_searched_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    disk = _disk.Disk("nowhere/models")
    # Red means that this hangs.
    assert disk.file_system("nowhere/models/blobs") is not None
    disk.make_folder("nowhere/models", 0o755)
    assert (tmp_path / "nowhere/models").is_dir()
