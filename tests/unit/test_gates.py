"""The runner of the gates: what it believes, what it runs, and what stands last."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import gates
from tests.gates import Outcome, Step
from tests.lab.settings import HOST_IMAGES, IMAGE_VARIABLE

GOOD_VERIFY = """\
INFO     [default > verify] Executing

PLAY [Verify] ******

PLAY RECAP *********
default                    : ok=9    changed=0    unreachable=0    failed=0    skipped=0

INFO     [default > verify] Executed: Successful
"""
RECAP = "default                   : actions=7  successful=7  disabled=0  skipped=0  missing={}\n"


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gates, "LOGS", tmp_path)
    monkeypatch.setattr(gates, "SUMMARY", tmp_path / "summary")
    monkeypatch.setattr(gates, "GRACE_SECONDS", 1)
    return tmp_path


def step(name: str, code: str = "", group: str = "molecule", **more: object) -> Step:
    return Step(name, group, [sys.executable, "-c", code], **more)  # type: ignore[arg-type]


def problems(*steps: Step) -> dict[str, str | None]:
    return {outcome.step.name: outcome.problem for outcome in gates.run_all(steps)}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(GOOD_VERIFY + RECAP.format(0), None, id="verified"),
        pytest.param(
            GOOD_VERIFY + "WARNING  [default > side_effect] Executed: Missing playbook\n",
            "molecule skipped a playbook it did not find",
            id="missing-playbook",
        ),
        pytest.param(
            GOOD_VERIFY + RECAP.format(1),
            "molecule skipped a playbook it did not find",
            id="missing-in-recap",
        ),
        pytest.param(GOOD_VERIFY.replace("verify]", "converge]"), "no verify ran", id="no-verify"),
        pytest.param(
            GOOD_VERIFY.replace("default                    : ok=9", "skipping: no hosts matched"),
            "a verify ran no task on any host",
            id="no-host",
        ),
        pytest.param(
            GOOD_VERIFY + GOOD_VERIFY.replace("ok=9", "ok=0"),
            "a verify ran no task on any host",
            id="second-verify-empty",
        ),
        pytest.param(
            GOOD_VERIFY + "[DEPRECATION WARNING]: An option of archiv.ollama.ollama_model is old.\n",
            "a deprecation warning names our own: An option of archiv.ollama.ollama_model is old.",
            id="deprecation",
        ),
    ],
)
def test_judge_molecule_sees_what_the_exit_code_hides(output: str, expected: str | None) -> None:
    assert gates.judge_molecule(output) == expected


def test_run_all_believes_exit_code_and_judge() -> None:
    assert problems(
        step("good"),
        step("bad", "raise SystemExit(3)"),
        step("liar", "print('Missing playbook')", judge=gates.judge_molecule),
    ) == {
        "good": None,
        "bad": "exit code 3",
        "liar": "molecule skipped a playbook it did not find",
    }


def test_run_all_does_not_run_what_needs_a_failed_step(logs: Path) -> None:
    touch = f"open({str(logs / 'ran')!r}, 'w')"
    found = problems(step("lab", "raise SystemExit(1)", "lab"), step("scenario", touch, needs="lab"), step("other"))
    assert found == {
        "lab": "exit code 1",
        "scenario": "not run, because lab failed",
        "other": None,
    }
    assert not (logs / "ran").exists()


def test_run_all_runs_light_steps_two_at_a_time() -> None:
    naps = [step(f"nap{number}", "import time; time.sleep(1)", "lint") for number in range(2)]
    began = time.monotonic()
    assert problems(*naps) == {"nap0": None, "nap1": None}
    assert time.monotonic() - began < 1.9


def test_run_ends_a_step_that_takes_too_long_with_its_stubborn_children(logs: Path) -> None:
    stubborn = (
        "import os, signal, time;"
        "signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "print(os.getpid(), flush=True);"
        "time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stubborn!r}])"
    outcome = gates.run(step("slow", parent, timeout=2), gates.Children())
    assert outcome.problem == "not done after 2 s"
    child = int(gates.read_log(outcome.step).split()[0])
    # Killed it is; on a busy machine the kernel takes a moment to end it.
    until = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    """A zombie that nobody reaps in a container is dead enough."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_run_all_leaves_nothing_running_when_it_is_abandoned() -> None:
    outcomes: Iterator[Outcome] = gates.run_all(
        [step("quick", "", "lint"), step("slow", "import time; time.sleep(60)", "lint")]
    )
    next(outcomes)
    began = time.monotonic()
    outcomes.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10


def test_children_start_nothing_once_they_were_ended(logs: Path) -> None:
    children = gates.Children()
    children.end()
    outcome = gates.run(step("late", "import time; time.sleep(60)"), children)
    assert outcome.problem == "not run, because the run was ended"
    assert not children.running


def test_what_is_left_out_for_its_time_is_all_of_more() -> None:
    steps = gates.lab_steps(gates.ROOT)
    usual, more = ({step.name for step in gates.choose(steps, only, fast=False)} for only in ([], [gates.MORE]))
    assert more == {"lab", "integration-more", *(f"molecule-{name}" for name in gates.APART), "molecule-pruned@host"}
    assert usual & more == {"lab"} and usual | more == {step.name for step in steps}


def test_report_ends_with_the_first_failure_and_the_count() -> None:
    outcomes = list(
        gates.run_all(
            [
                step("one"),
                step("two", "print('the cause'); raise SystemExit(1)"),
                step("three", "print('a consequence'); raise SystemExit(1)"),
            ]
        )
    )
    text = gates.report(outcomes)
    assert text.splitlines()[-1] == "1 passed, 2 failed"
    assert "FAILED: two, three\nFIRST FAILURE: two: exit code 1" in text
    assert "the cause" in text
    assert "a consequence" not in text


def test_report_shows_only_the_end_of_a_long_log() -> None:
    [outcome] = gates.run_all([step("long", "print(*range(500), sep='\\n'); raise SystemExit(1)")])
    assert "    499\n" in gates.report([outcome])
    assert "    400\n" not in gates.report([outcome])


def test_report_ends_with_the_task_on_which_a_playbook_ended() -> None:
    output = [
        "TASK [must_fail | Try] ****",
        "fatal: [vm]: FAILED! => ",
        "    msg: expected",
        "",
        "  │ TASK [Look] ******",
        "  │ fatal: [vm]: FAILED! => ",
        "  │     msg: the Engine is down",
        "  │ ",
        *["molecule's table"] * 100,
    ]
    [outcome] = gates.run_all([step("play", f"print({chr(10).join(output)!r}); raise SystemExit(2)")])
    *_, task, fatal, message, count = gates.report([outcome]).splitlines()
    assert task == "    TASK [Look]" and fatal.startswith("    fatal: [vm]")
    assert message == "    msg: the Engine is down" and count == "0 passed, 1 failed"


def test_choose_takes_a_group_with_what_it_needs() -> None:
    steps = [step("lint", group="lint"), step("lab", group="lab"), step("a", needs="lab")]
    assert [one.name for one in gates.choose(steps, ["molecule"], fast=False)] == ["lab", "a"]
    assert [one.name for one in gates.choose(steps, ["lint"], fast=False)] == ["lint"]
    assert [one.name for one in gates.choose(steps, [], fast=True)] == ["lint"]
    assert [one.name for one in gates.choose(steps, [], fast=False)] == ["lint", "lab", "a"]


def test_choose_refuses_an_unknown_name() -> None:
    with pytest.raises(SystemExit, match="no step is called rebot"):
        gates.choose([step("reboot")], ["rebot"], fast=False)


def test_lab_steps_are_what_is_found_on_disk(tmp_path: Path) -> None:
    for name in ("adopted", "default"):
        (tmp_path / "molecule" / name).mkdir(parents=True)
        (tmp_path / "molecule" / name / "molecule.yml").touch()
    names = [one.name for one in gates.lab_steps(tmp_path)]
    assert names == ["lab", "molecule-default", "molecule-adopted", "molecule-default@host"]
    (tmp_path / "tests/integration").mkdir(parents=True)
    (tmp_path / "tests/integration/test_one.py").touch()
    assert gates.lab_steps(tmp_path)[1].name == "integration"


def test_two_runs_of_a_scenario_differ_in_host_image_and_folder_and_not_in_host() -> None:
    first, second = gates.scenario_step("drifted"), gates.scenario_step("drifted", "host")
    assert (first.name, second.name) == ("molecule-drifted", "molecule-drifted@host")
    assert (first.env[IMAGE_VARIABLE], second.env[IMAGE_VARIABLE]) == ("today", "host")
    assert first.env["MOLECULE_EPHEMERAL_DIRECTORY"] != second.env["MOLECULE_EPHEMERAL_DIRECTORY"]
    assert first.command == second.command
    assert first.alone == second.alone == "drifted"


def test_host_images_name_scenarios_and_images_that_there_are() -> None:
    assert set(gates.HOST_IMAGES) <= set(gates.scenarios(gates.ROOT))
    assert {image for images in gates.HOST_IMAGES.values() for image in images} <= set(HOST_IMAGES)
    assert HOST_IMAGES[0] == gates.TODAY


def test_steps_that_need_the_same_host_do_not_overlap(tmp_path: Path) -> None:
    code = f"""
import os, time
os.mkdir({str(tmp_path / "host")!r})
time.sleep(1)
os.rmdir({str(tmp_path / "host")!r})
"""
    assert problems(*(step(name, code, alone="one") for name in "ab")) == {"a": None, "b": None}


def test_main_exits_nonzero_and_keeps_the_count(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gates, "slower_steps", list)
    monkeypatch.setattr(gates, "light_steps", lambda: [step("bad", "raise SystemExit(1)", "lint")])
    monkeypatch.setattr(gates, "lab_steps", lambda root: [step("good")])
    assert gates.main([]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
    assert (logs / "summary").read_text() == "1 passed, 1 failed\n"
    assert gates.main(["--only", "good"]) == 0


def test_environment_lets_nothing_steer_ansible_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_INVENTORY", "/elsewhere")
    monkeypatch.setenv("MOLECULE_FILE", "/elsewhere")
    env = gates.environment({"MOLECULE_GLOB": "molecule/*/molecule.yml"})
    assert "/elsewhere" not in env.values()
    assert env["ANSIBLE_CONFIG"] == str(gates.ROOT / "ansible.cfg")
    assert env["MOLECULE_GLOB"] == "molecule/*/molecule.yml"


def test_scenario_that_takes_long_runs_when_it_is_named_alone() -> None:
    steps = gates.lab_steps(gates.ROOT)
    named = {step.name for step in gates.choose(steps, ["molecule-peers"], fast=False)}
    assert named == {"lab", "molecule-peers"}
    for only in ([], ["molecule"]):
        assert "molecule-peers" not in {step.name for step in gates.choose(steps, only, fast=False)}
