"""The kernel's counters are read in both versions of control groups, and missing ones are None."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._cgroup import (
    Usage,
    connections_to,
    count_connections,
    parse_cgroups,
    usage_of,
)

V1 = "12:cpuset:/docker/c0\n9:memory:/docker/c0\n4:cpu,cpuacct:/docker/c0\n1:name=systemd:/docker/c0\n0::/docker/c0\n"
V2 = "0::/system.slice/docker-c0.scope\n"
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 040014AC:2CAA 020014AC:C0DE 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 040014AC:2CAA 020014AC:C0DF 08 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 040014AC:C0E0 020014AC:2CAA 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
"""


def files(folder: Path, contents: dict[str, str]) -> None:
    """Write small files, making their folders."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_parse_cgroups_reads_both_versions() -> None:
    assert parse_cgroups(V2) == {"": "/system.slice/docker-c0.scope"}
    assert parse_cgroups(V1)["memory"] == "/docker/c0"
    assert "" not in parse_cgroups(V1)


def test_usage_in_version_1(tmp_path: Path) -> None:
    files(
        tmp_path,
        {
            "proc/7/cgroup": V1,
            "cg/memory/docker/c0/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            "cg/memory/docker/c0/memory.usage_in_bytes": "4096\n",
            "cg/memory/docker/c0/memory.limit_in_bytes": "9223372036854771712\n",
            "cg/cpuacct/docker/c0/cpuacct.usage": "1500000000\n",
        },
    )
    assert usage_of(7, f"{tmp_path}/proc", f"{tmp_path}/cg") == Usage(2, 4096, None, 1.5)
    files(tmp_path, {"cg/memory/docker/c0/memory.limit_in_bytes": "8192\n"})
    assert usage_of(7, f"{tmp_path}/proc", f"{tmp_path}/cg").memory_limit == 8192


def test_usage_in_version_2(tmp_path: Path) -> None:
    group = "cg/system.slice/docker-c0.scope"
    files(
        tmp_path,
        {
            "proc/7/cgroup": V2,
            f"{group}/memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
            f"{group}/memory.current": "4096\n",
            f"{group}/memory.max": "max\n",
            f"{group}/cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
        },
    )
    assert usage_of(7, f"{tmp_path}/proc", f"{tmp_path}/cg") == Usage(1, 4096, None, 1.5)


def test_usage_nobody_can_read_is_unknown(tmp_path: Path) -> None:
    assert usage_of(7, f"{tmp_path}/proc", f"{tmp_path}/cg") == Usage()
    for text in (V1, V2, "", "1:name=systemd:/\n"):
        files(tmp_path, {"proc/7/cgroup": text})
        assert usage_of(7, f"{tmp_path}/proc", f"{tmp_path}/cg") == Usage()


@pytest.mark.parametrize(("port", "count"), [(11434, 1), (49376, 1), (80, 0)])
def test_count_connections_counts_established_ones_to_the_port(port: int, count: int) -> None:
    assert count_connections(TCP, port) == count


def test_connections_to_adds_both_tables(tmp_path: Path) -> None:
    files(tmp_path, {"7/net/tcp": TCP, "7/net/tcp6": TCP})
    assert connections_to(7, 11434, str(tmp_path)) == 2
    assert connections_to(8, 11434, str(tmp_path)) == 0
