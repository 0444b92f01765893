"""A switch that was begun and did not end is told on the host, unless somebody is at it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._release.records import Release, plain
from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease import Lease, write
from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease_file import boot_seconds
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import boot_identity
from tests.unit.support.monitor_host import MonitorHost

# As a deploy writes it.
BY = {"user": "anna", "controller": "admin-1", "lease": "a1"}
RECORD = plain(Release(number=3, state="good", parent=2, made=1795824184.25, by=BY))


def release(host: MonitorHost, number: int, **changes: object) -> Path:
    folder = host.stack / f".archiv/releases/{number}"
    folder.mkdir(mode=0o700, parents=True)
    file = folder / "release.json"
    file.write_text(json.dumps({**RECORD, "number": number, **changes}))
    file.chmod(0o600)
    return file


def lease(host: MonitorHost, seconds: float = 30, boot: str = "", project: str = "archiv") -> None:
    folder = host.folder / "run/archiv-ollama"
    folder.mkdir(mode=0o700, exist_ok=True)
    until = boot_seconds() + seconds
    held = Lease("b2", "ben", "admin-2", "deployed", 1795824190.0, until, boot or boot_identity())
    (folder / f"{project}.lease").write_bytes(write(held))
    (folder / f"{project}.lease").chmod(0o600)


def status(host: MonitorHost) -> tuple[int, dict[str, Any], dict[str, dict[str, Any]]]:
    found = host.run("status", "--json")
    document = json.loads(found.stdout)
    return found.returncode, document, {one["kind"]: one for one in document["reasons"]}


def test_interrupted_switch_is_a_trouble_that_says_what_to_run(host: MonitorHost) -> None:
    release(host, 3)
    release(host, 4, state="begun", parent=3)
    code, document, reasons = status(host)
    found = reasons["switch_interrupted"]
    assert (code, document["clean"], document["lease"]) == (1, False, None)
    assert found["subject"] == "release 4" and found["why"].startswith("switch interrupted: begun at 2026-11-2")
    assert " by anna from admin-1," in found["why"]
    assert "run playbooks/deploy.yml, or playbooks/rollback.yml to go back" in found["why"]
    assert found["command"] == f"ansible-playbook playbooks/deploy.yml -l {host.name}"
    for command in ("status", "doctor"):
        shown = host.run(command)
        assert shown.returncode == 1 and "release 4: switch interrupted: begun at" in shown.stdout
    assert host.metrics()["switch_interrupted"] == 1


def test_deploy_that_is_at_it_is_named_and_nothing_is_interrupted(host: MonitorHost) -> None:
    release(host, 4, state="begun")
    lease(host)
    code, document, reasons = status(host)
    assert code == 0 and "switch_interrupted" not in reasons
    assert document["lease"] == {"user": "ben", "controller": "admin-2", "doing": "deployed", "since": 1795824190.0}
    told = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(1795824190))
    assert f"\nbeing deployed by ben from admin-2 since {told}\n" in host.run("status").stdout
    assert host.metrics()["switch_interrupted"] == 0


@pytest.mark.parametrize("held", [{"seconds": -1}, {"seconds": 3600}, {"boot": "another"}, {"project": "archiv-dev"}])
def test_lease_that_is_not_in_force_hides_nothing(host: MonitorHost, held: dict[str, Any]) -> None:
    release(host, 4, state="begun")
    lease(host, **held)
    code, document, reasons = status(host)
    assert (code, document["lease"]) == (1, None) and "switch_interrupted" in reasons


@pytest.mark.parametrize("state", ["good", "failed", "returned"])
def test_release_that_came_to_its_end_is_no_trouble(host: MonitorHost, state: str) -> None:
    """Numbers are compared as numbers, and an older one that was begun is the past."""
    release(host, 9, state="begun")
    release(host, 10, state=state)
    code, _, reasons = status(host)
    assert code == 0 and "switch_interrupted" not in reasons and host.metrics()["switch_interrupted"] == 0


def test_host_without_releases_has_none_interrupted(host: MonitorHost) -> None:
    assert status(host)[0] == 0 and host.metrics()["switch_interrupted"] == 0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2}', json.dumps({**RECORD, "number": 5, "state": "begun", "made": "x", "more": 1})],
)
def test_what_is_no_record_is_passed_over(host: MonitorHost, text: str) -> None:
    release(host, 5).write_text(text)
    release(host, 4, state="begun")
    assert status(host)[2]["switch_interrupted"]["subject"] == "release 4"


def test_record_without_a_time_is_no_trouble(host: MonitorHost) -> None:
    release(host, 4, state="begun", made="x")
    assert status(host)[0] == 0


def test_return_that_did_not_end_is_told_too(host: MonitorHost) -> None:
    release(host, 4, state="returning")
    assert "switch_interrupted" in status(host)[2]


def test_record_that_others_can_write_is_not_believed(host: MonitorHost) -> None:
    release(host, 4, state="begun").chmod(0o666)
    assert "switch_interrupted" not in status(host)[2]


def test_names_in_a_record_are_shown_as_letters(host: MonitorHost) -> None:
    release(host, 4, state="begun", by={"user": "anna\x1b[2J", "controller": 7})
    assert "by anna\\x1b[2J from an unknown controller," in status(host)[2]["switch_interrupted"]["why"]
