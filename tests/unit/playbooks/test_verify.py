"""What verify.yml prints: every fact of every host, in a terminal of 80 columns."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["qwen2.5:7b-instruct-q4_K_M", "llama3.2:1b"]
BOOTED = "weights: the host was rebooted since it was hashed"


def verdict(minutes: int, **other: Any) -> dict[str, Any]:
    """What the module says of a host that serves one model and holds another, started so many minutes ago."""
    started = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    serving = {"warm": True, "pinned": True, "seconds": 0.42}
    model = {"digest": "sha256:" + "3f1b2c4d5e6f" * 5 + "0000", "cached": True, "intact": True, "unproven": []}
    return {
        "prove": [],
        "services": [
            {"service": "ollama", "state": "running", "started": started.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")}
        ],
        "store": {"free_bytes": 41 << 30, "unreferenced_bytes": 3 << 29},
        "models": [{"name": name, **model} for name in NAMES],
        "healthy": {
            "ok": True,
            "version": "0.34.2",
            "restarts": 2,
            "oom_kills": 3,
            "memory_used": 900 << 20,
            "memory_limit": 8 << 30,
            "models": [
                {"name": NAMES[0], **serving},
                {"name": NAMES[1], "warm": False, "pinned": False, "seconds": None},
            ],
        },
        **other,
    }


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines that a person sees, of three hosts in as many states."""
    folder = tmp_path_factory.mktemp("verify")
    unproven = verdict(10, prove=[NAMES[0]])
    unproven["models"][0].update({"intact": None, "unproven": [BOOTED]})
    nothing = verdict(0, services=[], healthy={}, store={"free_bytes": None, "unreferenced_bytes": None})
    nothing["models"] = [{"name": NAMES[0], "digest": None, "cached": False, "intact": False, "unproven": []}]
    hosts = {"staging-1": verdict(3 * 1440 + 130), "production-1": unproven, "production-2": nothing}
    (folder / "templates").symlink_to(ROOT / "playbooks/templates")
    inventory = {"all": {"hosts": {name: {"__ollama_stack_verdict": told} for name, told in hosts.items()}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    [task] = [
        task
        for task in yaml.safe_load((ROOT / "playbooks/verify.yml").read_text())[0]["tasks"]
        if "ansible.builtin.debug" in task
    ]
    (folder / "play.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "play.yml"],
        cwd=folder,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    start, end = lines.index("    msg:"), next(n for n, line in enumerate(lines) if line.startswith("PLAY RECAP"))
    print(done.stdout)
    return [line for line in lines[start + 1 : end] if line]


def cells(line: str) -> list[str]:
    return line.removeprefix("    - ").strip("'").split()


def test_table_fits_into_80_columns(shown: list[str]) -> None:
    assert [line for line in shown if len(line) > 80] == []
    # A line that was folded has no mark of its own.
    assert [line for line in shown if not line.startswith("    - ")] == []


def test_servers_are_told_with_their_age_and_their_rest(shown: list[str]) -> None:
    told = {host: facts for host, *facts in map(cells, shown[:4])}
    assert told["HOST"] == ["VERSION", "STARTED", "RESTARTS", "OOM", "MEMORY", "FREE", "UNUSED"]
    assert told["staging-1"] == ["0.34.2", "3d2h", "2", "3", "900M/8.0G", "41.0G", "1.5G"]
    assert told["production-1"][1] == "10m"
    assert set(told["production-2"]) == {"-", "-/-"}


def test_models_are_told_for_each_host(shown: list[str]) -> None:
    first, second = (n for n, line in enumerate(shown) if line.startswith("    - MODEL  "))
    rows = [cells(line) for line in shown[first:second]]
    assert rows[0] == ["MODEL", NAMES[0]]
    assert rows[1] == ["HOST", "DIGEST", "CACHED", "INTACT", "HEALTHY", "PINNED", "ANSWER"]
    assert ["staging-1", "3f1b2c4d5e6f", "yes", "yes", "yes", "yes", "0.4s"] in rows
    assert ["production-1", "3f1b2c4d5e6f", "yes", "?", "yes", "yes", "0.4s"] in rows
    assert ["production-2", "-", "NO", "NO", "NO", "-", "-"] in rows


def test_bytes_that_are_not_proven_are_a_note_beneath_their_row(shown: list[str]) -> None:
    [row] = [n for n, line in enumerate(shown) if "production-1" in line and "?" in line]
    assert " ".join(cells(shown[row + 1])) == "? the host was rebooted since it was hashed"
    assert "-e verify=full" in shown[-1]


def test_model_that_need_not_stay_loaded_is_not_called_unpinned(shown: list[str]) -> None:
    second = [n for n, line in enumerate(shown) if line.startswith("    - MODEL  ")][1]
    [row] = [facts for host, *facts in map(cells, shown[second:]) if host == "staging-1"]
    assert row[-2:] == ["-", "-"]
