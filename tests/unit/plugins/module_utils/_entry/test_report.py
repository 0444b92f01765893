"""The verdict in fields for tasks and in lines for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._entry.report import find_notes, write_verdict
from ansible_collections.archiv.ollama.plugins.module_utils._stack.actions import find_suspects
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import judge_stack
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import ACTIONS, Action, Reason, Seen
from tests.unit.support.recorded_stack import FILE, UNPROVEN, WHOLE, change, clean


def test_host_without_engine_gets_a_verdict() -> None:
    missing = replace(FILE, sha256="")
    seen = Seen(files=(missing,), engine_missing="no Docker")
    verdict = write_verdict("archiv", seen, judge_stack(seen), {}, [])
    assert [reason["kind"] for reason in verdict["reasons"]] == ["file_missing", "engine_missing"]
    assert not verdict["engine"] and not verdict["clean"]


def test_unproven_bytes_are_told_beside_the_verdict() -> None:
    seen = replace(clean(), models=(UNPROVEN,), unreferenced=7, free=8)
    verdict = write_verdict("archiv", seen, judge_stack(seen), {}, [])
    assert (verdict["clean"], verdict["reasons"], verdict["prove"]) == (True, [], [WHOLE.name.display])
    assert verdict["report"] == [
        "archiv matches the inventory",
        f"- {WHOLE.name.display}: bytes not verified; weights: the host was rebooted since it was hashed"
        " (deploy will hash it, as does verify.yml with -e verify=full)",
    ]
    assert verdict["models"][0]["unproven"] == list(UNPROVEN.unproven)
    assert verdict["store"] == {"unreferenced_bytes": 7, "free_bytes": 8}


@pytest.mark.parametrize("action", list(ACTIONS))
def test_report_is_true_of_a_run_that_only_looks(action: Action) -> None:
    told = str(Reason("input", "ollama", "why", action))
    assert told.startswith("ollama: why (")
    assert not [word for word in (" is started", " is created", "are read", " is made", "ed again") if word in told]


def test_deploy_that_did_not_bring_something_about_promises_none() -> None:
    seen = change("ollama", state="exited")
    reasons = judge_stack(seen)
    after = write_verdict("archiv", seen, reasons, {}, [], after_start=True)
    assert after["report"] == ["archiv differs from the inventory:", "- ollama: container is exited"]


def test_report_shows_reasons_and_logs_and_notes_stand_beside() -> None:
    warning = {"kind": "oom_kills", "subject": "archiv-ollama-1", "found": "2 kills", "action": "raise"}
    seen = replace(change("ollama", state="exited"), healthy={"problems": [], "warnings": [warning]})
    reasons = judge_stack(seen)
    verdict = write_verdict("archiv", seen, reasons, {"archiv-ollama-1": ["out of memory"]}, ["no"])
    assert verdict["report"] == [
        "archiv differs from the inventory:",
        "- ollama: container is exited (deploy will start it)",
        "archiv-ollama-1 | out of memory",
    ]
    assert find_notes(seen) == ["archiv-ollama-1: 2 kills; raise"]
    assert find_suspects(seen, reasons) == ["archiv-ollama-1"]
    assert verdict["refusals"] == ["no"] and verdict["start"] is True


def test_model_alone_starts_nothing() -> None:
    seen = replace(clean(), models=(replace(WHOLE, intact=None),))
    assert write_verdict("archiv", seen, judge_stack(seen), {}, [])["start"] is False


@pytest.mark.parametrize(("uid", "notes"), [(10001, 1), (1000, 0), (0, 0), (None, 0)])
def test_backend_that_cannot_read_its_secrets_is_reported(uid: int | None, notes: int) -> None:
    secret = replace(FILE, path="/opt/archiv/.archiv/secrets/token", wanted_owner=1000, owner=1000)
    seen = replace(change("backend", uid=uid), files=(FILE, secret))
    assert len(find_notes(seen)) == notes
    assert all("ollama_stack_backend_uid to 10001" in note for note in find_notes(seen))
