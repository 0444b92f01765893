"""The keeper's own script, run by a real shell against an `ollama` that answers as it is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.render import render

MODEL = "qwen2.5:7b"
# As 0.34.2 prints it.
HEAD = "NAME               ID              SIZE      PROCESSOR    CONTEXT    UNTIL"
OLLAMA = """#!/bin/sh
echo "$1 $2" >>{folder}/asked
cat {folder}/state >>{folder}/states 2>/dev/null
case $1 in
  ps) cat {folder}/ps ;;
  show) true ;;
  run) {run} ;;
esac
"""
# Ends the keeper after so many of its pauses.
SLEEP = """#!/bin/sh
cat {folder}/state >>{folder}/states 2>/dev/null
echo >>{folder}/pauses
[ "$(wc -l <{folder}/pauses)" -lt {pauses} ] || kill "$PPID"
"""


def row(name: str, until: str = "Forever") -> str:
    return f"{name}    0123456789ab    4.9 GB    100% CPU     4096       {until}"


@pytest.fixture(scope="module")
def keeper() -> dict[str, object]:
    text = render("staging-1", {"ollama_stack_models": [{"name": MODEL}]})
    service: dict[str, object] = yaml.safe_load(text)["services"]["ollama-warm"]
    return service


def keep(keeper: dict[str, object], folder: Path, rows: list[str], run: str = "true", pauses: int = 1) -> list[str]:
    """What the keeper asked for, with these models loaded."""
    (folder / "ps").write_text("\n".join([HEAD, *rows]) + "\n")
    for name, text in (("ollama", OLLAMA), ("sleep", SLEEP)):
        (folder / name).write_text(text.format(folder=folder, run=run.format(folder=folder), pauses=pauses))
        (folder / name).chmod(0o755)
    command = keeper["command"]
    assert isinstance(command, list)
    script = command[0].replace("$$", "$").replace("/tmp/", f"{folder}/")
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "ARCHIV_MODELS": MODEL}
    subprocess.run(["sh", "-c", script], env=env, capture_output=True, timeout=30, check=False)
    return (folder / "asked").read_text().splitlines()


def state(folder: Path) -> str:
    return (folder / "state").read_text().strip()


@pytest.mark.parametrize("spelled", [MODEL, MODEL.upper()])
def test_model_that_is_loaded_for_good_is_left_alone(keeper: dict[str, object], tmp_path: Path, spelled: str) -> None:
    # Ollama tells a name in the spelling that its store has.
    assert keep(keeper, tmp_path, [row(spelled)]) == ["ps "]
    assert state(tmp_path) == f"resident: {MODEL} (context 4096)"


@pytest.mark.parametrize(
    "other",
    [row(f"team/{MODEL}"), row(f"{MODEL}-q8"), row("qwen205:7b"), row(MODEL, "4 minutes from now"), row("Forever:7b")],
)
def test_another_model_or_one_that_will_go_is_not_taken_for_it(
    keeper: dict[str, object], tmp_path: Path, other: str
) -> None:
    assert keep(keeper, tmp_path, [other]) == ["ps ", f"show {MODEL}", "run --keepalive"]


def test_model_that_is_being_loaded_is_not_called_resident(keeper: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "state").write_text("resident: of before\n")
    keep(keeper, tmp_path, [])
    # What the health check would read while `ollama run` loads.
    states = (tmp_path / "states").read_text().splitlines()
    assert states[-1] == f"loading: {MODEL}"


def test_model_that_does_not_load_is_told_once(keeper: dict[str, object], tmp_path: Path) -> None:
    keep(keeper, tmp_path, [], run="echo 'Error: too large' >&2; false", pauses=3)
    assert state(tmp_path) == f"failing: {MODEL} does not load: too large"
    # One try, then it waits before the next.
    assert (tmp_path / "asked").read_text().count("run ") == 1


def test_health_follows_what_the_keeper_says_at_once(keeper: dict[str, object]) -> None:
    health = keeper["healthcheck"]
    assert isinstance(health, dict)
    assert health["test"] == ["CMD", "grep", "-q", "^resident", "/tmp/state"]
    assert health["retries"] == 1
