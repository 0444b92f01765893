"""Builds the collection: the archive holds what runs and nothing else, loads, and is the same bytes each time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.sanity.repack import build

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_FILES = {"CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md"}
SHIPPED_FOLDERS = {"docs", "inventory", "meta", "playbooks", "plugins", "roles"}
LONG_AGO = 1_000_000_000
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


def built_elsewhere(folder: Path) -> Path:
    """The archive of a copy whose files came in another order, at another time, for their owner's eyes alone."""
    source, out = folder / "source", folder / "out"
    for path in (source, out):
        path.mkdir(parents=True)
    for name in sorted([*SHIPPED_FILES, *SHIPPED_FOLDERS, "galaxy.yml"], reverse=True):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return build(out, source)


def altered(archive: Path, env: dict[str, str]) -> bool:
    """Whether Ansible, which installs an archive by its manifest, finds in it what the manifest does not say."""
    install = ["ansible-galaxy", "collection", "install", "--offline", "--force", str(archive)]
    subprocess.run(install, env=env, cwd=env["HOME"], check=True)
    verify = ["ansible-galaxy", "collection", "verify", "--offline", "archiv.ollama"]
    return bool(subprocess.run(verify, env=env, cwd=env["HOME"], check=False).returncode)


def rebuilt(home: Path, env: dict[str, str]) -> list[str]:
    """What a release has beyond the commands of README.md."""
    (home / "release").mkdir()
    release = build(home / "release")
    complaints = [f"{release.name} does not hold what its manifest says"] if altered(release, env) else []
    if release.read_bytes() != built_elsewhere(home / "elsewhere").read_bytes():
        complaints.append(
            "two builds of the same files differ, and tests/sanity/repack.py is to leave no reason for it"
        )
    return complaints


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        env = install(home)
        [archive] = home.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            names = tar.getnames()
        playbooks = [f"archiv.ollama.{Path(name).stem}" for name in names if Path(name).match("playbooks/*.yml")]
        complaints = [f"{playbook} does not load from the archive" for playbook in unloadable(playbooks, home, env)]
        complaints += rebuilt(home, env)
    complaints += [f"{name} must not ship" for name in strays(names)]
    complaints += [f"{name} is missing" for name in sorted(NEEDED - set(names))]
    print("\n".join(complaints) or f"{len(names)} entries, all of them wanted; two builds are equal")
    return bool(complaints)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"archive: `{error.cmd[0]}` failed; its reason stands above.")
