"""Runs actionlint, with shellcheck for what the steps run, over the workflows of .github."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.lab.parts import go, need_go
from tests.lab.settings import ROOT, STATE_DIR, LabError

MODULE = "github.com/rhysd/actionlint"
VERSION = "v1.7.12"
FOLDER = STATE_DIR / f"actionlint-{VERSION}"


def actionlint() -> Path:
    """Built once, and anew for another version."""
    program = FOLDER / "actionlint"
    if not program.exists():
        need_go()
        go(["install", f"{MODULE}/cmd/actionlint@{VERSION}"], {"GOBIN": str(FOLDER), "CGO_ENABLED": "0"})
    return program


def complaints(workflows: list[Path]) -> str:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    command = [str(actionlint()), "-no-color", f"-shellcheck={shellcheck}", "-pyflakes=", *map(str, workflows)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


def main() -> int:
    workflows = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
    said = complaints(workflows)
    print(said or f"{len(workflows)} workflows, no finding.", end="" if said else "\n")
    return bool(said)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"workflows: {error}")
