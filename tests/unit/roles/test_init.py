"""The init service's own script, run by a real shell against an `ollama` that has what a folder holds."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "roles/ollama_stack/templates/model-init.sh"
# A model is there when its file is. What a pull does is the test's to say.
OLLAMA = """#!/bin/sh
[ "$1" = list ] || echo "$*" >>{folder}/asked
case "$1" in
  serve) {serve} ;;
  list) {list} ;;
  show) [ -f "{folder}/has/$2" ] ;;
  pull) {pull} ;;
esac
"""


def start(folder: Path, models: str = "m:1", has: str = "", **does: str) -> tuple[int, list[str]]:
    """How the script ends over a store of its own, and what it says."""
    (folder / "has").mkdir(exist_ok=True)
    for name in has.split():
        (folder / "has" / name).touch()
    does = {"serve": "exec sleep 5", "list": "true", "pull": 'touch "{folder}/has/$2"', **does}
    ollama = folder / "ollama"
    ollama.write_text(OLLAMA.format(folder=folder, **{key: text.format(folder=folder) for key, text in does.items()}))
    ollama.chmod(0o755)
    script = SCRIPT.read_text().replace("BEHIND_LOGIN", "reg.example/*")
    script = script.replace("/tmp/", f"{folder}/").replace("/ollama-models/", f"{folder}/")
    script = script.replace("flock -w 600", "flock -w 0.3")
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "OLLAMA_MODELS": f"{folder}/models", "ARCHIV_MODELS": models}
    command = ["sh", "-c", f"trap 'kill $server 2>/dev/null' EXIT\n{script}"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout.splitlines()


def asked(folder: Path) -> list[str]:
    return [line for line in (folder / "asked").read_text().splitlines() if line != "serve"]


def test_model_that_is_there_is_not_pulled(tmp_path: Path) -> None:
    assert start(tmp_path, has="m:1") == (0, ["model-init: m:1 is cached"])
    assert asked(tmp_path) == ["show m:1"]


def test_model_that_is_missing_is_looked_for_again_under_the_lock_pulled_and_looked_at(tmp_path: Path) -> None:
    assert start(tmp_path, "a:1 m:1", has="a:1") == (
        0,
        ["model-init: a:1 is cached", "model-init: m:1 is not cached, pulling it", "model-init: m:1 is there"],
    )
    assert asked(tmp_path) == ["show a:1", "show m:1", "show m:1", "pull m:1", "show m:1"]


def test_model_that_another_writer_brought_meanwhile_is_not_pulled(tmp_path: Path) -> None:
    # The first look finds nothing and the model comes before the second.
    flock = tmp_path / "flock"
    flock.write_text(f"#!/bin/sh\ntouch {tmp_path}/has/m:1\n")
    flock.chmod(0o755)
    assert start(tmp_path) == (0, ["model-init: m:1 is there"])
    assert "pull m:1" not in asked(tmp_path)


@pytest.mark.parametrize(
    ("model", "more"), [("m:1", ""), ("reg.example/team/m:1", "; ollama pull cannot log in to its registry")]
)
def test_pull_that_fails_is_told_in_ollamas_last_words(tmp_path: Path, model: str, more: str) -> None:
    code, said = start(tmp_path, f"{model} b:1", pull="echo pulling; echo 'Error: no such host'; exit 1")
    assert code == 1
    assert said[-1].startswith(f"model-init: the pull of {model} failed: no such host{more}")
    assert "b:1" not in "".join(asked(tmp_path))


def test_model_that_is_damaged_after_a_pull_that_worked_is_not_called_there(tmp_path: Path) -> None:
    code, said = start(tmp_path, pull="true")
    assert code == 1 and said[-1].startswith("model-init: m:1 is damaged and a pull does not mend it")


def test_server_that_ends_is_told_in_its_last_words(tmp_path: Path) -> None:
    ends = start(tmp_path, serve="echo 'Error: bind: address in use'; exit 1", list="false")
    assert ends == (1, ["model-init: ollama serve ended: Error: bind: address in use"])


def test_store_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    assert start(tmp_path) == (1, ["model-init: cannot write to the models' volume"])


def test_stores_lock_is_waited_for_no_longer_than_told(tmp_path: Path) -> None:
    (tmp_path / ".archiv").mkdir()
    with (tmp_path / ".archiv/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, said = start(tmp_path)
    assert code == 1 and said[-1].startswith("model-init: another writer has held the models' lock for 600 s")


def test_pipe_in_the_locks_place_is_not_waited_at(tmp_path: Path) -> None:
    (tmp_path / ".archiv").mkdir()
    os.mkfifo(tmp_path / ".archiv/lock")
    code, said = start(tmp_path)
    assert code == 1 and f"{tmp_path}/.archiv/lock is not a file" in said[-1]


def test_locks_folder_is_roots_alone(tmp_path: Path) -> None:
    start(tmp_path)
    assert stat.S_IMODE((tmp_path / ".archiv").stat().st_mode) == 0o700
