"""The store and the Engine are found or the reason is told; findings become what a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Engine
from ansible_collections.archiv.ollama.plugins.module_utils._engine.volume import NoStore, connect, find_models_dir
from ansible_collections.archiv.ollama.plugins.module_utils._entry.info import summary, unmet_expectations
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import read_wishes
from ansible_collections.archiv.ollama.plugins.module_utils._serve.assess import Assessment, assess_models, observer
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import Verify
from tests.unit.support.fake_engine import recorded, serve_engine
from tests.unit.support.stores import NAME, tiny_model


def test_given_store_needs_no_engine() -> None:
    assert find_models_dir(None, "/srv/models", "archiv", "ollama-models", "no Engine") == "/srv/models"


def test_store_is_that_of_the_projects_volume(tmp_path: Path) -> None:
    with serve_engine(tmp_path) as fake:
        found = find_models_dir(Engine(fake.host), None, "archiv", "ollama-models", "")
    assert found == "/var/lib/docker/volumes/archiv_ollama-models/_data/models"


def test_missing_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoStore, match="not an absolute path"):
        find_models_dir(None, "models", "archiv", "ollama-models", "")
    with pytest.raises(NoStore, match="no Engine; or set store to the models folder"):
        find_models_dir(None, None, "archiv", "ollama-models", "no Engine")
    with serve_engine(tmp_path) as fake:
        engine = Engine(fake.host)
        with pytest.raises(NoStore, match="no volume ollama-models of project other"):
            find_models_dir(engine, None, "other", "ollama-models", "")
        fake.volume = recorded("volume") | {"Driver": "nfs"}
        with pytest.raises(NoStore, match="cannot be read from the host: its driver nfs"):
            find_models_dir(engine, None, "archiv", "ollama-models", "")


def test_connect_gives_the_engine_or_the_reason(tmp_path: Path) -> None:
    assert connect(f"unix://{tmp_path}/none")[1].startswith("no Docker Engine listens")
    with serve_engine(tmp_path) as fake:
        assert connect(fake.host)[0] is not None


def assess(models: Path, verify: Verify = "full", why_no_engine: str = "") -> Assessment:
    """The one model's assessment, the server asked where there is a reason it cannot answer."""
    observe = observer(None, why_no_engine, "archiv", "ollama", 5) if why_no_engine else None
    return assess_models(read_wishes([NAME]), models_dir=str(models), verify=verify, observe=observe)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    # pytest's own folder is closed to everybody else.
    return tmp_path / "volume" / "models"


def test_expectations_met_are_silent(models: Path) -> None:
    tiny_model().install(models)
    assert unmet_expectations(assess(models), ["cached", "intact"]) == []
    assert summary(assess(models)) == f"{NAME}: cached, intact"


def test_every_unmet_expectation_is_named_with_file_and_cure(models: Path) -> None:
    model = tiny_model()
    model.install(models)
    for role in ("config", "template"):
        model.blob_path(models, role).unlink()
    unmet = unmet_expectations(assess(models, why_no_engine="no Engine here"), ["cached", "intact", "healthy"])
    assert len(unmet) == 3
    for line, role in zip(unmet, ("template", "config"), strict=False):
        assert line.startswith(f"{NAME} is not cached and not intact: ")
        assert str(model.blob_path(models, role)) in line
        assert "repair: true" in line
    assert "no Engine here" in unmet[2]


def test_expecting_only_what_holds_hides_what_was_not_asked(models: Path) -> None:
    model = tiny_model()
    model.install(models)
    weights = model.blob_path(models, "weights")
    weights.write_bytes(bytes(weights.stat().st_size))
    assessment = assess(models, why_no_engine="no Engine here")
    assert unmet_expectations(assessment, ["cached"]) == []
    (line,) = unmet_expectations(assessment, ["intact"])
    assert line.startswith(f"{NAME} is not intact: weights {weights}")
    assert "not intact" in summary(assessment)


def test_unproven_is_not_intact_and_says_how_to_know(models: Path) -> None:
    tiny_model().install(models)
    (line,) = unmet_expectations(assess(models, "receipt"), ["cached", "intact"])
    assert "is not verified" in line
    assert line.endswith("run with verify: full")


def test_pinned_that_nobody_can_tell_is_unmet(models: Path) -> None:
    tiny_model().install(models)
    (line,) = unmet_expectations(assess(models, why_no_engine="no Engine here"), ["pinned"])
    assert "not pinned in memory: no Engine here" in line
