"""Writes down the routes of the lab's Ollama as its own router has them, for the scenario `gate`: `make routes`"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.settings import OLLAMA_VERSION, ROOT

PROGRAM = Path(__file__).resolve().parent / "routes/main.go"
MODULE = f"module archiv.lab/routes\n\ngo 1.26\n\nrequire github.com/ollama/ollama v{OLLAMA_VERSION}\n"
ROUTE = re.compile("[A-Z]+ /.*")
FILE = ROOT / f"molecule/gate/routes-{OLLAMA_VERSION}.txt"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PROGRAM, folder)
        Path(folder, "go.mod").write_text(MODULE)
        subprocess.run(["go", "mod", "tidy"], cwd=folder, check=True)
        printed = subprocess.run(["go", "run", "."], cwd=folder, check=True, capture_output=True, text=True).stdout
    # In debug mode the router prints each route itself too.
    routes = sorted(line for line in printed.splitlines() if ROUTE.fullmatch(line))
    FILE.write_text("\n".join(routes) + "\n")
    print(f"{len(routes)} routes in {FILE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
