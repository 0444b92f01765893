"""Builds the collection: its archive holds what runs and nothing else, and its playbooks load from there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_FILES = {"CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md"}
SHIPPED_FOLDERS = {"docs", "inventory", "meta", "playbooks", "plugins", "roles"}
NEEDED = {"MANIFEST.json", "README.md", "LICENSE", "meta/runtime.yml", "playbooks/deploy.yml"}


def strays(names: Iterable[str]) -> list[str]:
    """What must not be in the archive."""
    return sorted(name for name in names if not ships(Path(name)))


def ships(path: Path) -> bool:
    if len(path.parts) == 1:
        return path.name in SHIPPED_FILES | SHIPPED_FOLDERS
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    lab = path.parts[:2] == ("inventory", "lab")
    return path.parts[0] in SHIPPED_FOLDERS and not hidden and not lab


def build(folder: Path) -> Path:
    command = ["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    [archive] = folder.glob("*.tar.gz")
    return archive


def install_block(readme: str) -> str:
    """The commands that README.md gives to people, word for word."""
    [block] = re.findall(r"## Install\n[^#]*?```sh\n(.*?)```", readme, re.DOTALL)
    return str(block)


def install(home: Path) -> dict[str, str]:
    """Does what README.md says, with another home; the environment of who did."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {"HOME": str(home)}
    subprocess.run(["sh", "-euc", install_block((ROOT / "README.md").read_text())], env=env, cwd=ROOT, check=True)
    return env


def unloadable(playbooks: Iterable[str], home: Path, env: dict[str, str]) -> list[str]:
    """The playbooks that fail to load by name where nothing but the archive is installed."""
    check = ["ansible-playbook", "--syntax-check", "-i", "localhost,"]
    return [name for name in playbooks if subprocess.run([*check, name], env=env, cwd=home, check=False).returncode]


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        env = install(home)
        [archive] = home.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            names = tar.getnames()
        playbooks = [f"archiv.ollama.{Path(name).stem}" for name in names if Path(name).match("playbooks/*.yml")]
        complaints = [f"{playbook} does not load from the archive" for playbook in unloadable(playbooks, home, env)]
    complaints += [f"{name} must not ship" for name in strays(names)]
    complaints += [f"{name} is missing" for name in sorted(NEEDED - set(names))]
    print("\n".join(complaints) or f"{len(names)} entries, all of them wanted")
    return bool(complaints)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"archive: `{error.cmd[0]}` failed; its reason stands above.")
