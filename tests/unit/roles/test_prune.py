"""A prune shows its plan first, and removes only what was confirmed, what is not wanted and what nobody uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.bare_host import BareHost
from tests.unit.support.evaluate import evaluate
from tests.unit.support.stores import TinyModel, tiny_model

MODELS = [{"name": "a:1b"}, {"name": "b:1b", "state": "absent"}]
KEPT, GONE = tiny_model(), tiny_model(seed=5)


class Store:
    """A host's store with a model that is wanted, one that is not, and a blob that nobody uses."""

    def __init__(self, folder: Path) -> None:
        self.host = BareHost(folder)
        self.models = folder / "store/models"
        KEPT.install(self.models, "registry.ollama.ai", "library", "a", "1b")
        GONE.install(self.models, "registry.ollama.ai", "library", "b", "1b")
        self.unused = self.models / "blobs" / f"sha256-{'0' * 64}"
        self.unused.write_bytes(b"old")
        os.utime(self.unused, (1, 1))

    def prune(self, *options: str, code: int = 0, **variables: Any) -> str:
        given = {"ollama_stack_models": MODELS, "ollama_stack_monitor": False, **variables}
        return self.host.run("prune", *options, code=code, **given)

    def holds(self, model: TinyModel) -> bool:
        return model.blob_path(self.models, "weights").exists()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_without_a_confirmation_the_plan_is_shown_and_nothing_removed(store: Store) -> None:
    printed = store.prune()
    assert store.holds(GONE) and store.unused.exists() and "changed=0" in printed
    assert "b/1b" in printed and store.unused.name in printed and "prune_confirmed=archiv" in printed


def test_what_is_absent_and_what_nobody_uses_goes_once_it_is_confirmed(store: Store) -> None:
    printed = store.prune("-e", "prune_confirmed=archiv")
    assert not store.holds(GONE) and not store.unused.exists() and store.holds(KEPT) and "changed=1" in printed
    again = store.prune("-e", "prune_confirmed=archiv")
    assert "changed=0" in again and "Nothing is to be removed." in again


def test_store_without_absent_models_is_pruned_too(store: Store) -> None:
    store.prune("-e", "prune_confirmed=archiv", ollama_stack_models=MODELS[:1])
    assert store.holds(GONE) and store.holds(KEPT) and not store.unused.exists()


def test_confirmation_of_another_project_removes_nothing(store: Store) -> None:
    assert "prune_confirmed is letters" in store.prune("-e", "prune_confirmed=letters", code=2)
    assert store.holds(GONE) and store.unused.exists()


def test_model_that_the_running_stack_wants_is_not_removed(store: Store) -> None:
    stack = store.host.folder / "stack"
    stack.mkdir()
    (stack / "docker-compose.prod.yml").write_text("      ARCHIV_MODELS: a:1b b:1b\n")
    printed = " ".join(store.prune("-e", "prune_confirmed=archiv", code=2).split())
    assert "still wants b:1b. Deploy first" in printed and store.holds(GONE)


@pytest.mark.parametrize("spelled", ["B:1b", "library/b:1b", "registry.ollama.ai/library/b:1b"])
def test_model_that_the_stack_wants_is_known_however_it_is_spelled(store: Store, spelled: str) -> None:
    stack = store.host.folder / "stack"
    stack.mkdir()
    (stack / "docker-compose.prod.yml").write_text("      ARCHIV_MODELS: a:1b b:1b\n")
    models = [MODELS[0], {"name": spelled, "state": "absent"}]
    printed = " ".join(store.prune("-e", "prune_confirmed=archiv", code=2, ollama_stack_models=models).split())
    assert "still wants b:1b. Deploy first" in printed and store.holds(GONE)


def test_model_whose_name_another_begins_with_is_not_taken_for_it(store: Store) -> None:
    stack = store.host.folder / "stack"
    stack.mkdir()
    (stack / "docker-compose.prod.yml").write_text("      ARCHIV_MODELS: a:1b b:1b-instruct b x/b:1b\n")
    store.prune("-e", "prune_confirmed=archiv")
    assert not store.holds(GONE)


def test_absent_model_is_none_of_the_stack(tmp_path: Path) -> None:
    given = {"ollama_stack_models": [MODELS[1], {"name": "a:1b", "state": "present"}]}
    told = evaluate(tmp_path, {"one": given}, "__ollama_stack_pinned")
    assert told["one"]["__ollama_stack_pinned"] == [{"name": "a:1b", "warm": True}]
