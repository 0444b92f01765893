"""One run at a time works on a host, and an interrupted one keeps the next waiting for a minute at most."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._entry import lease as entry
from ansible_collections.archiv.ollama.plugins.module_utils._stack import lease as _lease
from ansible_collections.archiv.ollama.plugins.modules import ollama_lease

ROOT = Path(__file__).resolve().parents[5]
Run = Callable[..., dict[str, Any]]


class Clock:
    """The host's: time passes where somebody waits, and then something may happen."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0
        self.happens: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds
        if self.slept > 90:
            raise RuntimeError("waits for longer than any lease is")
        self.happens()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(entry, "boot_seconds", lambda: clock.now)
    monkeypatch.setattr(entry.hold, "__defaults__", (clock.sleep,))
    return clock


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(code: int = 0, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"project": "archiv", "host": "archive-1", "folder": str(tmp_path / "run"), **options}
        with patch_module_args({**given, "_ansible_check_mode": check}), pytest.raises(SystemExit) as ended:
            ollama_lease.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert ended.value.code == code, result
        return result

    return call


def test_lease_is_taken_renewed_and_ended(run: Run, tmp_path: Path, clock: Clock) -> None:
    taken = run(user="anna", controller="admin-1")
    assert taken["changed"] is False and (taken["waited"], taken["took_over"]) == (False, "")
    file = tmp_path / "run/archiv.lease"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    clock.now += 40
    again = run(id=taken["id"])
    assert {**again, "invocation": 0} == {**taken, "invocation": 0}
    written = json.loads(file.read_text())
    assert (written["user"], written["controller"], written["until"]) == ("anna", "admin-1", clock.now + 60)
    assert run(state="released", id=taken["id"])["id"] == "" and not file.exists()


def test_second_run_ends_with_a_sentence_once_the_lease_is_renewed(run: Run, clock: Clock) -> None:
    first = run(user="anna", controller="admin-1")

    def renew() -> None:
        if clock.slept >= 15:
            clock.happens = lambda: None
            run(id=first["id"])

    clock.happens = renew
    failed = run(code=1, user="ben")
    assert failed["msg"].startswith("archive-1 is being deployed by anna from admin-1 since ")
    assert failed["msg"].endswith(" UTC; wait for it to end, then run again") and 15 <= clock.slept < 17


def test_lease_that_nobody_renews_is_taken_over_within_a_minute(run: Run, clock: Clock) -> None:
    first = run(user="anna", controller="admin-1", doing="pruned")
    second = run(user="ben")
    assert clock.slept <= 60.5 and second["waited"] is True and second["id"] != first["id"]
    assert "anna from admin-1, by whom archive-1 was being pruned" in second["took_over"]
    assert second["took_over"] in json.dumps(second["warnings"])


def test_lease_that_is_ended_meanwhile_is_had_at_once(run: Run, clock: Clock) -> None:
    first = run(user="anna")

    def end() -> None:
        clock.happens = lambda: None
        run(state="released", id=first["id"])

    clock.happens = end
    second = run(user="ben")
    assert clock.slept < 2 and (second["waited"], second["took_over"]) == (True, "")


def test_lease_ends_with_the_boot(run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    run(user="anna")
    monkeypatch.setattr(entry, "boot_identity", lambda: "another boot")
    taken = run(user="ben")
    assert clock.slept == 0 and (taken["waited"], taken["took_over"]) == (False, "")


def test_clock_that_is_set_neither_ends_nor_prolongs_a_lease(
    run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for jump in (1e6, -1e6):
        first = run()
        real = time.time
        monkeypatch.setattr(time, "time", lambda real=real, jump=jump: real() + jump)
        clock.slept = 0.0
        second = run()
        assert second["took_over"] and 59 <= clock.slept <= 60.5
        run(state="released", id=second["id"])
        assert first["id"] != second["id"]


def test_run_that_has_lost_its_lease_does_not_go_on(run: Run, clock: Clock, tmp_path: Path) -> None:
    first = run(user="anna")
    clock.now += 61
    second = run(user="ben", controller="admin-2")
    failed = run(code=1, id=first["id"])
    assert "has lost its lease of archive-1" in failed["msg"] and "by ben from admin-2" in failed["msg"]
    run(state="released", id=first["id"])
    assert json.loads((tmp_path / "run/archiv.lease").read_text())["id"] == second["id"]


def test_file_that_cannot_be_read_as_a_lease_keeps_nobody_out(run: Run, clock: Clock, tmp_path: Path) -> None:
    run()
    (tmp_path / "run/archiv.lease").write_text("{")
    assert run()["waited"] is False and clock.slept == 0


def test_check_mode_takes_none(run: Run, tmp_path: Path) -> None:
    assert run(check=True)["id"] == "" and not (tmp_path / "run").exists()


def test_projects_of_one_host_do_not_wait_for_each_other(run: Run, clock: Clock) -> None:
    run(project="archiv")
    assert run(project="archiv-dev")["waited"] is False and clock.slept == 0


def test_project_that_is_a_path_is_refused(run: Run) -> None:
    assert "must be the name of a Compose project" in run(code=1, project="../archiv")["msg"]


def test_of_many_takers_at_the_same_moment_one_gets_it(tmp_path: Path) -> None:
    """Processes that begin together; each that is told of another's lease is told of the one winner's."""
    script = (
        "import sys\n"
        "from ansible_collections.archiv.ollama.plugins.module_utils._entry import lease\n"
        "class Waits(Exception): pass\n"
        "def wait(seconds): raise Waits\n"
        "options = lease.LeaseOptions('archiv', sys.argv[1], 'one', '', sys.argv[2], 'here', 'deployed', '', (), 0)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try: print('has', lease.hold(options, wait).lease.user)\n"
        "except Waits: print('waits')\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / ".collections"), *sys.path])}
    for turn in range(5):
        folder = tmp_path / str(turn) / "run"
        folder.parent.mkdir()
        takers = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(folder), f"taker-{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=env,
            )
            for number in range(4)
        ]
        for one in takers:
            assert one.stdout and one.stdout.readline() == "ready\n"
        for one in takers:
            assert one.stdin
            one.stdin.write("\n")
            one.stdin.flush()
        said = [one.communicate(timeout=30)[0].split() for one in takers]
        [winner] = [words[1] for words in said if words[0] == "has"]
        assert said.count(["waits"]) == 3
        found = _lease.parse((folder / "archiv.lease").read_bytes())
        assert found and found.user == winner
