"""Every benchmark, one after the other, each in a process of its own: python -m tests.benchmarks."""

from __future__ import annotations

import subprocess
import sys

from tests.lab.settings import ROOT


def main() -> int:
    names = [
        f"tests.benchmarks.{name}"
        for name in ("no_op", "store", "fetch", "monitor", "scrub", "gate", "switch", "fleet")
    ]
    return max(subprocess.run([sys.executable, "-m", name], cwd=ROOT, check=False).returncode for name in names)


if __name__ == "__main__":
    sys.exit(main())
