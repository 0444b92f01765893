"""A release from its begin to its end: numbers, what is called good, what is taken back, what comes of an interruption.

The records are real, on a disk; what Docker and the store would say is given.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import Container
from ansible_collections.archiv.ollama.plugins.module_utils._entry import release
from ansible_collections.archiv.ollama.plugins.module_utils._entry.lease import LeaseOptions, hold
from ansible_collections.archiv.ollama.plugins.module_utils._entry.release import ReleaseError, ReleaseOptions
from ansible_collections.archiv.ollama.plugins.module_utils._release.records import Records, Release
from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease_file import LeaseError, LeaseFile

FILE = {"path": "docker-compose.prod.yml", "content": "# Managed by archiv.ollama: one\n", "mode": "0644"}
NOTE = {"version": "1.1.0", "models": [{"name": "qwen2.5:7b", "warm": True}], "secrets": ["letter"]}


class GivenSite:
    """What a site answers, and what it was told to do."""

    project = "archiv"

    def __init__(self, folder: Path) -> None:
        self.records = Records(str(folder))
        self.engine: Any = self
        self.warnings: list[str] = []
        self.ids = {"backend": "b1", "ollama": "o1"}
        # Made by a switch that ended before it started them.
        self.half_made: dict[str, str] = {}
        self.image, self.digest = "sha256:1", "sha256:a"
        self.missing: list[str] = []
        self.done: list[str] = []

    def containers(self) -> list[Container]:
        raw = {"Config": {"Image": "ollama/ollama:0.34.2"}, "Image": self.image}
        there = [(name, "running", one) for name, one in self.ids.items()]
        there += [(name, "created", one) for name, one in self.half_made.items()]
        return [Container(f"archiv-{name}-1", name, state, id=one, raw=raw) for name, state, one in there]

    def info(self) -> dict[str, str]:
        return {"ServerVersion": "29.8.0"}

    def log(self, name: str, _lines: int) -> list[str]:
        return [f"{name} said"]

    def digest_of(self, _name: str, _of: Release | None = None) -> str:
        return self.digest

    def sync(self) -> None:
        self.done.append("sync")

    def hold(self, releases: list[Release], exactly: bool = False) -> bool:
        self.done.append(f"hold {sorted(one.number for one in releases if one.state == 'good')}")
        return False

    def keep_models(self, one: Release) -> None:
        self.done.append(f"keep {one.number} {self.states()}")

    def put_models_back(self, one: Release) -> None:
        self.done.append(f"put back {one.number}")

    def name_again(self, one: Release) -> None:
        self.done.append(f"name {one.number}")

    def forget(self, one: Release) -> None:
        self.records.remove(one.number)

    def remove_leftovers(self) -> None:
        self.records.remove_leftovers()

    def forget_models(self) -> None:
        self.done.append("forget models")

    def lacks(self, _one: Release) -> list[str]:
        return self.missing

    def states(self) -> dict[int, str]:
        return {one.number: one.state for one in self.records.read()}


@pytest.fixture
def site(tmp_path: Path) -> Any:
    return GivenSite(tmp_path)


def options(state: str = "", **more: Any) -> ReleaseOptions:
    given = {"directory": "/opt/archiv", "files": [FILE], "note": NOTE, "secrets": ["letter"], **more}
    return ReleaseOptions(state=state, project="archiv", docker_host="", store="", receipts_dir="", **given)


def switch(site: Any, image: str = "", **more: Any) -> dict[str, Any]:
    """A switch from its begin to its good end."""
    release.begin(site, options(**more))
    site.image = image or site.image
    return release.settle(site, options())


def test_switch_that_was_verified_is_good_and_its_models_are_kept_before_it_is_called_so(site: Any) -> None:
    begun = release.begin(site, options())
    assert (begun["number"], begun["parent"], site.states()) == (1, 0, {1: "begun"})
    good = release.settle(site, options())
    assert (good["changed"], good["number"], site.states()) == (True, 1, {1: "good"})
    assert site.done == ["sync", "keep 1 {1: 'begun'}", "hold [1]", "hold [1]"]


def test_release_says_how_long_each_service_did_not_serve_the_last_time(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] | None = [0.0, 12.54]
    monkeypatch.setattr(release, "ask_refused", lambda _host, _project, services, _ago: told and told[: len(services)])
    switch(site)
    [one] = site.records.read()
    assert one.lasted == {"ollama": 12.5}
    told = [3.0, 0.0]
    switch(site, "sha256:2")
    assert site.records.read()[-1].lasted == {"backend": 3.0, "ollama": 12.5}
    # The Engine has forgotten too much: what is known stays.
    told = None
    switch(site, "sha256:3")
    assert site.records.read()[-1].lasted == {"backend": 3.0, "ollama": 12.5}


def test_every_switch_has_a_number_of_its_own_and_the_oldest_goes(site: Any) -> None:
    for number in range(1, 5):
        assert switch(site, f"sha256:{number}")["number"] == number
    assert site.states() == {3: "good", 4: "good"}


def test_repair_is_no_release(site: Any) -> None:
    switch(site)
    again = switch(site)
    assert (again["changed"], again["number"], site.states()) == (False, 1, {1: "good"})


def test_repair_that_changes_the_uid_of_the_backend_is_in_the_release(site: Any) -> None:
    """Secrets are written for it when the release is put back."""
    switch(site)
    switch(site, note={**NOTE, "owner": 10001})
    [one] = site.records.read()
    assert one.note["owner"] == 10001


def test_interrupted_switch_is_taken_up_by_the_next(site: Any) -> None:
    switch(site)
    release.begin(site, options())
    site.records.keep_log(2, "archiv-ollama-1", ["of the first attempt"])
    assert release.begin(site, options())["number"] == 2
    assert not Path(site.records.path(2), "logs").exists()
    site.image = "sha256:2"
    release.settle(site, options())
    assert site.states() == {1: "good", 2: "good"}


def test_secret_keeps_its_id_until_it_is_rotated(site: Any) -> None:
    switch(site)
    [first] = site.records.read()
    switch(site, "sha256:2")
    switch(site, "sha256:3", rotated=["letter"])
    second, third = site.records.read()
    assert first.secrets == second.secrets != third.secrets
    ready = release.make_ready(site, options(number=2))
    assert ready["rotated"] == ["letter"]
    # As the look of a deploy takes them, which refuses a sum beside the content.
    assert ready["files"] == [FILE]


def test_rotation_outlives_the_switch_that_was_interrupted(site: Any) -> None:
    switch(site)
    release.begin(site, options(rotated=["letter"]))
    rotated = site.records.read()[-1].secrets
    switch(site, "sha256:2")
    assert site.records.read()[-1].secrets == rotated


def test_failed_switch_of_ours_is_taken_back(site: Any) -> None:
    switch(site)
    release.begin(site, options())
    site.ids["ollama"], site.image = "o2", "sha256:2"
    failed = release.fail(site, options(why="unhealthy"))
    assert (failed["returns"], failed["parent"], failed["anew"]) == (True, 1, [])
    assert site.states() == {1: "good", 2: "returning"}
    logs = Path(failed["logs"])
    assert sorted(path.name for path in logs.iterdir()) == ["archiv-ollama-1.log"]
    assert (logs / "archiv-ollama-1.log").read_text() == "archiv-ollama-1 said\n"
    release.close(site, options())
    assert site.states() == {1: "good", 2: "returned"}


def test_failed_switch_of_a_model_is_taken_back(site: Any) -> None:
    """The store has the new one already, whatever the last look said."""
    switch(site)
    release.begin(site, options())
    site.digest = "sha256:b"
    assert release.fail(site, options())["returns"]


def test_failed_switch_of_the_backend_stays_unless_it_is_reversible(site: Any) -> None:
    switch(site)
    release.begin(site, options())
    site.ids["backend"], site.image = "b2", "sha256:2"
    failed = release.fail(site, options())
    assert (failed["returns"], failed["anew"], site.states()[2]) == (False, ["backend"], "failed")
    release.begin(site, options())
    site.ids["backend"] = "b3"
    assert release.fail(site, options(reversible=["backend"]))["returns"]


@pytest.mark.parametrize("interrupted", [True, False])
def test_backend_that_an_earlier_switch_made_anew_may_have_changed_data_as_well(site: Any, interrupted: bool) -> None:
    """What stayed after a failure, or was interrupted, is not what served: the next switch goes back past it too."""
    switch(site)
    release.begin(site, options())
    site.ids["backend"], site.image = "b2", "sha256:2"
    if not interrupted:
        release.fail(site, options())
    release.begin(site, options())
    site.ids["ollama"] = "o2"
    failed = release.fail(site, options())
    assert (failed["returns"], failed["anew"]) == (False, ["backend"])


def test_what_failed_is_not_taken_for_what_an_earlier_version_deployed(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Release(0, "good", why="what an earlier version had deployed", note={"secrets": []})
    monkeypatch.setattr(release, "read_deployed", lambda *_given: taken)
    release.begin(site, options())
    release.fail(site, options())
    release.begin(site, options(served=True))
    assert site.states() == {1: "failed", 2: "begun"}


def test_record_of_an_interrupted_switch_is_there_until_the_next_takes_its_place(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(site)
    release.begin(site, options())

    def full(*_given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site.records, "keep_file", full)
    with pytest.raises(OSError, match="No space left"):
        release.begin(site, options())
    assert site.states() == {1: "good", 2: "begun"}


@pytest.mark.parametrize("old_is_there", [True, False])
def test_backend_that_was_never_started_has_changed_nothing(site: Any, old_is_there: bool) -> None:
    switch(site)
    release.begin(site, options())
    site.half_made, site.image = {"backend": "b2"}, "sha256:2"
    if not old_is_there:
        del site.ids["backend"]
    failed = release.fail(site, options())
    assert (failed["returns"], failed["anew"]) == (True, [])


def test_backend_that_is_gone_may_have_changed_anything(site: Any) -> None:
    switch(site)
    release.begin(site, options())
    del site.ids["backend"]
    assert release.fail(site, options())["anew"] == ["backend"]


def test_first_switch_that_fails_has_nothing_to_go_back_to(site: Any) -> None:
    release.begin(site, options())
    failed = release.fail(site, options())
    assert (failed["returns"], failed["parent"], site.states()) == (False, 0, {1: "failed"})


def test_return_that_was_asked_for_is_a_release_with_the_old_content(site: Any) -> None:
    switch(site)
    switch(site, "sha256:2")
    release.begin(site, options(number=1, files=[]))
    site.image = "sha256:1"
    assert release.settle(site, options())["number"] == 3
    third = site.records.read()[-1]
    assert (third.restores, third.images["ollama"]["id"]) == (1, "sha256:1")
    assert site.records.read_file(3, FILE["path"]) == FILE["content"]


def test_return_that_fails_is_not_followed_by_another(site: Any) -> None:
    switch(site)
    switch(site, "sha256:2")
    release.begin(site, options(number=1))
    site.image = "sha256:3"
    assert not release.fail(site, options())["returns"]


def test_return_to_what_served_ends_the_failure_that_had_stayed(site: Any) -> None:
    switch(site)
    release.begin(site, options())
    site.ids["backend"], site.image = "b2", "sha256:2"
    release.fail(site, options())
    release.begin(site, options(number=1))
    site.image = "sha256:1"
    assert release.settle(site, options())["number"] == 1
    assert site.states() == {1: "good", 2: "returned"}


def test_what_lacks_something_is_refused_before_anything_is_touched(site: Any) -> None:
    switch(site)
    switch(site, "sha256:2")
    site.missing, site.done = ["image a of ollama"], []
    with pytest.raises(ReleaseError, match=r"cannot be put back, .* It lacks: image a of ollama"):
        release.make_ready(site, options(number=1))
    site.missing = []
    with pytest.raises(ReleaseError, match="secret letter, which ollama_stack_backend_secrets no longer names"):
        release.make_ready(site, options(number=1, secrets=[]))
    assert site.done == []


def test_secret_that_a_failed_switch_no_longer_wanted_is_there_for_the_return(site: Any, tmp_path: Path) -> None:
    switch(site)
    switch(site, "sha256:2")
    secret = tmp_path / "stack/.archiv/secrets/letter"
    secret.parent.mkdir(parents=True)
    secret.touch()
    site.records.write(replace(site.records.read()[-1], secrets={}))
    ready = release.make_ready(site, options(number=1, secrets=[], directory=str(tmp_path / "stack")))
    assert (ready["number"], ready["rotated"]) == (1, [])


def test_run_that_has_lost_its_lease_writes_into_no_release(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "open_site", lambda *_given: site)
    switch(site)
    release.begin(site, options())
    folder = str(tmp_path / "run")
    first = hold(LeaseOptions("archiv", folder, "staging-1", ""))
    held = {"lease": first.lease.id, "lease_folder": folder, "host": "staging-1"}
    assert release.run(options("listed", **held))["number"] == 1
    LeaseFile("archiv", folder).remove()
    hold(LeaseOptions("archiv", folder, "staging-1", ""))
    with pytest.raises(LeaseError, match="lost its lease"):
        release.run(options("failed", **held))
    assert site.states() == {1: "good", 2: "begun"}


def test_record_that_cannot_be_read_is_told(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "open_site", lambda *_given: site)
    switch(site)
    Path(site.records.path(1), "release.json").write_text("{")
    [warning] = release.run(options("listed"))["warnings"]
    assert warning.startswith("the record of release 1 in ") and "cannot be read" in warning


@pytest.mark.parametrize(("number", "why"), [(9, "there is no release 9"), (2, "release 2 was never good")])
def test_only_what_was_good_is_put_back(site: Any, number: int, why: str) -> None:
    switch(site)
    release.begin(site, options())
    site.image = "sha256:2"
    release.fail(site, options())
    with pytest.raises(ReleaseError, match=f"{why}.*good releases: 1"):
        release.make_ready(site, options(number=number))


def test_without_an_earlier_release_a_return_says_so(site: Any) -> None:
    with pytest.raises(ReleaseError, match=r"there is no earlier release in .* to go back to"):
        release.make_ready(site, options())


def test_good_end_without_a_begin_is_a_mistake(site: Any) -> None:
    with pytest.raises(ReleaseError, match="no switch is open"):
        release.settle(site, options())


def test_all_is_let_go_with_the_stack(site: Any) -> None:
    switch(site)
    assert release.remove(site, options())["changed"] and site.states() == {}
    assert "forget models" in site.done
    assert not release.remove(site, options())["changed"]
