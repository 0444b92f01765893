"""The keeper's own script, run by a real shell against an `ollama` that answers as it is told."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.render import render

SCRIPT = Path(__file__).resolve().parents[3] / "roles/ollama_stack/templates/keeper.sh"
MODEL = "qwen2.5:7b"
# As 0.34.2 prints it.
HEAD = "NAME               ID              SIZE      PROCESSOR    CONTEXT    UNTIL"
OLLAMA = """#!/bin/sh
echo "$1 $2" >>{folder}/asked
cat {folder}/state >>{folder}/states 2>/dev/null
case $1 in
  ps) {ps} ;;
  show) {show} ;;
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


def keep(folder: Path, rows: list[str], pauses: int = 1, **does: str) -> list[str]:
    """What the keeper asked for, with these models loaded."""
    (folder / "ps").write_text("\n".join([HEAD, *rows]) + "\n")
    does = {"ps": f"cat {folder}/ps", "show": "true", "run": "true", **does}
    for name, text in (("ollama", OLLAMA), ("sleep", SLEEP)):
        (folder / name).write_text(text.format(folder=folder, pauses=pauses, **does))
        (folder / name).chmod(0o755)
    script = SCRIPT.read_text().replace("/tmp/", f"{folder}/")
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "ARCHIV_MODELS": MODEL}
    subprocess.run(["sh", "-c", script], env=env, capture_output=True, timeout=60, check=False)
    return (folder / "asked").read_text().splitlines()


def state(folder: Path) -> str:
    return (folder / "state").read_text().strip()


@pytest.mark.parametrize("spelled", [MODEL, MODEL.upper()])
def test_model_that_is_loaded_for_good_is_left_alone(tmp_path: Path, spelled: str) -> None:
    # Ollama tells a name in the spelling that its store has.
    assert keep(tmp_path, [row(spelled)]) == ["ps "]
    assert state(tmp_path) == f"resident: {MODEL} (context 4096)"


@pytest.mark.parametrize(
    "other",
    [row(f"team/{MODEL}"), row(f"{MODEL}-q8"), row("qwen205:7b"), row(MODEL, "4 minutes from now"), row("Forever:7b")],
)
def test_another_model_or_one_that_will_go_is_not_taken_for_it(tmp_path: Path, other: str) -> None:
    assert keep(tmp_path, [other]) == ["ps ", f"show {MODEL}", "run --keepalive"]


def test_model_that_is_being_loaded_is_not_called_resident(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("resident: of before\n")
    keep(tmp_path, [])
    # What the health check would read while `ollama run` loads.
    states = (tmp_path / "states").read_text().splitlines()
    assert states[-1] == f"loading: {MODEL}"


def test_model_that_does_not_load_is_told_once(tmp_path: Path) -> None:
    keep(tmp_path, [], run="echo 'Error: too large' >&2; false", pauses=3)
    assert state(tmp_path) == f"failing: {MODEL} does not load: too large"
    # One try, then it waits before the next.
    assert (tmp_path / "asked").read_text().count("run ") == 1


def test_model_that_is_not_in_the_store_is_waited_for_and_never_pulled(tmp_path: Path) -> None:
    # `ollama run` would pull it.
    assert keep(tmp_path, [], show="false") == ["ps ", f"show {MODEL}"]
    assert state(tmp_path) == f"waiting: {MODEL} is not in the store"


def test_server_that_does_not_answer_is_waited_for(tmp_path: Path) -> None:
    assert keep(tmp_path, [], ps="false") == ["ps "]
    assert state(tmp_path) == "waiting: Ollama does not answer"


def test_load_that_fails_is_tried_again_ever_later(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("1000\n")
    (tmp_path / "date").write_text(f"#!/bin/sh\ncat {clock}\n")
    (tmp_path / "date").chmod(0o755)
    # 5 seconds of that clock from one look to the next.
    ps = f"echo $(($(cat {clock}) + 5)) >{clock}"
    keep(tmp_path, [], ps=ps, run=f"cat {clock} >>{tmp_path}/runs; false", pauses=105)
    runs = [int(line) for line in (tmp_path / "runs").read_text().split()]
    assert [later - one for one, later in itertools.pairwise(runs)] == [5, 15, 45, 135, 300]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(render("staging-1", {"ollama_stack_models": [{"name": MODEL}]}))
    return dict(document["services"])


def test_compose_file_holds_the_scripts_that_are_tested(services: dict[str, Any]) -> None:
    for service, name in (("ollama-warm", "keeper.sh"), ("ollama-model-init", "model-init.sh")):
        # Of these models none is behind a login.
        body = (SCRIPT.parent / name).read_text().partition("\n\n")[2]
        body = re.sub(r" *case .* in BEHIND_LOGIN(.*\n)+?.*esac\n", "", body)
        [held] = services[service]["command"]
        assert held.replace("$$", "$") == body
        assert "$" not in held.replace("$$", "")


def test_health_follows_what_the_keeper_says_at_once(services: dict[str, Any]) -> None:
    health = services["ollama-warm"]["healthcheck"]
    assert health["test"] == ["CMD", "grep", "-q", "^resident", "/tmp/state"]
    assert health["retries"] == 1
