"""The environment is made where a new machine has only what pyenv installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "venv.sh"
TOOLS = ("cp", "dirname", "flock", "grep", "mkdir", "sh", "tr")
VERSION = "{}.{}".format(*sys.version_info)
BASE = Path(sys.executable).resolve()


def make(folder: Path, pyenv_root: Path) -> subprocess.CompletedProcess[str]:
    """In a folder of its own, with nothing to install, a PATH without Python but for a shim that fails, and pyenv."""
    tools = folder / "bin"
    tools.mkdir()
    for name in TOOLS:
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    shim = tools / f"python{VERSION}"
    shim.write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    (folder / "requirements-dev.txt").write_text("")
    env = {"PATH": str(tools), "HOME": str(folder), "PYENV_ROOT": str(pyenv_root)}
    command = ["sh", str(SCRIPT), ".venv", VERSION]
    return subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)


def test_python_of_pyenv_is_found_behind_a_shim_that_fails(tmp_path: Path) -> None:
    installed = tmp_path / "pyenv/versions/any/bin"
    installed.mkdir(parents=True)
    (installed / f"python{VERSION}").symlink_to(BASE)
    result = make(tmp_path, tmp_path / "pyenv")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / ".venv/bin/python").resolve() == BASE
    assert (tmp_path / ".venv/installed.txt").exists()


def test_no_python_is_one_sentence(tmp_path: Path) -> None:
    result = make(tmp_path, tmp_path / "nothing")
    assert result.returncode == 1
    assert result.stderr == (
        f"make venv: no Python of {VERSION} runs, neither one on the PATH nor one of pyenv; "
        "install one (Debian: apt-get install python3 python3-venv) and run again.\n"
    )
