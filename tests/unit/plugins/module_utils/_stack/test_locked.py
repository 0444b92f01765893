"""An image under a locked name is one of those in the lock file, or a deploy is refused in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import HostImage
from ansible_collections.archiv.ollama.plugins.module_utils._entry.report import write_verdict
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import is_clean, judge_stack, time_may_mend
from ansible_collections.archiv.ollama.plugins.module_utils._stack.locked import (
    judge_images,
    list_images,
    refuse_images,
)
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import Seen
from tests.unit.support.recorded_stack import OLD, TODAY, clean

BACKEND, OLLAMA = "registry.lab/archiv/backend:1.0.0", "registry.lab/ollama/ollama:0.34.2"
ONE, OTHER, THIRD = (f"sha256:{digit * 64}" for digit in "123")


def bound(*locked: str, has: Sequence[str] = (ONE,), name: str = BACKEND, by: str = OLD) -> Seen:
    """The clean stack, whose image has these digests, with these in the lock."""
    seen = clean(by)
    image = replace(seen.images[name], digests=frozenset(has))
    return replace(seen, images={**seen.images, name: image}, locks={name: list(locked)})


@pytest.mark.parametrize(
    "seen",
    [
        clean(),
        bound(ONE),
        bound(OTHER, ONE),
        # Pulled again in another index around the same bytes.
        bound(OTHER, has=[ONE, OTHER]),
        replace(bound(ONE), locks={"registry.lab/archiv/backend:0.9.0": [OTHER]}),
        # A missing one is pulled first.
        replace(bound(OTHER), images={}),
    ],
    ids=["no lock", "same", "one of two", "several of its own", "of another name", "missing"],
)
def test_image_of_the_lock_is_clean(seen: Seen) -> None:
    assert judge_images(seen) == [] and refuse_images(seen) == []


@pytest.mark.parametrize("by", [OLD, TODAY])
def test_other_image_is_not_clean_and_no_time_mends_it(by: str) -> None:
    seen = bound(OTHER, by=by)
    reasons = judge_stack(seen)
    assert [(one.kind, one.subject, one.action) for one in reasons] == [("image_other", BACKEND, "ask")]
    assert not is_clean(reasons) and not time_may_mend(reasons, after_start=True)


def test_refusal_says_what_is_locked_what_is_there_and_both_ways_out() -> None:
    right = f"registry.lab/archiv/backend@{OTHER}"
    assert refuse_images(bound(THIRD, OTHER)) == [
        f"image {BACKEND}: the lock file has {THIRD} or {OTHER}, the host has {ONE}: for the locked one run"
        f" `docker pull {right}` and `docker tag {right} {BACKEND}` on the host, else put the host's digest into the"
        " lock file"
    ]


def test_image_that_was_loaded_from_a_file_is_not_guessed_to_be_the_locked_one() -> None:
    [refusal] = refuse_images(bound(OTHER, has=[]))
    assert "the host has one without a digest, loaded from a file or built there: for" in refusal
    assert refusal.endswith("else remove the image from the lock file")


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("ollama/ollama:0.34.2", "ollama/ollama"),
        ("reg.example:5000/a/b", "reg.example:5000/a/b"),
        ("reg.example:5000/a/b:1", "reg.example:5000/a/b"),
        (f"a/b:1@{ONE}", "a/b"),
    ],
)
def test_command_names_the_repository_alone(name: str, repository: str) -> None:
    seen = replace(clean(), images={name: HostImage(frozenset(), frozenset({ONE}))}, locks={name: [OTHER]})
    assert f"`docker pull {repository}@{OTHER}`" in refuse_images(seen)[0]


def test_verdict_lists_the_images_of_our_own_services() -> None:
    seen = bound(ONE, has=[OTHER, ONE])
    service: Any = replace(seen.wanted.services["backend"], name="db", image="db:16")
    seen = replace(seen, wanted=replace(seen.wanted, services={**seen.wanted.services, "db": service}))
    seen = replace(seen, images={**seen.images, "db:16": HostImage(frozenset(), frozenset({THIRD}))})
    expected = {BACKEND: [ONE, OTHER], OLLAMA: []}
    assert list_images(seen) == expected
    assert write_verdict("archiv", seen, [], {}, [])["images"] == expected
    assert list_images(replace(seen, images={})) == {}
