"""Prometheus, Alertmanager, node_exporter and their tools, from this machine's own release, unpacked below .lab.

Nothing is installed. `python -m tests.monitor.tools` says where they are.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from tests.lab import parts
from tests.lab.settings import STATE_DIR

# Installing them would start three servers.
PACKAGES = ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter")
FOLDER = STATE_DIR / "prometheus"


def promtool() -> Path:
    return program("promtool")


def amtool() -> Path:
    return program("amtool")


def program(name: str) -> Path:
    """Fetched once; remove the folder for a newer one."""
    if not FOLDER.exists():
        unpack(FOLDER)
    return FOLDER / "usr/bin" / name


def unpack(folder: Path) -> None:
    """All of it or nothing, also where two processes do it at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        fetched, whole = Path(name), Path(name, "root")
        parts.run(["apt-get", "download", "-q", *PACKAGES], folder=fetched)
        for package in sorted(fetched.glob("*.deb")):
            parts.run(["dpkg", "-x", str(package), str(whole)])
        # Another process may have been faster.
        with contextlib.suppress(OSError):
            whole.rename(folder)


def version(tool: Path) -> str:
    """As `promtool, version 2.42.0+ds`."""
    return parts.run([str(tool), "--version"]).partition(" (")[0]


if __name__ == "__main__":
    print(promtool().parents[2])
