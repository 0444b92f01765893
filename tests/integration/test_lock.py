"""playbooks/lock.yml on the lab's staging host: binds deploys to what it holds, and tells when upstream moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Play, Typed
from tests.lab import engine, model, registry

WANTED = model.MODELS[0]


@pytest.fixture
def play(play: Play, tmp_path: Path) -> Callable[..., str]:
    """The same with a lock file of our own."""
    lock = f"ollama_stack_lock_file={tmp_path}/folder/lock.yml"
    stats = {"ANSIBLE_SHOW_CUSTOM_STATS": "true"}
    return lambda name, *options, code=0: play(name, "-e", lock, *options, code=code, env=stats)


@pytest.fixture
def moved() -> Iterator[Callable[[], str]]:
    """Move the tag; afterwards it is back."""
    base = registry.base_url(engine.require())
    yield lambda: registry.move(base, WANTED.name)
    registry.move_back(base, WANTED.name)


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
    entry, *_images = yaml.safe_load(lock.read_text())
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


@pytest.fixture
def moved_image() -> Iterator[Callable[[], str]]:
    """Have the backend's tag mean another image; afterwards it is back."""
    base = registry.base_url(engine.require())
    yield lambda: registry.move(base, "backend")
    registry.move_back(base, "backend")


STARTED = "docker ps --all --format '{{.ID}}' | xargs docker inspect --format '{{.Name}} {{.State.StartedAt}}' | sort"
DIGESTS = "docker image inspect --format '{{join .RepoDigests \"\\n\"}}' "
BACKEND = "registry.lab/archiv/backend:1.0.0"


@pytest.mark.more
def test_image_that_is_not_the_locked_one_is_refused_and_the_sentence_brings_it(
    play: Play, typed: Typed, moved_image: Callable[[], str], tmp_path: Path
) -> None:
    play("deploy")
    play("lock")
    lock = tmp_path / "folder" / "lock.yml"
    locked = {one["image"]: one["digest"] for one in yaml.safe_load(lock.read_text()) if "image" in one}
    assert set(locked) == {BACKEND, "registry.lab/ollama/ollama:0.34.2"}
    for image, digest in locked.items():
        assert f"@{digest}\n" in typed(DIGESTS + image)
    assert changed(play("deploy")) == 0

    before, other = typed(STARTED), moved_image()
    # The one that is there is another one: somebody has pulled by hand.
    typed(f"docker pull --quiet {BACKEND}")
    refused = " ".join(play("deploy", code=2).split())
    assert f"image {BACKEND}: the lock file has {locked[BACKEND]}, the host has {other}: for the locked" in refused
    assert "PLAY RECAP" in refused and "changed=0" in refused
    right = f"registry.lab/archiv/backend@{locked[BACKEND]}"
    commands = f"docker pull {right} && docker tag {right} {BACKEND}"
    assert f"`docker pull {right}` and `docker tag {right} {BACKEND}` on the host" in refused
    typed(commands)
    assert changed(play("deploy")) == 0

    # None is there, and the registry sends another one.
    typed(f"docker tag {BACKEND} kept:1 && docker image rm --force {BACKEND} {right}")
    options = ("-e", "ollama_stack_context_length=1024")
    refused = " ".join(play("deploy", *options, code=2).split())
    assert f"The registry sent another image than the lock file has. {BACKEND}: the lock file has" in refused
    assert f"the host has {other}" in refused and "Nothing was changed: the compose file and the containers" in refused
    assert typed(STARTED) == before

    typed(commands)
    assert changed(play("deploy", *options)) > 0
    assert changed(play("deploy", *options)) == 0
    # What is locked now is what the hosts have.
    assert changed(play("lock", *options)) == 0
    play("deploy")


def test_image_from_a_file_is_named_and_not_bound(play: Play, typed: Typed, tmp_path: Path) -> None:
    play("deploy")
    typed(f"docker build --quiet --tag built:1 - <<E\nFROM {BACKEND}\nLABEL built=here\nE")
    known = "@sha256:" in typed(DIGESTS + "built:1")
    written = " ".join(play("lock", "-e", "ollama_stack_backend_image=built:1").split())
    bound = [one.get("image") for one in yaml.safe_load((tmp_path / "folder" / "lock.yml").read_text())]
    # The containerd store knows a digest of everything that it holds; the other one of what it pulled.
    assert ("built:1" in bound) == known
    assert ("image built:1 is not locked by this run: on staging-1" in written) == (not known)


def test_upstream_that_is_away_is_told_in_a_sentence(play: Play) -> None:
    away = ("-e", "check=true", "-e", "ollama_stack_mirror=https://registry.lab:444")
    assert "refused; is the registry running" in " ".join(play("lock", *away, code=2).split())
    assert "unreachable" in play("lock", *away, "-e", "ollama_stack_lock_policy=warn")
