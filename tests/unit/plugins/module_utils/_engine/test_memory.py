"""A container's memory as each kernel counts it; the files are as that kernel writes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.cgroup import Memory, memory_of

FIXTURES = Path(__file__).parents[3] / "fixtures"
V1 = "9:memory:/docker/c0\n4:cpu,cpuacct:/docker/c0\n0::/docker/c0\n"
V2 = "0::/system.slice/docker-c0.scope\n"
GROUPS = {V1: "memory/docker/c0", V2: "system.slice/docker-c0.scope"}
ANON, SHMEM, KERNEL = 612368384, 1048576, 22810624
USAGE, INACTIVE = 5452595200, 19660800


def host(folder: Path, recorded: str, version: str) -> tuple[str, str]:
    """The folders of a host whose container is process 7."""
    (folder / "proc/7").mkdir(parents=True)
    (folder / "proc/7/cgroup").write_text(version)
    shutil.copytree(FIXTURES / recorded, folder / "cg" / GROUPS[version])
    return f"{folder}/proc", f"{folder}/cg"


@pytest.mark.parametrize(
    ("recorded", "version", "memory"),
    [
        pytest.param(
            "cgroup2_linux_6.12",
            V2,
            Memory(ANON + SHMEM + KERNEL, USAGE - INACTIVE, 6081740800, 8589934592, 1),
            id="2-linux-6.12",
        ),
        # No sum of the kernel's own, no peak, no limit.
        pytest.param(
            "cgroup2_linux_5.10",
            V2,
            Memory(ANON + SHMEM + 1114112 + 32256 + 4096 + 14843904, USAGE - INACTIVE, None, None, 0),
            id="2-linux-5.10",
        ),
        pytest.param(
            "cgroup1_linux_5.10",
            V1,
            Memory(ANON + SHMEM + KERNEL, USAGE - INACTIVE, 6081740800, 8589934592, 1),
            id="1-linux-5.10",
        ),
        # Recorded: its usage is exactly cache + rss + kernel.
        pytest.param(
            "cgroup1_linux_6.18",
            V1,
            Memory(31428608 + 45056 + 5173248, 46010368 - 9138176, 60514304, None, 0),
            id="1-linux-6.18",
        ),
    ],
)
def test_memory(recorded: str, version: str, memory: Memory, tmp_path: Path) -> None:
    assert memory_of(7, *host(tmp_path, recorded, version)) == memory


def test_kernel_memory_that_is_not_counted_is_left_out(tmp_path: Path) -> None:
    folders = host(tmp_path, "cgroup1_linux_5.10", V1)
    (tmp_path / "cg" / GROUPS[V1] / "memory.kmem.usage_in_bytes").unlink()
    assert memory_of(7, *folders).unreclaimable == ANON + SHMEM


def test_working_set_is_never_negative(tmp_path: Path) -> None:
    """The two numbers are of different moments."""
    folders = host(tmp_path, "cgroup2_linux_6.12", V2)
    (tmp_path / "cg" / GROUPS[V2] / "memory.current").write_text("4096\n")
    assert memory_of(7, *folders).working_set == 0


@pytest.mark.parametrize("gone", ["memory.current", "memory.stat"])
def test_working_set_needs_both_numbers(tmp_path: Path, gone: str) -> None:
    folders = host(tmp_path, "cgroup2_linux_6.12", V2)
    (tmp_path / "cg" / GROUPS[V2] / gone).unlink()
    assert memory_of(7, *folders).working_set is None


def test_memory_nobody_can_read_is_unknown(tmp_path: Path) -> None:
    assert memory_of(7, f"{tmp_path}/proc", f"{tmp_path}/cg") == Memory()
    for version in GROUPS:
        folders = host(tmp_path / version[0], "cgroup2_linux_6.12", version)
        shutil.rmtree(tmp_path / version[0] / "cg")
        assert memory_of(7, *folders) == Memory()
