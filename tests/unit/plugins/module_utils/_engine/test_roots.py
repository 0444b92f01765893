"""Which disk images need room on: an Engine with the containerd store keeps them in a folder that is not its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine import roots

CONTAINERD = {
    "DockerRootDir": "/srv/docker",
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    "Containerd": {"Address": "/run/containerd/containerd.sock"},
}
DUMP = """\
version = 3
root = '/srv/containerd'
state = '/run/containerd'

[plugins]
  [plugins.'io.containerd.snapshotter.v1.overlayfs']
    root_path = '/elsewhere'
"""


@pytest.fixture
def containerd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name that prints what is in the file beside it, and the only one there is."""
    program = tmp_path / "containerd"
    script = f"""#!/bin/sh
[ "$*" = 'config dump' ] && while read -r line; do echo "$line"; done <{tmp_path}/dump
"""
    program.write_text(script)
    program.chmod(0o755)
    (tmp_path / "dump").write_text(DUMP)
    monkeypatch.setenv("PATH", str(tmp_path))
    return program


@pytest.mark.usefixtures("containerd")
def test_images_of_the_containerd_store_lie_below_containerds_root() -> None:
    assert roots.images_root(CONTAINERD) == "/srv/containerd"


def test_containerd_that_says_nothing_has_its_usual_root(containerd: Path) -> None:
    (containerd.parent / "dump").write_text("")
    assert roots.images_root(CONTAINERD) == "/var/lib/containerd"
    containerd.unlink()
    assert roots.images_root(CONTAINERD) == "/var/lib/containerd"


@pytest.mark.usefixtures("containerd")
@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}, id="its own store"),
        pytest.param({"DriverStatus": None}, id="nothing said"),
        pytest.param(
            {"Containerd": {"Address": "/var/run/docker/containerd/containerd.sock"}}, id="its own containerd"
        ),
    ],
)
def test_images_lie_below_the_engines_root_otherwise(differs: dict[str, Any]) -> None:
    assert roots.images_root({**CONTAINERD, **differs}) == "/srv/docker"
