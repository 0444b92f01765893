"""Runs those checks of ansible-test that look at one file at a time, and our own of the code below a model store."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
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

# What works below a model store, its .archiv or the receipts: paths there are opened and changed by disk.py alone.
UTILS = "plugins/module_utils"
# progress.py writes where the action plugin reads, which is no store.
ELSEWHERE = ("_store/disk.py", "_install/progress.py")
STORE_CODE = [
    f"{UTILS}/_stack/needs.py",
    *(f"{UTILS}/_monitor/{name}.py" for name in ("mark", "scrub", "scrubbed")),
    *(
        str(path.relative_to(ROOT))
        for room in ("_model", "_store", "_release", "_install")
        for path in sorted((ROOT / UTILS / room).glob("*.py"))
        if not str(path).endswith(ELSEWHERE)
    ),
]
# All of `os` that they may call: what takes a descriptor, and what only works on text or on the process.
DESCRIPTORS = "close dup fdatasync fchmod fstat fsync ftruncate posix_fadvise preadv pwrite readv read"
TEXT = "path.abspath path.basename path.dirname path.join path.normpath path.relpath path.split path.realpath"
OTHERS = "cpu_count environ.setdefault geteuid getpid path.samestat"
HARMLESS = frozenset(f"{DESCRIPTORS} {TEXT} {OTHERS}".split())
PATHS = ("glob", "io", "pathlib", "shutil", "subprocess", "tempfile")


def path_calls(text: str) -> Iterator[str]:
    """What a source does by path, past disk.py: a line a call or import."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found = [name for name in names if name.partition(".")[0] in PATHS]
            found += ["from os"] if isinstance(node, ast.ImportFrom) and node.module in ("os", "os.path") else []
            yield from (f"{node.lineno}: import {name}" for name in found)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name == "open" or (re.fullmatch(r"os(\.\w+)+", name) and name[len("os.") :] not in HARMLESS):
                yield f"{node.lineno}: {name}()"


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
    for name in STORE_CODE:
        for call in path_calls((ROOT / name).read_text()):
            complaints += (
                f"store-by-path: {name}:{call}: what lies below a store is opened and changed by disk.py alone\n"
            )
    print(complaints, end="")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
