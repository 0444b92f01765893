"""Where a folder will be made, whatever is there of the way to it."""

from __future__ import annotations

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
