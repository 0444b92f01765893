"""What no model uses is found and told, with what it is."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.survey import take_survey
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
