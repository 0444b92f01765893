"""Names and places of the virtual machine."""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab.settings import STATE_DIR

HOST = "vm-1"
VM_DIR = STATE_DIR / "vm"
INVENTORY = VM_DIR / "hosts.yml"
CONSOLE = VM_DIR / "console.log"
RESULTS = VM_DIR / "results"

# Outside the checkout, as the lab's other images are: a second clone finds it too.
CACHE_DIR = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "archiv-lab"

# As scenario `memory` has them: small enough that a kernel kills within seconds.
MODEL = "heavy:1b"
MEMORY_LIMIT = "512m"
