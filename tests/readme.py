"""Writes the table of inputs in each role's README from its argument spec, or with --check says where it is old.

ansible-docsmith wants a defaults file for each entry of a spec. Ours share one, so it is shown the entry `main` alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCSMITH = Path(sys.executable).with_name("ansible-docsmith")
SETTINGS = ROOT / ".config/ansible-docsmith.toml"
SPEC = "meta/argument_specs.yml"


def generate(role: Path, folder: Path, check: bool) -> bool:
    """Whether the README is as its spec says, by then or, to check, already."""
    copy = folder / role.name
    shutil.copytree(role, copy, ignore=shutil.ignore_patterns("tasks", "templates"))
    spec = yaml.safe_load((role / SPEC).read_text())["argument_specs"]
    (copy / SPEC).write_text(yaml.safe_dump({"argument_specs": {"main": spec["main"]}}, sort_keys=False))
    command = [str(DOCSMITH), "generate", str(copy), "--config", str(SETTINGS), "--no-defaults"]
    ended = subprocess.run(
        [*command, *(["--check"] if check else [])], capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode:
        print(ended.stdout + ended.stderr, end="")
        print(f"The table in roles/{role.name}/README.md is not what {SPEC} says; `make readme` writes it anew.")
        return False
    if not check:
        shutil.copyfile(copy / "README.md", role / "README.md")
    return True


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="make readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    roles = sorted(path.parents[1] for path in root.glob(f"roles/*/{SPEC}"))
    with tempfile.TemporaryDirectory() as folder:
        good = [generate(role, Path(folder), options.check) for role in roles]
    return not (good and all(good))


if __name__ == "__main__":
    sys.exit(main())
