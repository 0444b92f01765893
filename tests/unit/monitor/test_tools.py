"""Prometheus' tools are unpacked once and whole, or not at all; apt-get and dpkg are small scripts here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab import parts
from tests.lab.settings import LabError
from tests.monitor import tools

FETCH = 'for name; do :; done\necho fetched >> "$SEEN"\n: > prometheus_1.deb\n: > prometheus-alertmanager_1.deb\n'
UNPACK = (
    'mkdir -p "$3/usr/bin"\ncase $2 in\n*manager*) tool=amtool ;;\n*) tool=promtool ;;\nesac\n: > "$3/usr/bin/$tool"\n'
)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tools, "FOLDER", tmp_path / "lab/prometheus")
    monkeypatch.setattr(parts, "LOG", tmp_path / "log")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    script(tmp_path, "apt-get", FETCH)
    script(tmp_path, "dpkg", UNPACK)
    return tmp_path / "seen"


def script(folder: Path, name: str, text: str) -> None:
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\nset -eu\n{text}")
    file.chmod(0o755)


def test_both_are_fetched_once(seen: Path) -> None:
    assert tools.promtool().is_file() and tools.amtool().is_file()
    assert seen.read_text() == "fetched\n"
    assert [path.name for path in tools.FOLDER.parent.iterdir()] == [tools.FOLDER.name]


def test_half_of_them_is_none(seen: Path, tmp_path: Path) -> None:
    script(tmp_path, "dpkg", UNPACK.replace("*) tool", "*) exit 1; tool"))
    with pytest.raises(LabError, match="`dpkg -x` failed"):
        tools.promtool()
    assert list(tools.FOLDER.parent.iterdir()) == []


def test_another_process_that_was_faster_is_fine(seen: Path, tmp_path: Path) -> None:
    script(tmp_path, "apt-get", f'{FETCH}mkdir -p "{tools.FOLDER}/usr/bin"\n: > "{tools.FOLDER}/usr/bin/theirs"\n')
    assert tools.promtool().with_name("theirs").is_file()
