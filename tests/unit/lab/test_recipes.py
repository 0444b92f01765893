"""What names the images that are built from parts: all that we decide about them, and nothing that moves by itself."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.lab import images, ollama_image, today_image


def test_recipe_changes_with_the_version_only() -> None:
    assert ollama_image.recipe("0.34.2") == ollama_image.recipe("0.34.2")
    assert ollama_image.recipe("0.34.2") != ollama_image.recipe("0.34.3")


@pytest.mark.parametrize("decided", ["MOBY", "COMPOSE", "CLI", "SWARMKIT"])
def test_todays_recipe_changes_with_each_version(decided: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = today_image.recipe("bare:1")
    module, _version = getattr(today_image, decided)
    monkeypatch.setattr(today_image, decided, (module, "v0"))
    assert today_image.recipe("bare:1") != before


def test_todays_recipe_changes_with_the_image_below() -> None:
    assert today_image.recipe("bare:1") != today_image.recipe("bare:2")
    assert today_image.recipe("bare:1") == today_image.recipe("bare:1")


def test_every_host_image_has_a_tag_of_its_own() -> None:
    names = [*images.BUILT, *images.PROVEN]
    assert len({images.tag_of(name) for name in names}) == len(names)


def test_packaged_version_is_read_from_the_changelog(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/doc/runc"
    folder.mkdir(parents=True)
    with gzip.open(folder / "changelog.Debian.gz", "wt") as changelog:
        changelog.write("runc (1.3.6+ds1-1) unstable; urgency=medium\n\n  * New.\n\nrunc (1.3.5-1) unstable\n")
    assert today_image.packaged_version(tmp_path, "runc") == "1.3.6+ds1-1"
