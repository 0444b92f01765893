"""What is made and opened below a store, and what of it only root may change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Disk, nearest_folder


def test_folder_of_a_relative_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # It is a refusal of its own, which the look must live to tell.
    monkeypatch.chdir(tmp_path)
    assert nearest_folder("data/models") == str(tmp_path)


@pytest.mark.parametrize("data", [b"", b"new"])
def test_file_that_is_written_again_holds_the_new_content_alone(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "record"
    file.write_bytes(b"something longer")
    Disk(str(tmp_path)).write(str(file), data, 0o600)
    assert file.read_bytes() == data


@pytest.mark.parametrize(("mode", "foreign"), [(0o755, False), (0o775, True), (0o1775, False), (0o757, True)])
def test_folder_of_another_group_is_foreign_only_where_the_group_can_write(mode: int, foreign: bool) -> None:
    found = os.stat_result((0o40000 | mode, 1, 1, 2, os.geteuid(), 4242, 0, 0, 0, 0))
    assert bool(Disk("/store").why_foreign("/store", found)) is foreign


def test_file_of_ours_is_closed_to_others_and_otherwise_left_as_it_is(tmp_path: Path) -> None:
    disk, file = Disk(str(tmp_path)), tmp_path / "lock"
    file.touch(0o666)
    file.chmod(0o644)
    os.close(disk.own(str(file), 0o600))
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o400)
    changed = file.stat().st_ctime_ns
    os.close(disk.own(str(file), 0o600))
    assert (file.stat().st_ctime_ns, file.stat().st_mode & 0o777) == (changed, 0o400)
