"""axe-core, the usual judge of accessibility, as npm has it; the version is that of package-lock.json."""

from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.engine import need
from tests.lab.settings import STATE_DIR, LabError
from tests.page.browser import Tab

LOCK = Path(__file__).with_name("package-lock.json")
HOME = STATE_DIR / "page"
SCRIPT = HOME / "node_modules/axe-core/axe.min.js"


def script() -> str:
    """Its text; fetched once, and anew after a change of the lock file."""
    kept = HOME / LOCK.name
    if not SCRIPT.exists() or not filecmp.cmp(LOCK, kept, shallow=False):
        need("npm", "npm")
        HOME.mkdir(parents=True, exist_ok=True)
        for file in (LOCK, LOCK.with_name("package.json")):
            shutil.copy(file, HOME)
        print("Fetching axe-core ...", flush=True)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
        if done.returncode:
            kept.unlink()
            raise LabError(f"`{' '.join(command)}` failed in {HOME}: {done.stderr.strip()}")
    return SCRIPT.read_text()


def violations(tab: Tab) -> list[str]:
    """What axe finds on the open page, a line a place."""
    tab.evaluate(f"{script()};0")
    found: list[dict[str, Any]] = json.loads(str(tab.evaluate("axe.run().then(r => JSON.stringify(r.violations))")))
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
