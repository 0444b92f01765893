"""playbooks/fetch.yml on the lab's staging host: what is fetched by day is served by night without a registry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from tests.integration.conftest import Play, Typed
from tests.lab import containers, engine, index, model, registry
from tests.lab.settings import OLLAMA_VERSION, ROOT, container_name

WANTED = model.MODELS[0]
NEWER = "0.34.3"
STARTED = """docker ps --all --quiet --filter label=com.docker.compose.project=archiv | xargs docker inspect --format \
'{{.Id}} {{.State.StartedAt}}' | sort"""
SERVED = """cd /var/lib/docker/volumes/archiv_ollama-models/_data/models && find . -type f -path '*/manifests/*' \
-exec sha256sum {} + && find . -type f -printf '%p %i %s %T@ %C@\n' | grep -v -e blobs -e '^./manifests' | sort"""


def changed(output: str) -> int:
    match = re.search(r"staging-1 .* changed=(\d+) ", output)
    assert match is not None, output
    return int(match.group(1))


def publish(seed: str) -> str:
    """Have the registry give a model of this seed under the wanted name; its digest."""
    made = model.build_model(seed)
    return model.publish(made, registry.base_url(engine.require()), WANTED.repository, WANTED.tag)


@pytest.fixture
def moved() -> Iterator[str]:
    """The digest of what the tag means now; afterwards it is back."""
    index.publish(registry.base_url(engine.require()), "ollama/ollama", OLLAMA_VERSION, [NEWER])
    yield publish("archiv-fetched-ahead")
    publish(WANTED.seed)


@pytest.fixture
def cut(typed: Typed) -> Iterator[Callable[[], None]]:
    """Nobody answers the host's calls, but it answers the controller; afterwards all is back."""
    host = containers.find(engine.require(), container_name("staging-1"))
    assert host is not None
    scissors = (ROOT / "molecule/shared/lab-cut").read_bytes()
    host.put_archive("/", containers.tar_of([("usr/local/sbin/lab-cut", scissors, 0o755)]))

    def call() -> None:
        typed("lab-cut swallowed; ! timeout 5 getent hosts registry.lab")

    yield call
    typed("lab-cut off")


def test_fetched_by_day_is_served_by_night_without_a_registry(
    play: Play, typed: Typed, moved: str, cut: Callable[[], None]
) -> None:
    play("deploy")
    wanted = {
        "ollama_stack_image": f"registry.lab/ollama/ollama:{NEWER}",
        "ollama_stack_models": [{"name": WANTED.name, "digest": moved}],
    }
    new = ("-e", json.dumps(wanted))
    started, served = typed(STARTED), typed(SERVED)

    assert changed(play("fetch", "--check", *new)) > 0
    assert NEWER not in typed("docker image ls --format '{{.Tag}}'")
    assert changed(play("fetch", *new)) > 0
    assert NEWER in typed("docker image ls --format '{{.Tag}}'")
    # Who serves has noticed nothing, and the host is as wanted by an inventory that wants nothing new.
    assert (typed(STARTED), typed(SERVED)) == (started, served)
    assert changed(play("verify")) == changed(play("deploy")) == 0
    assert changed(play("fetch", *new)) == changed(play("fetch", "--check", *new)) == 0

    cut()
    assert changed(play("deploy", *new)) > 0
    shown = play("verify", *new)
    assert moved[7:19] in shown and typed(STARTED) != started
    assert changed(play("deploy", *new)) == 0
