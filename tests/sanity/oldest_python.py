"""Parses the plugins as Python 3.9, the oldest that ansible-core serves on a host."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 9)


def complaint(file: Path) -> str | None:
    """Why the file would not load there: newer syntax, or types that only newer Pythons evaluate."""
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file), feature_version=OLDEST)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return None
    return "lacks `from __future__ import annotations`, so `X | None` fails there"


def main() -> int:
    files = sorted((ROOT / "plugins").glob("**/*.py"))
    complaints = [f"{file.relative_to(ROOT)}: {text}" for file in files if (text := complaint(file))]
    print("\n".join(complaints) or f"{len(files)} files load on Python {OLDEST[0]}.{OLDEST[1]}")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
