"""Builds the collection and demands that the archive holds what runs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_FILES = {"CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md"}
SHIPPED_FOLDERS = {"docs", "meta", "playbooks", "plugins", "roles"}
NEEDED = {"MANIFEST.json", "README.md", "LICENSE", "meta/runtime.yml", "playbooks/deploy.yml"}


def strays(names: Iterable[str]) -> list[str]:
    """What must not be in the archive."""
    return sorted(name for name in names if not ships(Path(name)))


def ships(path: Path) -> bool:
    if len(path.parts) == 1:
        return path.name in SHIPPED_FILES | SHIPPED_FOLDERS
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return path.parts[0] in SHIPPED_FOLDERS and not hidden


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        build = ["ansible-galaxy", "collection", "build", "--output-path", folder, str(ROOT)]
        if code := subprocess.run(build, check=False).returncode:
            return code
        [archive] = Path(folder).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            names = tar.getnames()
    complaints = [f"{name} must not ship" for name in strays(names)]
    complaints += [f"{name} is missing" for name in sorted(NEEDED - set(names))]
    print("\n".join(complaints) or f"{len(names)} entries, all of them wanted")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
