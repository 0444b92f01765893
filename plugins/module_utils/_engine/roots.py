# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an Engine keeps its images. Private."""

from __future__ import annotations

import contextlib
import re
import subprocess
import typing as t

from .compose import CLI_SECONDS

# The default root of containerd.
CONTAINERD_ROOT = "/var/lib/containerd"


def images_root(info: t.Mapping[str, t.Any]) -> str:
    """Where this Engine keeps its images: with the containerd store below containerd's root, which is not its own."""
    driver = dict(info.get("DriverStatus") or ()).get("driver-type", "")
    address = (info.get("Containerd") or {}).get("Address", "")
    # A containerd that the Engine started itself is below the Engine's root.
    if "io.containerd.snapshotter" not in driver or "/docker/containerd/" in address:
        return str(info["DockerRootDir"])
    said = ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run(
            ["containerd", "config", "dump"], capture_output=True, text=True, timeout=CLI_SECONDS, check=False
        ).stdout
    found = re.search(r"""^root *= *['"](.+)['"]""", said, re.MULTILINE)
    return found.group(1) if found else CONTAINERD_ROOT
