"""Imports the built archive as Galaxy does: what it would only warn of fails here. `make galaxy`"""

from __future__ import annotations

import filecmp
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import ansible_collections

from tests.sanity.repack import build

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".lab/galaxy/venv"
LOCK = "tests/galaxy/requirements.txt"
# The importer exits 0 over all of them; INFO carries no name.
FINDING = re.compile(r"^(WARNING|ERROR|CRITICAL): .*", re.MULTILINE)
DONE = "Importer processing completed successfully"


def complaints(output: str, code: int) -> list[str]:
    """What keeps an archive from being imported without a word."""
    found = [match[0] for match in FINDING.finditer(output)]
    if not found and (code or DONE not in output):
        found = [f"galaxy-importer did not come to its end (exit code {code}); what it said stands above."]
    return found


def need_venv() -> None:
    """Made once, and anew after a change of its lock file."""
    made = VENV / "installed.txt"
    if made.exists() and filecmp.cmp(ROOT / LOCK, made, shallow=False):
        return
    python = "{}.{}".format(*sys.version_info)
    subprocess.run(["sh", "tests/venv.sh", str(VENV), python, LOCK, "alone"], cwd=ROOT, check=True)


def import_archive(archive: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    # What ours depends on is not in its environment; ansible-core looks for collections on Python's own path too.
    [collections] = [path for path in ansible_collections.__path__ if "site-packages" in path]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "GALAXY_", "MOLECULE_"))}
    (folder / "ansible_collections").symlink_to(collections)
    env = kept | {
        "HOME": str(folder),
        "PATH": f"{VENV / 'bin'}{os.pathsep}{kept.get('PATH', '')}",
        "PYTHONPATH": str(folder),
        "GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP": str(folder / "tmp"),
    }
    return subprocess.run(
        [str(VENV / "bin/python"), "-m", "galaxy_importer.main", str(archive)],
        cwd=folder,
        env=env,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
    )


def main() -> int:
    need_venv()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ended = import_archive(build(folder), folder)
    print(ended.stdout, end="")
    found = complaints(ended.stdout, ended.returncode)
    print("\n".join(found) or "Galaxy would import it without a warning.")
    return bool(found)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"galaxy: `{' '.join(error.cmd)}` failed; its reason stands above.")
