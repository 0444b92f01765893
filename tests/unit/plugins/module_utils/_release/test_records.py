"""The records of releases: which is there, which a return leads to, which go."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._release.records import (
    FOLDER,
    Records,
    Release,
    find_anew,
    find_outdated,
    in_place,
    is_same,
    is_taken_back,
    last_good,
    open_release,
    parse,
    plain,
    rotated_since,
    services_of,
    way_back,
)
from tests.unit.support.evaluate import rendered


def release(number: int, state: Any = "good", image: str = "", **more: Any) -> Release:
    images = {"ollama": {"name": "ollama/ollama:0.34.2", "id": image or f"sha256:{number}"}}
    return Release(number, state, images=images, **more)


def numbers(releases: list[Release]) -> list[int]:
    return [one.number for one in releases]


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    assert records.read() == [] and records.next_number() == 1
    whole = release(1, by={"user": "ada"}, files=[{"path": "a", "mode": "0644"}], secrets={"letter": "ab"})
    records.write(whole)
    records.keep_file(1, ".archiv/gate/a.cfg", "text\n")
    assert [plain(one) for one in records.read()] == [json.loads(json.dumps(plain(whole)))]
    assert records.next_number() == 2
    assert records.read_file(1, ".archiv/gate/a.cfg") == "text\n"
    folder = tmp_path / FOLDER
    for path in (folder, folder / "1", folder / "1" / "release.json", folder / "1" / "files" / ".archiv/gate/a.cfg"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "state": "odd"}'])
def test_what_is_no_record_is_passed_over(raw: bytes, tmp_path: Path) -> None:
    assert parse(raw) is None
    records = Records(str(tmp_path))
    records.write(release(1))
    (tmp_path / FOLDER / "2").mkdir()
    (tmp_path / FOLDER / "2" / "release.json").write_bytes(raw)
    assert numbers(records.read()) == [1]
    # Its number is not given again: what is left of it would be taken for the new one's.
    assert records.next_number() == 3


def test_record_that_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    records.write(release(1))
    os.chmod(tmp_path / FOLDER / "1" / "release.json", 0o666)
    assert records.read() == []


def test_removed_release_is_gone_whole(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    for number in (1, 2):
        records.write(release(number))
        records.keep_log(number, "archiv-ollama-1", ["one", "two"])
    records.remove(1)
    assert numbers(records.read()) == [2] and os.listdir(tmp_path / FOLDER) == ["2"]


def test_what_a_cut_of_power_left_of_a_removed_release_goes(tmp_path: Path) -> None:
    records = Records(str(tmp_path))
    records.write(release(1))
    records.keep_log(2, "archiv-ollama-1", ["one"])
    # Not what a later version may have written.
    records.write(release(3))
    (tmp_path / FOLDER / "3" / "release.json").write_bytes(b'{"format": 2}')
    records.remove_leftovers()
    assert sorted(os.listdir(tmp_path / FOLDER)) == ["1", "3"]


def test_record_names_its_format() -> None:
    assert json.loads(json.dumps(plain(release(1))))["format"] == 1


def test_switch_is_open_until_somebody_says_how_it_ended() -> None:
    for state, is_open in (("begun", True), ("returning", True), ("good", False), ("failed", False)):
        assert (open_release([release(1), release(2, state)]) is not None) is is_open, state
    assert open_release([release(1, "begun"), release(2)]) is None


def test_return_leads_to_what_served_before() -> None:
    one, two = release(1), release(2)
    back = way_back([one, two])
    assert back == one
    # A switch that failed and stayed is not good: before it was the last good one.
    assert way_back([one, two, release(3, "failed")]) == two
    assert way_back([one, two, release(3, "begun")]) == two
    # One that was taken back is not there any more.
    assert way_back([one, two, release(3, "returned")]) == one
    assert way_back([one]) is None and way_back([]) is None


def test_return_passes_over_what_is_the_same() -> None:
    releases = [release(1, image="a"), release(2, image="b"), release(3, image="a")]
    assert way_back(releases) == releases[1]
    assert way_back([release(1, image="a"), release(2, image="a")]) is None


def test_what_is_there_is_the_newest_that_was_not_taken_back() -> None:
    assert in_place([release(1), release(2, "returned")]) == release(1)
    assert in_place([release(1), release(2, "failed")]) == release(2, "failed")


def test_two_releases_are_the_same_by_files_images_and_models() -> None:
    one = release(1, image="a", models=[{"name": "m", "digest": "d"}], files=[{"path": "f", "sha256": "s"}])
    assert is_same(one, replace(one, number=2, secrets={"a": "b"}, why="no"))
    assert not is_same(one, replace(one, models=[{"name": "m", "digest": "e"}]))
    assert not is_same(one, replace(one, files=[{"path": "f", "sha256": "t"}]))
    assert not is_same(one, release(1, image="b", models=one.models, files=one.files))


def test_failed_switch_is_taken_back_unless_that_could_lose_data() -> None:
    served, failed = release(1), release(2, "begun")
    assert is_taken_back(failed, served, ())
    assert not is_taken_back(failed, served, {"backend"})
    assert not is_taken_back(replace(failed, images=served.images), served, ())
    # A return that somebody asked for is not followed by another.
    assert not is_taken_back(replace(failed, restores=1), served, ())


def test_containers_with_data_are_known_by_their_ids() -> None:
    before = {"backend": "1", "ollama": "2", "db": "3", "ollama-warm": "4"}
    assert find_anew(before, before) == []
    assert find_anew(before, {**before, "ollama": "x", "ollama-warm": "x", "gate": "x"}) == []
    assert find_anew(before, {**before, "backend": "x"}) == ["backend"]
    assert find_anew(before, {"backend": "1", "ollama": "2"}) == ["db"]


def test_newest_good_releases_stay_and_the_newest_failure() -> None:
    releases = [release(1), release(2), release(3, "failed"), release(4), release(5, "returned"), release(6, "begun")]
    assert numbers(find_outdated(releases, 2)) == [1, 3]
    assert numbers(find_outdated(releases, 1)) == [1, 2, 3]
    good = last_good(releases)
    assert good is not None and good.number == 4


def test_secret_is_rotated_where_its_id_is_another() -> None:
    assert rotated_since(release(1, secrets={"a": "1", "b": "2"}), {"a": "1", "b": "3"}) == ["b"]


def test_services_are_those_that_the_role_renders(tmp_path: Path) -> None:
    """Also with a gate, whose keys go before those that it merges in; no YAML is read on the host."""
    given = {
        "ollama_stack_gate": True,
        "ollama_stack_extra_services": {"db": {"image": "postgres:17", "environment": {"A": "b: c"}}},
        "ollama_stack_backend_extra": {"depends_on": ["db"]},
    }
    found = services_of(rendered(tmp_path, {"one": given})["one"])
    assert found == ["backend", "ollama", "ollama-model-init", "ollama-warm", "gate", "db"]
