"""Publishes a model in the lab's registry that is heavy enough to hit a memory limit. Usage: publish.py NAME:TAG MIB"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.lab import engine, model, registry


def main() -> None:
    name, _, tag = sys.argv[1].partition(":")
    with tempfile.TemporaryDirectory() as folder:
        heavy = model.build_model("archiv-heavy", int(sys.argv[2]) << 20, Path(folder))
        model.publish(heavy, registry.base_url(engine.require()), f"library/{name}", tag)


if __name__ == "__main__":
    main()
