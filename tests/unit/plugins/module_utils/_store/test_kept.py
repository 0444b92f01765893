"""Models of kept releases survive `ollama rm` and our own prune, and come back to where an install finds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Unsafe
from ansible_collections.archiv.ollama.plugins.module_utils._store.fetched import find_fetched
from ansible_collections.archiv.ollama.plugins.module_utils._store.kept import (
    drop_oldest,
    forget_release,
    keep,
    lacks,
    own_names,
    put_back,
    spare_blobs,
)
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts
from ansible_collections.archiv.ollama.plugins.module_utils._store.survey import take_survey
from tests.unit.support.stores import NAME, TinyModel, sha256, tiny_model

MODEL, OTHER = tiny_model(), tiny_model(seed=7)
WISH = {parse_name(NAME): MODEL.digest}


class Place:
    """A store with a model, and its receipts."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "data" / "models"
        self.manifest = MODEL.install(self.models)
        self.store = Store(str(self.models))
        self.receipts = Receipts(str(self.models), str(folder / "receipts"))

    def blobs(self, model: TinyModel = MODEL) -> list[Path]:
        return [model.blob_path(self.models, role) for role in model.blobs]

    def void(self, role: str) -> str:
        path = str(MODEL.blob_path(self.models, role))
        return self.receipts.why_void(sha256(MODEL.blobs[role]), FileKey.of(os.stat(path)))

    def replace_model(self) -> None:
        """Another model takes the name, and what only the first used goes."""
        self.manifest.unlink()
        for path in self.blobs():
            path.unlink()
        OTHER.install(self.models)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    proven = {
        sha256(MODEL.blobs[role]): FileKey.of(os.stat(MODEL.blob_path(made.models, role))) for role in MODEL.blobs
    }
    made.receipts.write(proven)
    return made


def test_kept_blobs_are_second_names_and_their_receipts_hold(place: Place) -> None:
    assert place.void("weights") == ""
    assert keep(place.store, place.receipts, 1, WISH) == []
    for path in place.blobs():
        assert path.stat().st_nlink == 2 and own_names(place.store, str(path)) == 1
    assert place.void("weights") == "" and place.void("config") == ""


def test_receipt_that_was_void_stays_void(place: Place) -> None:
    weights = MODEL.blob_path(place.models, "weights")
    weights.write_bytes(bytes(len(MODEL.blobs["weights"])))
    keep(place.store, place.receipts, 1, WISH)
    assert place.void("weights") != ""


def test_model_comes_back_after_another_took_its_place(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    place.replace_model()
    assert lacks(place.store, 1, WISH) == []
    put_back(place.store, place.receipts, 1, WISH)
    for role, path in zip(MODEL.blobs, place.blobs(), strict=True):
        assert path.read_bytes() == MODEL.blobs[role]
    # What is served is still the other; an install takes this one without a registry.
    assert place.manifest.read_bytes() == OTHER.manifest
    found = find_fetched(place.store, parse_name(NAME), MODEL.digest)
    assert found is not None and found.digest == MODEL.digest
    # Whoever took the first name away changed the file's times, so its bytes are hashed before they are served.
    assert place.void("weights") != ""


def test_served_model_is_not_touched(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    put_back(place.store, place.receipts, 1, WISH)
    assert find_fetched(place.store, parse_name(NAME), MODEL.digest) is None


def test_lost_bytes_are_told(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    place.replace_model()
    assert lacks(place.store, 2, WISH) == [f"model {NAME} {MODEL.digest}: its manifest is not kept"]
    kept = place.models.parent / ".archiv/releases/1/blobs"
    (kept / MODEL.blob_path(place.models, "weights").name).unlink()
    weights = sha256(MODEL.blobs["weights"])
    assert lacks(place.store, 1, WISH) == [f"model {NAME}: weights {weights} is not on the disk"]


def test_model_that_is_another_by_now_is_not_kept_as_the_old_one(place: Place) -> None:
    OTHER.install(place.models)
    told = keep(place.store, place.receipts, 1, WISH)
    assert told == [f"{NAME} is no longer {MODEL.digest} in the store"]
    assert lacks(place.store, 1, WISH) != []


def test_replaced_blob_gets_its_second_name_anew(place: Place) -> None:
    """A damaged file has the same bytes under both names; what mends the first must mend the second."""
    keep(place.store, place.receipts, 1, WISH)
    weights = MODEL.blob_path(place.models, "weights")
    fresh = weights.with_name("fresh")
    fresh.write_bytes(MODEL.blobs["weights"])
    fresh.rename(weights)
    assert own_names(place.store, str(weights)) == 0
    keep(place.store, place.receipts, 2, WISH)
    # For the other release as well.
    assert own_names(place.store, str(weights)) == 2 and place.void("weights") != ""


def test_what_a_release_needs_is_not_left_over(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    place.manifest.unlink()
    assert take_survey(place.store).unreferenced == () and take_survey(place.store).strange == ()
    forget_release(place.store, place.receipts, 1)
    assert len(take_survey(place.store).unreferenced) == len(MODEL.blobs)
    assert not (place.models.parent / ".archiv/releases/1").exists()


def test_nothing_is_left_over_while_a_kept_manifest_cannot_be_read(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    manifest = next((place.models.parent / ".archiv/releases/1/manifests").rglob("7b-*"))
    manifest.write_bytes(b"")
    assert str(manifest) in take_survey(place.store).bad_manifests


def test_mode_is_mended_beside_our_second_names_and_no_others(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    weights = str(MODEL.blob_path(place.models, "weights"))
    os.chmod(weights, 0o600)
    place.store.disk.chmod(weights, 0o644, own_names(place.store, weights))
    os.link(weights, f"{weights}-foreign")
    with pytest.raises(Unsafe, match="second name"):
        place.store.disk.chmod(weights, 0o644, own_names(place.store, weights))


def test_link_in_place_of_a_blob_is_not_kept(place: Place, tmp_path: Path) -> None:
    weights = MODEL.blob_path(place.models, "weights")
    weights.unlink()
    (tmp_path / "secret").write_bytes(b"x")
    weights.symlink_to(tmp_path / "secret")
    told = keep(place.store, place.receipts, 1, WISH)
    assert told == [f"weights {weights} of {NAME} is missing"]


def test_oldest_release_goes_before_the_disk_is_full_and_the_last_never(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    OTHER.install(place.models)
    keep(place.store, place.receipts, 2, {parse_name(NAME): OTHER.digest})
    assert spare_blobs(place.store) == {sha256(blob): len(blob) for blob in MODEL.blobs.values()}
    assert drop_oldest(place.store, place.receipts)
    assert not any(path.exists() for path in place.blobs()) and all(path.exists() for path in place.blobs(OTHER))
    assert lacks(place.store, 1, WISH) != [] and lacks(place.store, 2, {parse_name(NAME): OTHER.digest}) == []
    assert not drop_oldest(place.store, place.receipts) and spare_blobs(place.store) == {}


def test_what_room_is_made_for_stays_when_the_oldest_release_goes(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    OTHER.install(place.models)
    keep(place.store, place.receipts, 2, {parse_name(NAME): OTHER.digest})
    assert drop_oldest(place.store, place.receipts, {sha256(MODEL.blobs["weights"])})
    weights = MODEL.blob_path(place.models, "weights")
    assert [path for path in place.blobs() if path.exists()] == [weights]
    assert place.void("weights") == ""


def test_what_is_still_served_is_not_to_spare(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    keep(place.store, place.receipts, 2, WISH)
    assert spare_blobs(place.store) == {}
    assert drop_oldest(place.store, place.receipts)
    assert all(path.exists() for path in place.blobs())


def test_nothing_is_to_spare_while_a_manifest_cannot_be_read(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    OTHER.install(place.models)
    keep(place.store, place.receipts, 2, {parse_name(NAME): OTHER.digest})
    place.manifest.write_bytes(b"")
    assert spare_blobs(place.store) == {}
    drop_oldest(place.store, place.receipts)
    assert all(path.exists() for path in place.blobs())


def test_receipts_hold_when_a_release_goes(place: Place) -> None:
    """A deploy that let go of the oldest release would else hash every byte again the next time."""
    keep(place.store, place.receipts, 1, WISH)
    keep(place.store, place.receipts, 2, WISH)
    forget_release(place.store, place.receipts, 1)
    assert place.void("weights") == "" == place.void("config")
    assert drop_oldest(place.store, place.receipts) is False
    keep(place.store, place.receipts, 3, WISH)
    assert drop_oldest(place.store, place.receipts)
    assert place.void("weights") == ""


def test_receipt_of_a_changed_file_stays_void_when_a_release_goes(place: Place) -> None:
    keep(place.store, place.receipts, 1, WISH)
    MODEL.blob_path(place.models, "weights").write_bytes(bytes(len(MODEL.blobs["weights"])))
    forget_release(place.store, place.receipts, 1)
    assert place.void("weights") != ""
