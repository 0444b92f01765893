"""What images are built from: the mirror, the Go, and commands that say what went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import parts
from tests.lab.settings import LabError

DEB822 = """\
Types: deb
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: https://mirror.example/debian-security
Suites: trixie-security

Types: deb
URIs: https://mirror.example/debian
Suites: trixie trixie-updates
"""


@pytest.mark.parametrize(
    ("sources", "mirror"),
    [
        ([DEB822], "https://mirror.example/debian"),
        (["deb http://mirror.example/debian/ trixie main"], "http://mirror.example/debian/"),
        (["deb [arch=amd64 signed-by=/k] http://a.example/debian x main"], "http://a.example/debian"),
        (["# deb http://mirror.example/debian trixie main"], None),
        (["deb-src http://mirror.example/debian trixie main"], None),
        (["deb http://archive.example/ubuntu noble main"], None),
        (["deb http://packages.example/node_20.x nodistro main", DEB822], "https://mirror.example/debian"),
        ([], None),
    ],
)
def test_mirror_is_the_one_apt_uses(sources: list[str], mirror: str | None) -> None:
    assert parts.debian_mirror(sources) == mirror


def test_sources_are_read_from_list_and_sources_files(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text("one")
    (folder / "debian.sources").write_text("two")
    (folder / "old.list.save").write_text("never")
    assert parts.apt_sources(tmp_path) == ["one", "two"]


@pytest.mark.parametrize("line", ["go version go1.21.0 linux/amd64", "go version go1.26.8 linux"])
def test_go_that_fetches_newer_ones_is_accepted(line: str) -> None:
    assert parts.why_not_go(line) is None


@pytest.mark.parametrize("line", ["go version go1.19.8 linux/amd64", "", "gibberish"])
def test_older_go_is_refused_with_what_was_found(line: str) -> None:
    assert (line or "there is none") in (parts.why_not_go(line) or "")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["no-such-program-anywhere"], "is missing"),
        (["sh", "-c", "exit 3"], "failed"),
        (["sleep", "5"], "did not end within"),
    ],
)
def test_command_that_fails_is_one_sentence(
    command: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LOG", tmp_path / "log")
    with pytest.raises(LabError, match=sentence):
        parts.run(command, timeout=0.5)
