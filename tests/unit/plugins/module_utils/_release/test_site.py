"""Where the models of a release are, and what is kept of one whose record cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._release import images
from ansible_collections.archiv.ollama.plugins.module_utils._release.records import Records, Release
from ansible_collections.archiv.ollama.plugins.module_utils._release.site import Site
from ansible_collections.archiv.ollama.plugins.module_utils._release.stores import Stores
from ansible_collections.archiv.ollama.plugins.module_utils._store.kept import numbers
from ansible_collections.archiv.ollama.plugins.module_utils._store.lock import LockError
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts
from tests.unit.support.stores import NAME, sha256, tiny_model

MODEL = tiny_model()


def site_of(folder: Path, models: Path) -> Site:
    engine: Any = None
    stores = Stores("archiv", engine, str(models), str(folder / "receipts"))
    return Site("archiv", Records(str(folder / "stack")), engine, stores)


def release(number: int, models: Path) -> Release:
    return Release(number, "good", note={"models_dir": str(models)}, models=[{"name": NAME, "digest": MODEL.digest}])


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old/models", tmp_path / "new/models"
    for folder in (old, new):
        MODEL.install(folder)
    return old, new


def test_release_keeps_the_store_that_it_was_made_with(tmp_path: Path, stores: tuple[Path, Path]) -> None:
    """The inventory names a folder on a larger disk by now."""
    old, new = stores
    one = release(1, old)
    weights = MODEL.blob_path(old, "weights")
    receipts, digest = Receipts(str(old), str(tmp_path / "receipts")), sha256(MODEL.blobs["weights"])
    receipts.write({digest: FileKey.of(os.stat(weights))})
    site_of(tmp_path, old).keep_models(one)
    site = site_of(tmp_path, new)
    assert site.lacks(one) == [] and weights.stat().st_nlink == 2
    site.put_models_back(one)
    site.forget(one)
    store = site.stores.of(one)
    assert store is not None and store.models_dir == str(old) and numbers(store) == []
    receipts.read()
    assert receipts.why_void(digest, FileKey.of(os.stat(weights))) == ""


def test_release_whose_store_is_gone_lacks_its_models(tmp_path: Path, stores: tuple[Path, Path]) -> None:
    one = release(1, tmp_path / "gone/models")
    assert site_of(tmp_path, stores[0]).lacks(one) == [f"model {NAME}: its store is not there"]


def test_models_of_a_release_whose_record_cannot_be_read_are_kept(
    tmp_path: Path, stores: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of(tmp_path, stores[0])
    for number in (1, 2):
        site.records.write(release(number, stores[0]))
        site.keep_models(release(number, stores[0]))
    record = Path(site.records.path(1), "release.json")
    record.write_text("{")
    site.remove_leftovers()
    store: Any = site.stores.of()
    assert numbers(store) == [1, 2]
    # And gone once somebody has removed it.
    record.unlink()
    site.remove_leftovers()
    assert numbers(store) == [2]


def test_store_that_is_no_longer_used_fails_nothing(tmp_path: Path, stores: tuple[Path, Path]) -> None:
    old, new = stores
    one = release(1, old)
    site_of(tmp_path, old).keep_models(one)
    # As on a disk that is mounted read-only by now: the lock cannot be had.
    lock = old.parent / ".archiv/lock"
    lock.unlink()
    lock.mkdir()
    site = site_of(tmp_path, new)
    site.forget(one)
    [warning] = site.warnings
    assert warning.startswith(f"release 1: its models in {old} stay there: ")
    with pytest.raises(LockError):
        site_of(tmp_path, old).forget(one)


def test_nothing_is_kept_of_a_stack_that_is_removed(tmp_path: Path, stores: tuple[Path, Path]) -> None:
    site = site_of(tmp_path, stores[0])
    site.keep_models(release(3, stores[0]))
    site.forget_models()
    store: Any = site.stores.of()
    assert numbers(store) == []


@pytest.mark.parametrize(("exactly", "removed"), [(False, ()), (True, ("holder",))])
def test_images_are_held_while_a_record_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exactly: bool, removed: tuple[str, ...]
) -> None:
    site = site_of(tmp_path, tmp_path / "models")
    site.records.write(Release(1, "good"))
    Path(site.records.path(1), "release.json").write_text("{")
    done: list[images.Holds] = []
    monkeypatch.setattr(images, "look", lambda *_given: images.Held({"sha256:1": ("a:1",)}, {"holder": "sha256:1"}))
    monkeypatch.setattr(images, "carry_out", lambda _engine, _project, holds: done.append(holds))
    site.hold([], exactly=exactly)
    assert [holds.remove for holds in done] == [removed]
