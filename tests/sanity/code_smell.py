"""Runs those checks of ansible-test that look at one file at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ansible_test

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(ansible_test.__file__).parent / "_util/controller/sanity/code-smell"
SHIPPED = ("meta", "playbooks", "plugins", "roles")
NAMES = (
    "action-plugin-docs",
    "line-endings",
    "no-assert",
    "no-get-exception",
    "no-illegal-filenames",
    "no-smart-quotes",
    "replace-urlopen",
    "runtime-metadata",
    "shebang",
    "use-argspec-type-path",
    "use-compat-six",
)


def shipped_files(root: Path) -> list[str]:
    found = (path for name in SHIPPED for path in (root / name).glob("**/*"))
    return sorted(str(path.relative_to(root)) for path in found if path.is_file() and "__pycache__" not in path.parts)


def wanted(files: Sequence[str], scope: dict[str, Any]) -> list[str]:
    """The files a check is meant for, as its own description says."""
    prefixes = tuple(scope.get("prefixes", [""]))
    extensions = tuple(scope.get("extensions", [""]))
    return [name for name in files if name.startswith(prefixes) and name.endswith(extensions)]


def main() -> int:
    files = shipped_files(ROOT)
    complaints = ""
    for name in NAMES:
        scope = json.loads((CHECKS / f"{name}.json").read_text())
        result = subprocess.run(
            [sys.executable, CHECKS / f"{name}.py"],
            cwd=ROOT,
            input="\n".join(wanted(files, scope)),
            capture_output=True,
            text=True,
            check=False,
        )
        # These checks exit 0 whatever they find; what they print is the finding.
        complaints += "".join(f"{name}: {line}\n" for line in (result.stdout + result.stderr).splitlines())
    print(complaints, end="")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
