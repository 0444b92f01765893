"""The kernel's counters are read in both versions of control groups, and missing ones are None."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.cgroup import (
    Usage,
    clients_waiting,
    connections_to,
    count_connections,
    count_waiting,
    may_swap,
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


@pytest.mark.parametrize(("limit", "may"), [("max\n", True), ("4096\n", True), ("0\n", False), (None, False)])
def test_swap_is_what_the_kernel_allows_in_version_2(tmp_path: Path, limit: str | None, may: bool) -> None:
    files(tmp_path, {"proc/7/cgroup": V2})
    if limit is not None:
        files(tmp_path, {"cg/system.slice/docker-c0.scope/memory.swap.max": limit})
    assert may_swap(7, f"{tmp_path}/proc", f"{tmp_path}/cg") is may


def test_swap_in_version_1_is_taken_back_by_nobody(tmp_path: Path) -> None:
    files(tmp_path, {"proc/7/cgroup": V1, "cg/docker/c0/memory.swap.max": "max\n"})
    assert not may_swap(7, f"{tmp_path}/proc", f"{tmp_path}/cg")
    assert not may_swap(8, f"{tmp_path}/proc", f"{tmp_path}/cg")


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


# As ss of iproute2 6.1 prints them after six seconds, shortened.
ANSWERED = "\t bbr rto:204 bytes_sent:10 bytes_acked:10 bytes_received:10 lastsnd:6004 lastrcv:6056 lastack:6004"
ASKED = "\t bbr rto:200 bytes_received:10 segs_out:1 send 14bps lastsnd:6004 lastrcv:6004 lastack:6004"
ASKED_AGAIN = "\t bbr rto:204 bytes_sent:10 bytes_acked:10 bytes_received:20 lastsnd:60000 lastrcv:6000 lastack:6000"
STREAMED = "\t bbr rto:204 bytes_sent:900 bytes_acked:900 bytes_received:10 lastsnd:120 lastrcv:59000 lastack:119"
OPENED = "\t bbr rto:200 segs_in:2 send 43bps lastsnd:6004 lastrcv:6004 lastack:6004"


@pytest.mark.parametrize(
    ("line", "waits"), [(ANSWERED, 0), (ASKED, 1), (ASKED_AGAIN, 1), (STREAMED, 1), (OPENED, 0), ("0 0 a:1 b:2", 0)]
)
def test_connection_that_is_only_kept_is_no_client_that_waits(line: str, waits: int) -> None:
    assert count_waiting(f"0      0      10.0.0.2:11434 10.0.0.3:40380\n{line}\n") == waits


def test_clients_are_asked_of_the_kernel_where_it_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            answering, _ = server.accept()
            with answering:
                assert clients_waiting(os.getpid(), port) == 0
                client.sendall(b"a question")
                answering.recv(100)
                assert clients_waiting(os.getpid(), port) == 1
                # Without the program: whoever is connected.
                monkeypatch.setenv("PATH", "/nonexistent")
                assert clients_waiting(os.getpid(), port) == 1
