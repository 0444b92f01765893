"""What no model uses is found and told, with what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.survey import Leftover, is_ours, take_survey
from tests.unit.support.stores import sha256, tiny_model


def test_survey_reports_what_no_manifest_asks_for(tmp_path: Path) -> None:
    models, model, stray = tmp_path / "models", tiny_model(), b"stray"
    model.install(models)
    (models / "blobs" / sha256(stray).replace(":", "-")).write_bytes(stray)
    (models / "blobs" / "notes.txt").write_bytes(b"x")
    partial = model.blob_path(models, "weights").with_name(model.blob_path(models, "weights").name + "-partial-0")
    partial.write_bytes(b"{}")
    ours = tmp_path / ".archiv" / "partials" / model.blob_path(models, "template").name
    ours.parent.mkdir(parents=True)
    ours.write_bytes(b"half")
    survey = take_survey(Store(str(models)))
    assert [(one.path, one.role, one.bytes) for one in survey.partials] == [
        (str(partial), "weights", 2),
        (str(ours), "template", 4),
    ]
    assert {Path(one.path).name: one.bytes for one in survey.unreferenced} == {
        sha256(stray).replace(":", "-"): len(stray),
        "notes.txt": 1,
    }
    assert survey.bad_manifests == ()


def test_survey_counts_what_a_sparse_partial_occupies(tmp_path: Path) -> None:
    partial = tmp_path / "blobs" / f"sha256-{'a' * 64}-partial"
    partial.parent.mkdir()
    partial.touch()
    os.truncate(partial, 1 << 30)
    assert take_survey(Store(str(tmp_path))).partials[0].bytes == 0


def test_survey_names_manifests_it_cannot_read(tmp_path: Path) -> None:
    manifest = tiny_model().install(tmp_path)
    manifest.write_bytes(b"")
    manifest.with_name("folder").mkdir()
    survey = take_survey(Store(str(tmp_path)))
    assert survey.bad_manifests == (str(manifest), str(manifest.with_name("folder")))


def test_survey_of_nothing_is_empty(tmp_path: Path) -> None:
    survey = take_survey(Store(str(tmp_path / "nowhere")))
    assert (survey.partials, survey.unreferenced, survey.bad_manifests) == ((), (), ())


def test_only_names_that_ollama_or_we_give_are_ours(tmp_path: Path) -> None:
    store, blob = Store(str(tmp_path)), f"sha256-{'a' * 64}"
    ours = {
        store.blobs_dir: [blob, f"{blob}-partial", f"{blob}-partial-12"],
        store.partials_dir: [blob, f"{blob}.json", "manifest.new"],
    }
    strangers = {store.blobs_dir: [f"{blob}.json", "manifest.new"], store.partials_dir: ["notes.txt"]}
    for wanted, names in ((True, ours), (False, strangers)):
        for folder, own in names.items():
            for name in own:
                assert is_ours(store, Leftover(os.path.join(folder, name), 1, "", "")) is wanted, (folder, name)


@pytest.mark.parametrize(("count", "more"), [(20, []), (21, ["1 more entries do not belong in "])])
def test_survey_tells_so_many_strangers_and_how_many_more(tmp_path: Path, count: int, more: list[str]) -> None:
    models = tmp_path / "models"
    (models / "blobs").mkdir(parents=True)
    for number in range(count):
        (models / "blobs" / f"link{number}").symlink_to(tmp_path)
    strange = take_survey(Store(str(models))).strange
    assert [one for one in strange if "more entries" in one] == [f"{one}{tmp_path}" for one in more]
    assert len(strange) == 20 + len(more)


def test_survey_tells_links_on_the_way_to_a_manifest_and_beside_our_files(tmp_path: Path) -> None:
    models = tmp_path / "models"
    manifest = tiny_model().install(models)
    private = tmp_path / ".archiv"
    (private / "partials").mkdir(parents=True)
    (private / "lock").write_bytes(b"")
    (private / "a file of ours").write_bytes(b"")
    places = [manifest.parents[3], manifest.parents[2], manifest.parents[1], private]
    links = [place / "planted" for place in places]
    for link in links:
        link.symlink_to("/etc")
    strange = take_survey(Store(str(models))).strange
    assert sorted(one.partition(" is a link to /etc")[0] for one in strange) == sorted(map(str, links))
