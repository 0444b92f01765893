"""playbooks/lock.yml on the lab's staging host: binds deploys to what it holds, and tells when upstream moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Play
from tests.lab import engine, model, registry

WANTED = model.MODELS[0]


@pytest.fixture
def play(play: Play, tmp_path: Path) -> Callable[..., str]:
    """The same with a lock file of our own."""
    lock = f"ollama_stack_lock_file={tmp_path}/folder/lock.yml"
    stats = {"ANSIBLE_SHOW_CUSTOM_STATS": "true"}
    return lambda name, *options, code=0: play(name, "-e", lock, *options, code=code, env=stats)


def publish(seed: str) -> str:
    """Have the registry give a model of this seed under the wanted name; its digest."""
    made = model.build_model(seed)
    return model.publish(made, registry.base_url(engine.require()), WANTED.repository, WANTED.tag)


@pytest.fixture
def moved() -> Iterator[Callable[[], str]]:
    """Move the tag; afterwards it is back."""
    yield lambda: publish("archiv-moved")
    publish(WANTED.seed)


def changed(output: str) -> int:
    match = re.search(r"staging-1 .* changed=(\d+) ", output)
    assert match is not None, output
    return int(match.group(1))


def test_lock_is_exact_in_what_it_says_and_a_deploy_is_bound_to_it(
    play: Play, moved: Callable[[], str], tmp_path: Path
) -> None:
    lock = tmp_path / "folder" / "lock.yml"
    # Whatever ran here before left: the model under its name is the lab's own.
    lock.parent.mkdir()
    lock.write_text(f"- name: {WANTED.name}\n  digest: {model.build_model(WANTED.seed).digest}\n")
    play("deploy")
    lock.unlink()
    lock.parent.rmdir()

    predicted = play("lock", "--check", "--diff")
    assert changed(predicted) == 2 and not lock.parent.exists()
    written = play("lock")
    assert changed(written) == 2
    [entry] = yaml.safe_load(lock.read_text())
    assert entry["name"] == WANTED.name and f"+  digest: {entry['digest']}" in predicted
    # Where the controller's disk is thrown away, the output and the statistics are what is left.
    shown, _, stats = written.partition("CUSTOM STATS")
    assert f"  digest: {entry['digest']}" in shown
    assert "ollama_stack_lock" in stats and entry["digest"] in stats
    assert changed(play("lock")) == changed(play("deploy")) == 0
    assert "same " in play("lock", "-e", "check=true")

    newer = moved()
    told = play("lock", "-e", "check=true", code=2)
    assert f"moved        {WANTED.name}  {entry['digest']}  ->  {newer}" in told
    assert "moved " in play("lock", "-e", "check=true", "-e", "ollama_stack_lock_policy=warn")
    assert changed(play("lock")) == changed(play("deploy")) == 0

    other = lock.read_text().replace(entry["digest"], "sha256:" + "0" * 64)
    lock.write_text(other)
    refused = " ".join(play("deploy", code=2).split())
    assert f"the pinned sha256:{'0' * 64} is no longer available; the tag has moved" in refused
    assert changed(play("lock")) == 1 and changed(play("deploy")) == 0


def test_upstream_that_is_away_is_told_in_a_sentence(play: Play) -> None:
    away = ("-e", "check=true", "-e", "ollama_stack_mirror=https://registry.lab:444")
    assert "refused; is the registry running" in " ".join(play("lock", *away, code=2).split())
    assert "unreachable" in play("lock", *away, "-e", "ollama_stack_lock_policy=warn")
