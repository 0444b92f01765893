"""Runs shellcheck over every shell file of the repository; a finding of any level fails."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
SHEBANG = re.compile(rb"#!.*\b(ba|da)?sh\n")


def files() -> list[str]:
    """What git knows or would add, so that a new file is checked before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()
    return sorted(set(filter(None, listed.split("\0"))))


def shell_files(root: Path, names: list[str]) -> Iterator[str]:
    """By their names, or by their first line; a template is no shell before it is rendered."""
    for name in names:
        path = root / name
        if path.is_file() and (name.endswith(".sh") or (not path.suffix and SHEBANG.match(path.read_bytes()[:80]))):
            yield name


def complaints(root: Path, names: list[str]) -> str:
    """What shellcheck says. What has no first line of its own is sh, as in a container's entrypoint."""
    said = ""
    for name in names:
        told = (root / name).read_bytes().startswith(b"#!")
        command = [str(SHELLCHECK), "--format=gcc", *([] if told else ["--shell=sh"]), name]
        ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        said += ended.stdout + ended.stderr
    return said


def main() -> int:
    names = list(shell_files(ROOT, files()))
    said = complaints(ROOT, names)
    print(said or f"{len(names)} shell files, no finding.", end="" if said else "\n")
    return bool(said)


if __name__ == "__main__":
    sys.exit(main())
