"""A store's files are found as Ollama finds them, and what nobody needs is reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.manifest import ManifestInvalid
from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Unsafe
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from tests.unit.support.stores import NAME, tiny_model


def test_store_keeps_private_files_beside_models(tmp_path: Path) -> None:
    store = Store(f"{tmp_path}/models/")
    assert store.lock_path == f"{tmp_path}/.archiv/lock"
    assert store.partials_dir == f"{tmp_path}/.archiv/partials"
    assert store.blob_path("sha256:" + "a" * 64) == f"{tmp_path}/models/blobs/sha256-{'a' * 64}"


@pytest.mark.parametrize("digest", ["", "sha256:../x", "sha256:" + "a" * 64 + "/..", "sha256-" + "a" * 64])
def test_blob_path_takes_nothing_but_a_digest(digest: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        Store("/models").blob_path(digest)


@pytest.mark.parametrize("wanted", [NAME, NAME.upper(), f"Registry.Ollama.AI/Library/{NAME}"])
def test_find_manifest_folds_case(tmp_path: Path, wanted: str) -> None:
    manifest = tiny_model().install(tmp_path)
    assert Store(str(tmp_path)).find_manifest(parse_name(wanted)) == str(manifest)


def test_find_manifest_prefers_the_exact_spelling(tmp_path: Path) -> None:
    tiny_model(1).install(tmp_path, "registry.ollama.ai", "library", "M", "1")
    exact = tiny_model(2).install(tmp_path, "registry.ollama.ai", "library", "m", "1")
    assert Store(str(tmp_path)).find_manifest(parse_name("m:1")) == str(exact)


@pytest.mark.parametrize("wanted", ["qwen2.5:7b", "qwen2.5", "hub/library/" + NAME, "qwen2.5:7b-instruct-q4_K_M2"])
def test_find_manifest_matches_no_other_name(tmp_path: Path, wanted: str) -> None:
    tiny_model().install(tmp_path)
    assert Store(str(tmp_path)).find_manifest(parse_name(wanted)) is None


def test_manifest_path_adopts_the_spelling_other_models_use(tmp_path: Path) -> None:
    tiny_model().install(tmp_path, "registry.ollama.ai", "library", "other", "Q4_K_M")
    path = Store(str(tmp_path)).manifest_path(parse_name("new:q4_k_m"))
    assert path == f"{tmp_path}/manifests/registry.ollama.ai/library/new/Q4_K_M"


def test_manifest_path_is_the_name_in_an_empty_store(tmp_path: Path) -> None:
    path = Store(str(tmp_path)).manifest_path(parse_name("hub:5000/Me/m:1"))
    assert path == f"{tmp_path}/manifests/hub:5000/Me/m/1"


def test_read_manifest_reads_no_more_than_a_manifest(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 1 << 40)
    with pytest.raises(ManifestInvalid, match="more than"):
        Store(str(tmp_path)).read_manifest(str(huge))


def test_read_manifest_does_not_open_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unsafe, match="not a regular file"):
        Store(str(tmp_path)).read_manifest(str(tmp_path / "pipe"))
