"""Temporary folders in memory: thousands of files are flushed here, and no test takes the power away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing on a busy machine.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
HERE = Path(__file__).parent
# What starts Ansible or the command of a host, or waits for a registry that hangs: half of all tests' minutes.
SLOW = (
    "lab/test_backend.py",
    "playbooks/",
    "plugins/action/",
    "plugins/module_utils/_monitor/test_commands.py",
    "plugins/module_utils/_monitor/test_keep.py",
    "plugins/module_utils/_monitor/test_metrics.py",
    "plugins/module_utils/_monitor/test_scrub.py",
    "plugins/modules/ollama_model/test_hostile_registry.py",
    "plugins/modules/ollama_model/test_killed.py",
    "roles/",
)
IN_MEMORY = "/dev/shm"
ENOUGH_BYTES = 2**30


def fits(folder: str) -> bool:
    """Whether tests can keep their files there; some run a program of their own."""
    try:
        system = os.statvfs(folder)
    except OSError:
        return False
    free = system.f_bavail * system.f_frsize
    return free > ENOUGH_BYTES and not system.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK | os.X_OK)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, by where it stands."""
    for item in items:
        if str(item.path.relative_to(HERE)).startswith(SLOW):
            item.add_marker(pytest.mark.slow)


if fits(IN_MEMORY):
    # What pytest makes its temporary folders in, where nobody said so before.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)
