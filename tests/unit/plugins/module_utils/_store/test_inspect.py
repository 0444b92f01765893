"""Every damage to every blob is seen, and the right blob is named."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import (
    ModelState,
    Verify,
    look_at,
    look_at_all,
)
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts
from tests.unit.support.stores import NAME, sha256, tiny_model

ROLES = ("weights", "config", "template")
VERIFIES: tuple[Verify, ...] = ("full", "receipt", "size")


def missing(blob: Path) -> None:
    blob.unlink()


def truncated(blob: Path) -> None:
    os.truncate(blob, blob.stat().st_size - 1)


def grown(blob: Path) -> None:
    blob.write_bytes(blob.read_bytes() + b"\0")


def emptied(blob: Path) -> None:
    blob.write_bytes(b"")


def zeroed(blob: Path) -> None:
    blob.write_bytes(bytes(blob.stat().st_size))


def flipped(blob: Path) -> None:
    before = blob.stat()
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(blob: Path) -> None:
    """Another file of the same size and time, by rename as rsync would."""
    before, other = blob.stat(), blob.with_name("other")
    other.write_bytes(bytes(before.st_size))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(blob)


def folder(blob: Path) -> None:
    blob.unlink()
    blob.mkdir()


def dangling_link(blob: Path) -> None:
    blob.unlink()
    blob.symlink_to("/nowhere/at/all")


def link(blob: Path) -> None:
    """Readable from the host, gone inside a container."""
    elsewhere = blob.parent.parent / "elsewhere"
    blob.rename(elsewhere)
    blob.symlink_to(elsewhere)


def pipe(blob: Path) -> None:
    blob.unlink()
    os.mkfifo(blob)


def partial_only(blob: Path) -> None:
    blob.rename(blob.with_name(blob.name + "-partial"))


GONE: dict[Callable[[Path], None], tuple[str, str]] = {
    missing: ("missing", "nothing"),
    partial_only: ("missing", "only an incomplete download"),
    truncated: ("size", "bytes"),
    grown: ("size", "bytes"),
    emptied: ("size", "0 bytes"),
    folder: ("not_a_file", "a folder"),
    dangling_link: ("not_a_file", "a link to /nowhere/at/all"),
    link: ("not_a_file", "a link to "),
    pipe: ("not_a_file", "a pipe"),
}
WRONG_BYTES: dict[Callable[[Path], None], tuple[str, str]] = {
    zeroed: ("content", "only zero bytes"),
    flipped: ("content", "sha256:"),
    replaced: ("content", "only zero bytes"),
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A store with one whole model."""
    # pytest's own folder is closed to everybody else.
    tiny_model().install(tmp_path / "volume" / "models")
    return tmp_path / "volume" / "models"


def look(models: Path, verify: Verify = "full", digest: str | None = None) -> ModelState:
    """The state of the one model."""
    return look_at(Store(str(models)), parse_name(NAME), verify, digest)


def written_receipts(models: Path) -> Receipts:
    """Receipts for the whole model, written long after it was."""
    receipts = Receipts(str(models), str(models.parent / "receipts"), clock=lambda: 2e9, boot="one")
    receipts.write(look(models).proven, sleep=lambda _: None)
    return receipts


def test_whole_model_is_cached_and_intact(models: Path) -> None:
    state = look(models)
    assert (state.cached, state.intact, state.problems, state.digest) == (True, True, (), tiny_model().digest)
    assert set(state.proven) == {sha256(blob) for blob in tiny_model().blobs.values()}


@pytest.mark.parametrize("verify", VERIFIES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("damage", GONE, ids=lambda damage: damage.__name__)
def test_blob_not_there_is_neither_cached_nor_intact(
    models: Path, damage: Callable[[Path], None], role: str, verify: Verify
) -> None:
    blob = tiny_model().blob_path(models, role)
    damage(blob)
    state = look(models, verify)
    assert (state.cached, state.intact) == (False, False)
    assert [(one.role, one.path, one.blob) for one in state.problems] == [
        (role, str(blob), sha256(tiny_model().blobs[role]))
    ]
    kind, found = GONE[damage]
    assert state.problems[0].kind == kind
    assert found in state.problems[0].found


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("damage", WRONG_BYTES, ids=lambda damage: damage.__name__)
def test_blob_of_wrong_bytes_is_cached_but_not_intact(models: Path, damage: Callable[[Path], None], role: str) -> None:
    receipts = written_receipts(models)
    blob = tiny_model().blob_path(models, role)
    damage(blob)
    state = look(models)
    assert (state.cached, state.intact) == (True, False)
    assert [(one.kind, one.role, one.path, one.expected) for one in state.problems] == [
        ("content", role, str(blob), sha256(tiny_model().blobs[role]))
    ]
    assert WRONG_BYTES[damage][1] in state.problems[0].found
    by_receipt = look_at(Store(str(models)), parse_name(NAME), "receipt", receipts=receipts)
    assert by_receipt.intact is None
    assert by_receipt.unproven == (f"{role}: the file was changed or replaced since it was hashed",)
    assert look(models, "size").intact is None


@pytest.mark.parametrize(
    ("content", "kind", "found"),
    [
        (b"", "empty", "an empty file"),
        (bytes(400), "invalid", "only zero bytes"),
        (b"\x7fELF garbage", "invalid", "not JSON"),
        (b'{"schemaVersion": 2}', "invalid", "no list of layers"),
    ],
)
@pytest.mark.parametrize("verify", VERIFIES)
def test_bad_manifest_is_named(models: Path, content: bytes, kind: str, found: str, verify: Verify) -> None:
    manifest = tiny_model().install(models)
    manifest.write_bytes(content)
    state = look(models, verify)
    assert (state.cached, state.intact, state.digest) == (False, False, None)
    assert [(one.kind, one.role, one.path, one.found) for one in state.problems] == [
        (kind, "manifest", str(manifest), found)
    ]


@pytest.mark.parametrize("damage", [folder, dangling_link, link, pipe], ids=lambda damage: damage.__name__)
def test_manifest_that_is_no_file_is_named(models: Path, damage: Callable[[Path], None]) -> None:
    manifest = tiny_model().install(models)
    damage(manifest)
    state = look(models)
    assert (state.cached, state.intact) == (False, False)
    assert [(one.kind, one.role, one.path) for one in state.problems] == [("not_a_file", "manifest", str(manifest))]


def test_model_never_installed_says_where_it_was_looked_for(tmp_path: Path) -> None:
    state = look(tmp_path / "nowhere")
    assert (state.cached, state.intact) == (False, False)
    assert state.problems[0].path == f"{tmp_path}/nowhere/manifests/registry.ollama.ai/library/qwen2.5/{NAME[8:]}"


def test_other_digest_than_the_pinned_is_another_model(models: Path) -> None:
    assert look(models, digest=tiny_model().digest).cached
    state = look(models, digest="sha256:" + "0" * 64)
    assert (state.cached, state.intact) == (False, False)
    assert [one.kind for one in state.problems] == ["pin"]


def test_manifest_without_weights_is_no_model(models: Path) -> None:
    manifest = tiny_model().install(models)
    manifest.write_bytes(manifest.read_bytes().replace(b"image.model", b"image.modem"))
    state = look(models)
    assert (state.cached, [one.kind for one in state.problems]) == (False, ["no_weights"])


@pytest.mark.parametrize("role", ROLES)
def test_blob_the_server_cannot_read_is_whole_but_a_problem(models: Path, role: str) -> None:
    blob = tiny_model().blob_path(models, role)
    blob.chmod(0o600)
    state = look(models)
    assert (state.cached, state.intact) == (True, True)
    assert [(one.kind, one.role, one.path, one.action) for one in state.problems] == [
        ("mode", role, str(blob), f"chmod 0644 {blob}")
    ]


@pytest.mark.parametrize("mode", [0o711, 0o754, 0o700])
def test_folder_the_server_cannot_enter_is_a_problem(models: Path, mode: int) -> None:
    blobs = models / "blobs"
    blobs.chmod(mode)
    state = look(models)
    assert (state.cached, state.intact) == (True, True)
    assert [(one.kind, one.role, one.path, one.action) for one in state.problems] == [
        ("mode", "folder", str(blobs), f"chmod 0755 {blobs}")
    ]


def test_two_spellings_of_a_part_are_a_problem(models: Path) -> None:
    tiny_model(1).install(models, "registry.ollama.ai", "library", "other", NAME[8:].upper())
    state = look(models)
    assert (state.cached, state.intact) == (True, True)
    assert [one.kind for one in state.problems] == ["spelling"]


def test_all_damages_at_once_are_all_named(models: Path) -> None:
    truncated(tiny_model().blob_path(models, "config"))
    flipped(tiny_model().blob_path(models, "weights"))
    missing(tiny_model().blob_path(models, "template"))
    assert {(one.role, one.kind) for one in look(models).problems} == {
        ("config", "size"),
        ("weights", "content"),
        ("template", "missing"),
    }


def test_receipt_proves_without_reading(models: Path) -> None:
    receipts = written_receipts(models)
    state = look_at(Store(str(models)), parse_name(NAME), "receipt", receipts=receipts)
    assert (state.cached, state.intact, state.unproven) == (True, True, ())


def test_without_receipt_nothing_is_proven(models: Path) -> None:
    state = look(models, "receipt")
    assert (state.cached, state.intact, state.problems) == (True, None, ())
    assert state.unproven == ("weights, template, config: it has no receipt",)


def test_damage_to_one_model_is_not_blamed_on_another(models: Path) -> None:
    other = tiny_model(1)
    other.install(models, "registry.ollama.ai", "library", "llama3.2", "1b")
    flipped(other.blob_path(models, "weights"))
    states = look_at_all(Store(str(models)), [(parse_name(NAME), None), (parse_name("llama3.2:1b"), None)])
    assert [state.intact for state in states] == [True, False]


def test_proven_is_the_file_that_was_hashed(models: Path) -> None:
    blob = tiny_model().blob_path(models, "weights")
    assert look(models).proven[sha256(tiny_model().blobs["weights"])] == FileKey.of(blob.stat())


def test_blob_whose_disk_fails_is_unreadable_and_not_missing(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Disk.stat

    def stat(disk: Disk, path: str) -> os.stat_result:
        if "/blobs/" in path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return whole(disk, path)

    monkeypatch.setattr(Disk, "stat", stat)
    state = look(models, "receipt")
    assert not state.cached
    assert {problem.kind for problem in state.problems} == {"unreadable"}
    assert all("Input/output error" in problem.text for problem in state.problems)
