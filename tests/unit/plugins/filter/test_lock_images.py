"""What a lock can say of images: what all hosts share, else why not."""

from __future__ import annotations

import pytest

from ansible_collections.archiv.ollama.plugins.filter.lock_images import Images, lock_images

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


@pytest.mark.parametrize(
    ("answers", "shared"),
    [
        ({"a": {"x:1": [ONE]}, "b": {"x:1": [ONE]}}, {"x:1": [ONE]}),
        # Engine 26 keeps the digest of each index around the same bytes.
        ({"a": {"x:1": [ONE, OTHER]}, "b": {"x:1": [OTHER]}}, {"x:1": [OTHER]}),
        ({"a": {"x:1": [OTHER, ONE]}}, {"x:1": [ONE, OTHER]}),
        # Hosts with other names have other images.
        ({"a": {"x:1": [ONE]}, "b": {"x:2": [OTHER]}}, {"x:1": [ONE], "x:2": [OTHER]}),
        ({}, {}),
    ],
)
def test_what_all_hosts_share_is_locked(answers: Images, shared: dict[str, list[str]]) -> None:
    assert lock_images(answers) == {"shared": shared, "unlike": [], "unknown": []}


def test_hosts_that_are_unlike_are_named_with_what_each_has() -> None:
    found = lock_images({"b": {"x:1": [OTHER]}, "a": {"x:1": [ONE]}, "c": {"x:1": [OTHER], "y:1": [ONE]}})
    assert found["shared"] == {"y:1": [ONE]}
    assert found["unlike"] == [f"- x:1  {ONE}  on a", f"- x:1  {OTHER}  on b, c"]


def test_image_that_was_loaded_from_a_file_is_said_and_not_guessed() -> None:
    found = lock_images({"a": {"x:1": []}, "b": {"x:1": [ONE]}})
    assert (found["shared"], found["unlike"]) == ({}, [])
    [told] = found["unknown"]
    assert told.startswith("image x:1 is not locked by this run: on a it was loaded from a file or built")
