"""What watches a host is installed whole, as root's own, in one go, and removed whole."""

from __future__ import annotations

import json
import os
import py_compile
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._entry import monitor, placing
from ansible_collections.archiv.ollama.plugins.module_utils._stack.installed import look_at_installed
from ansible_collections.archiv.ollama.plugins.modules import ollama_monitor
from ansible_collections.archiv.ollama.plugins.plugin_utils import _monitor

Run = Callable[..., dict[str, Any]]
# systemd as far as it is asked: a unit that was enabled is enabled and active, until it is disabled.
SYSTEMCTL = """#!/bin/sh
cd {folder}
echo "$*" >>calls
verb=$1; shift; [ $verb = daemon-reload ] && rm -f unread
[ $verb = show ] && {{ shift 2; for unit; do grep -sqx "$unit" unread && echo yes || echo no; echo; done; }}
[ "$1" = --now ] && shift
for unit in "$@"; do
  case $verb in
    show) ;;
    is-active) [ -e "on-$unit" ] && echo active || echo inactive ;;
    is-enabled) [ -e "on-$unit" ] && echo enabled || echo disabled ;;
    enable) [ -e "{units}/$unit" ] || {{ echo "Unit $unit not found." >&2; exit 1; }}
      touch "on-$unit"; mkdir -p {units}/timers.target.wants; ln -sf ../$unit {units}/timers.target.wants/$unit ;;
    disable) rm -f "on-$unit" "{units}/timers.target.wants/$unit" ;;
  esac
done
"""
SERVICE = "[Service]\nExecStart=/bin/true\n"
TIMER = "[Timer]\nOnUnitActiveSec=30\n\n[Install]\nWantedBy=timers.target\n"


class Host:
    """A host's folders below a temporary one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lib, self.bin, self.units = root / "lib/ollama-stack", root / "bin/ollama-stack", root / "systemd"
        self.texts = {self.bin: "#!/bin/sh\n", self.units / "m.service": SERVICE, self.units / "m.timer": TIMER}

    @property
    def files(self) -> list[dict[str, str]]:
        modes = {self.bin: "0755"}
        return [{"path": str(p), "content": text, "mode": modes.get(p, "0644")} for p, text in self.texts.items()]

    def parcel(self) -> str:
        return _monitor.pack(self.files, str(self.lib))

    def calls(self) -> list[str]:
        """What systemd was told, but for questions; then it is forgotten."""
        file = self.root / "fake/calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith(("is-", "show "))]

    def differences(self) -> list[str]:
        """The paths that a look finds other than they should be."""
        seen = look_at_installed(_monitor.list_installed(self.files, str(self.lib)))
        return [one.path for one in seen if one.sha256 != one.wanted_sha256 or one.shared]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Host(tmp_path)
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "systemctl").write_text(SYSTEMCTL.format(folder=fake, units=found.units))
    (fake / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    return found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(**options: Any) -> dict[str, Any]:
        with patch_module_args(options), pytest.raises(SystemExit):
            ollama_monitor.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


@pytest.fixture(params=[0o077, 0o000], ids=["strict", "open"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_everything_is_installed_and_started_and_a_second_run_changes_nothing(host: Host, run: Run) -> None:
    first = run(parcel=host.parcel(), folders=[{"path": str(host.root / "state"), "mode": "0700"}])
    assert first["changed"] and first["started"] == ["m.timer"]
    assert set(first["paths"]) == {str(path) for path in [host.lib, *host.texts, host.root / "state"]}
    assert host.calls() == ["daemon-reload", "enable --now m.timer"]
    assert host.differences() == []
    second = run(parcel=host.parcel(), folders=[{"path": str(host.root / "state"), "mode": "0700"}])
    assert not second["changed"] and second["paths"] == [] and host.calls() == []


def test_modes_and_bytecode_are_the_same_whatever_the_umask(host: Host, run: Run, umask: int) -> None:
    run(parcel=host.parcel(), folders=[{"path": str(host.root / "state"), "mode": "0700"}])
    for folder, folders, names in os.walk(host.lib):
        modes = {stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in names}
        assert modes <= {0o644}, folder
        assert {stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) for name in folders} <= {0o755}
    assert stat.S_IMODE(host.bin.stat().st_mode) == 0o755
    assert stat.S_IMODE((host.root / "state").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (host.lib, host.bin.parent, host.units)} == {0o755}
    sources = sorted(host.lib.rglob("*.py"))
    assert sources and all(list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")) for path in sources)


def test_bytecode_is_used_and_shows_the_paths_of_its_place(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    loads = "import archiv_ollama._monitor.paths as loaded; print(loaded.__cached__)"
    script = f"import sys; sys.path.insert(0, {str(host.lib)!r}); {loads}"
    ran = subprocess.run([sys.executable, "-I", "-v", "-c", script], capture_output=True, text=True, check=True)
    cached = ran.stdout.strip()
    assert f"matches {host.lib}/archiv_ollama/_monitor/paths.py" in ran.stderr
    assert str(host.lib / "archiv_ollama/_monitor/paths.py").encode() in Path(cached).read_bytes()


def test_check_mode_predicts_what_a_run_changes_and_changes_nothing(host: Host, run: Run) -> None:
    parcel = host.parcel()
    predicted = run(parcel=parcel, _ansible_check_mode=True)
    assert not host.lib.exists() and not host.bin.exists() and host.calls() == []
    done = run(parcel=parcel)
    assert {**predicted, "diff": []} == {**done, "diff": []}


def test_diff_shows_a_files_text_and_a_line_for_each_file_of_the_package(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    host.texts[host.units / "m.timer"] = TIMER.replace("30", "60")
    (host.lib / "archiv_ollama/_monitor/paths.py").write_text("HOME = ''\n")
    package, timer = run(parcel=host.parcel(), _ansible_check_mode=True, _ansible_diff=True)["diff"]
    assert timer["before"] == TIMER and "OnUnitActiveSec=60" in timer["after"]
    changed = set(package["after"].splitlines()) - set(package["before"].splitlines())
    assert [line.split()[1] for line in changed] == ["archiv_ollama/_monitor/paths.py"]


def test_changed_timer_gets_its_new_times_and_is_not_enabled_again(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    host.calls()
    host.texts[host.units / "m.timer"] = TIMER.replace("30", "60")
    result = run(parcel=host.parcel())
    assert result["paths"] == [str(host.units / "m.timer")] and result["started"] == []
    assert host.calls() == ["daemon-reload", "restart m.timer"]


def test_unit_that_an_interrupted_run_has_written_is_read(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    host.calls()
    (host.root / "fake/unread").write_text("m.timer\n")
    result = run(parcel=host.parcel())
    assert result["changed"] and result["started"] == ["m.timer"]
    assert host.calls() == ["daemon-reload", "restart m.timer"]
    assert not run(parcel=host.parcel())["changed"]


def test_timer_that_was_stopped_by_hand_is_started_and_told(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    host.calls()
    (host.root / "fake/on-m.timer").unlink()
    result = run(parcel=host.parcel())
    assert result["changed"] and result["started"] == ["m.timer"] and host.calls() == ["enable --now m.timer"]


@pytest.mark.parametrize("stray", ["archiv_ollama/_monitor/more.py", ".new/archiv_ollama/half.py", ".old/x.py"])
def test_stray_file_in_the_packages_folder_is_noticed_and_removed(host: Host, run: Run, stray: str) -> None:
    run(parcel=host.parcel())
    (host.lib / stray).parent.mkdir(parents=True, exist_ok=True)
    (host.lib / stray).write_text("x = 1\n")
    assert host.differences() == [str(host.lib)]
    assert run(parcel=host.parcel())["paths"] == [str(host.lib)]
    assert not (host.lib / stray).exists() and host.differences() == []


def test_link_to_foreign_code_in_the_package_is_noticed_and_removed(host: Host, run: Run, tmp_path: Path) -> None:
    run(parcel=host.parcel())
    (tmp_path / "elsewhere").mkdir()
    (host.lib / "archiv_ollama/_evil").symlink_to(tmp_path / "elsewhere")
    assert host.differences() == [str(host.lib)]
    run(parcel=host.parcel())
    assert not (host.lib / "archiv_ollama/_evil").is_symlink() and (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize(
    "what", ["lib/ollama-stack/archiv_ollama/__init__.py", "bin/ollama-stack", "systemd/m.service"]
)
def test_file_that_others_can_change_is_noticed_and_replaced(host: Host, run: Run, what: str) -> None:
    run(parcel=host.parcel())
    (host.root / what).chmod(0o666)
    assert len(host.differences()) == 1
    assert run(parcel=host.parcel())["changed"] and host.differences() == []


def test_interrupted_install_leaves_the_old_package_whole(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(parcel=host.parcel())
    before = {path: path.read_bytes() for path in host.lib.rglob("*.py")}
    written = 0

    def full(path: str, *rest: Any, **more: Any) -> None:
        nonlocal written
        written += 1
        if written > 1:
            raise OSError(28, "No space left on device", path)
        write(path, *rest, **more)

    write = placing._write
    monkeypatch.setattr(placing, "_write", full)
    (host.lib / "archiv_ollama/_monitor/paths.py").write_text("HOME = ''\n")
    before[host.lib / "archiv_ollama/_monitor/paths.py"] = b"HOME = ''\n"
    failed = run(parcel=host.parcel())
    assert failed["failed"] and "No space left on device" in failed["msg"] and ".new/" in failed["msg"]
    package = host.lib / "archiv_ollama"
    assert {path: path.read_bytes() for path in package.rglob("*.py")} == before
    monkeypatch.setattr(placing, "_write", write)
    assert run(parcel=host.parcel())["changed"] and host.differences() == []


def test_package_that_arrived_damaged_is_not_put_in_place(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "sum_folder", lambda path: "0" * 64)
    failed = run(parcel=host.parcel())
    assert failed["failed"] and "is not what was sent" in failed["msg"]
    assert not (host.lib / "archiv_ollama").exists()


def test_python_that_cannot_compile_it_is_refused_before_the_swap(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def old(*_: Any, **__: Any) -> None:
        raise py_compile.PyCompileError(SyntaxError, SyntaxError("invalid syntax"), "x.py")

    monkeypatch.setattr(py_compile, "compile", old)
    failed = run(parcel=host.parcel())
    assert failed["failed"] and "ansible_python_interpreter" in failed["msg"]
    assert not (host.lib / "archiv_ollama").exists()


def test_link_in_a_files_place_is_replaced_and_its_target_left_alone(host: Host, run: Run) -> None:
    target = host.root / "passwd"
    target.write_text("root\n")
    host.bin.parent.mkdir()
    host.bin.symlink_to(target)
    run(parcel=host.parcel())
    assert not host.bin.is_symlink() and target.read_text() == "root\n"


def test_what_systemd_says_is_in_the_error(host: Host, run: Run) -> None:
    (host.root / "fake/systemctl").write_text("#!/bin/sh\necho 'Access denied' >&2; exit 4\n")
    failed = run(parcel=host.parcel())
    assert failed["msg"].startswith("`systemctl daemon-reload` failed: Access denied; see")


def test_text_that_is_no_parcel_is_refused_in_a_sentence(run: Run) -> None:
    assert run(parcel="bm9uc2Vuc2U=")["msg"].startswith("parcel is not what the filter")


def test_removal_stops_the_timers_first_takes_everything_and_says_what_it_keeps(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = host.root / "var"
    kept.mkdir()
    monkeypatch.setattr(monitor, "KEPT", str(kept))
    run(parcel=host.parcel())
    host.calls()
    paths = [str(host.lib), *map(str, host.texts), str(host.root / "never-there")]
    predicted = run(state="absent", paths=paths, _ansible_check_mode=True)
    assert host.lib.exists() and host.calls() == []
    removed = run(state="absent", paths=paths)
    assert removed == predicted
    assert removed["changed"] and removed["kept"] == [str(kept)] and kept.is_dir()
    assert host.calls() == [
        "disable --now m.timer",
        "disable --now m.service",
        "daemon-reload",
        "reset-failed m.service m.timer",
    ]
    assert not any(os.path.lexists(path) for path in paths) and not list(host.units.rglob("*.timer"))
    again = run(state="absent", paths=paths)
    assert not again["changed"] and again["kept"] == [] and host.calls() == []


def test_removal_takes_what_systemd_remembers_of_a_timer_and_stops_no_unit_of_that_name(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    host.calls()
    stamp = host.root / "stamp-m.timer"
    stamp.touch()
    run(state="absent", paths=[*map(str, host.texts), str(stamp)])
    assert not stamp.exists() and not [call for call in host.calls() if "stamp-" in call]


def test_removal_takes_a_link_that_starts_a_unit_which_is_gone(host: Host, run: Run) -> None:
    run(parcel=host.parcel())
    (host.units / "m.timer").unlink()
    host.calls()
    run(state="absent", paths=[*map(str, host.texts)])
    assert not list(host.units.rglob("*.timer")) and "disable --now m.service" in host.calls()
