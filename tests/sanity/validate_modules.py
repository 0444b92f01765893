"""Runs ansible-test's validate-modules, whose own wrapper would build environments of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ansible_test
import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections/archiv/ollama"
VALIDATOR = Path(ansible_test.__file__).parent / "_util/controller/sanity/validate-modules/validate.py"


def main() -> int:
    modules = sorted(ROOT.glob("plugins/modules/*.py"))
    if not modules:
        print("validate-modules: plugins/modules holds no module, so nothing was validated.")
        return 1
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    return subprocess.run(
        [
            sys.executable,
            VALIDATOR,
            *("--collection", COLLECTION, "--collection-version", version, "--arg-spec", "--warnings"),
            *(module.relative_to(ROOT) for module in modules),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(VALIDATOR.parent)},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
