"""A container that may not swap does not, although systemd takes the limit back at each daemon-reload."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.sanity import shell
from tests.unit.support.evaluate import ROOT, evaluate

# One that may not swap, one that may, one without a limit, one of no scope, and one of another project.
OURS, MAY, FREE, PLAIN, OTHER, GONE = (letter * 64 for letter in "abcdef")
LIMITS = {OURS: "1073741824 1073741824", MAY: "1073741824 2147483648", FREE: "0 0", PLAIN: "1073741824 1073741824"}
DOCKER = f"""#!/bin/sh
case "$*" in
  *label=com.docker.compose.project=archiv-unit*) printf '%s\\n' {OURS} {MAY} {FREE} {PLAIN} ;;
  "ps --all"*) printf '%s\\n' {OURS} {MAY} {FREE} {PLAIN} {OTHER} ;;
  inspect*)
    asked="$*"
    for id; do :; done
    case $id in {" ".join(f"{one}) set -- {limits} ;;" for one, limits in LIMITS.items())} esac
    case $asked in *eq*) [ "$1" = "$2" ] && echo true || echo false ;; *) echo "$1" ;; esac
    ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
case "$*" in
  *LoadState*PLAIN.scope) echo not-found ;;
  *LoadState*) [ -e FOLDER/ended ] && [ -e FOLDER/told ] && echo not-found || echo loaded ;;
  *ControlGroup*) for unit; do :; done; echo "/system.slice/$unit" ;;
  set-property*)
    echo "$*" >>FOLDER/told
    [ ! -e FOLDER/fails ] || { echo "Failed to set unit properties" >&2; exit 1; }
    echo 0 >"FOLDER/cgroup/system.slice/$3/memory.swap.max"
    ;;
esac
"""


class Host:
    """A host with control groups of version 2 whose systemd has taken the limit back."""

    def __init__(self, folder: Path, script: str) -> None:
        self.folder = folder
        places = {"/sys/fs/cgroup": "cgroup", "/run/systemd/system": "booted", "/etc/systemd/system ": "units "}
        for place, name in places.items():
            assert place in script
            script = script.replace(place, f"{folder}/{name}")
        self.script = script
        for name in ("booted", "units", *(f"cgroup/system.slice/docker-{one}.scope" for one in LIMITS)):
            (folder / name).mkdir(parents=True)
        (folder / "cgroup/cgroup.controllers").write_text("memory\n")
        self.limit = folder / f"cgroup/system.slice/docker-{OURS}.scope/memory.swap.max"
        self.limit.write_text("max\n")
        systemctl = SYSTEMCTL.replace("FOLDER", str(folder)).replace("PLAIN", f"docker-{PLAIN}")
        for name, text in {"docker": DOCKER, "systemctl": systemctl}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def work(self) -> tuple[int, str, str]:
        done = subprocess.run(
            ["sh", "-s"],
            input=self.script,
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def told(self) -> list[str]:
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("no_swap")
    (folder / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    host = {
        "ollama_stack_project": "archiv-unit",
        "text": "{{ lookup('ansible.builtin.template', 'no_swap.sh.j2') }}",
    }
    return str(evaluate(folder, {"one": host}, "text")["one"]["text"])


@pytest.fixture
def host(tmp_path: Path, script: str) -> Host:
    return Host(tmp_path, script)


def test_shellcheck_finds_nothing_in_it(script: str, tmp_path: Path) -> None:
    (tmp_path / "no_swap.sh").write_text(script)
    assert shell.complaints(tmp_path, ["no_swap.sh"]) == ""


def test_systemd_is_told_of_the_container_that_may_not_swap_and_of_no_other(host: Host) -> None:
    assert host.work() == (0, f"{OURS}\n", "")
    assert host.told() == [f"set-property --runtime docker-{OURS}.scope MemorySwapMax=0"]
    assert host.limit.read_text() == "0\n"
    # For the next run of the container.
    file = host.folder / f"units/docker-{OURS}.scope.d/50-archiv-no-swap.conf"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("[Scope]\nMemorySwapMax=0\n", 0o644)


def test_second_run_changes_nothing(host: Host) -> None:
    host.work()
    assert host.work() == (0, "", "")
    assert len(host.told()) == 1


def test_limit_that_systemd_was_never_told_is_told_before_it_is_lost(host: Host) -> None:
    host.limit.write_text("0\n")
    assert host.work() == (0, f"{OURS}\n", "")


def test_limit_that_was_lost_all_the_same_comes_back(host: Host) -> None:
    host.work()
    host.limit.write_text("max\n")
    assert host.work() == (0, f"{OURS}\n", "")
    assert host.limit.read_text() == "0\n"


def test_nothing_stays_of_containers_that_are_gone(host: Host) -> None:
    for one in (GONE, OTHER):
        folder = host.folder / f"units/docker-{one}.scope.d"
        folder.mkdir()
        (folder / "50-archiv-no-swap.conf").touch()
    host.work()
    left = {folder.name for folder in (host.folder / "units").iterdir()}
    assert left == {f"docker-{OURS}.scope.d", f"docker-{OTHER}.scope.d"}


def test_failure_is_told(host: Host) -> None:
    (host.folder / "fails").touch()
    code, printed, said = host.work()
    assert (code, printed) == (1, "")
    assert said.startswith("Failed to set unit properties\nsystemd did not take MemorySwapMax=0 for docker-aaa")


def test_container_that_ends_meanwhile_is_no_failure(host: Host) -> None:
    for name in ("fails", "ended"):
        (host.folder / name).touch()
    assert host.work()[:2] == (0, "")
    assert host.told() == [f"set-property --runtime docker-{OURS}.scope MemorySwapMax=0"]


@pytest.mark.parametrize("lacks", ["cgroup/cgroup.controllers", "booted"])
def test_host_without_what_forgets_is_left_alone(host: Host, lacks: str) -> None:
    (host.folder / lacks).rename(host.folder / "elsewhere")
    assert host.work() == (0, "", "")
    assert host.told() == []
