# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's counters for a container: OOM kills, memory, CPU time. Private.

The Engine's OOMKilled flag stays false when the kernel kills only the inference child, so the
counters are read from the container's control group, version 1 or 2.
"""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import dataclass

_CGROUP = "/sys/fs/cgroup"
# Version 1 writes "no limit" as the largest page-aligned number.
_NO_LIMIT = 1 << 62
# What Linux 5.10 counts of the kernel's own memory, one by one.
_KERNEL_PARTS = ("kernel_stack", "pagetables", "percpu", "sock", "slab")
_ESTABLISHED = "01"
_TOLD = re.compile(r"(?<![a-z_])(bytes_sent|bytes_received|lastsnd|lastrcv):(\d+)")
# A streamed response does not pause for longer than this.
_STREAMING_MS = 5000
_SS_SECONDS = 5


@dataclass(frozen=True)
class Usage:
    """Counters of one container; None if the kernel does not have them."""

    oom_kills: int | None = None
    memory_used: int | None = None
    memory_limit: int | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Memory:
    """The memory of one container in bytes; None if the kernel does not count it."""

    # What the kernel cannot take back: anonymous and shared pages, and its own for the container.
    unreclaimable: int | None = None
    # All but the file pages that nobody used lately, as cAdvisor and the kubelet count it.
    working_set: int | None = None
    peak: int | None = None
    limit: int | None = None
    oom_kills: int | None = None


def usage_of(pid: int, proc: str = "/proc", cgroup: str = _CGROUP) -> Usage:
    """Read the counters of the container whose first process is pid; all None when it is gone."""
    paths = _paths_of(pid, proc)
    if paths is None:
        return Usage()
    if set(paths) == {""}:
        return _usage_v2(cgroup + paths[""])
    memory = os.path.join(cgroup, "memory") + paths.get("memory", "/")
    cpu = os.path.join(cgroup, "cpuacct") + paths.get("cpuacct", "/")
    return _usage_v1(memory, cpu)


def memory_of(pid: int, proc: str = "/proc", cgroup: str = _CGROUP) -> Memory:
    """The memory of the container whose first process is pid; all None when it is gone."""
    paths = _paths_of(pid, proc)
    if paths is None:
        return Memory()
    if set(paths) == {""}:
        return _memory_v2(cgroup + paths[""])
    return _memory_v1(os.path.join(cgroup, "memory") + paths.get("memory", "/"))


def may_swap(pid: int, proc: str = "/proc", cgroup: str = _CGROUP) -> bool:
    """Whether a control group of version 2 lets the container whose first process is pid use swap."""
    paths = _paths_of(pid, proc)
    if paths is None or set(paths) != {""}:
        return False
    # Without the file the kernel has no swap to give.
    return _word(os.path.join(cgroup + paths[""], "memory.swap.max")) not in (None, "0")


def _paths_of(pid: int, proc: str) -> dict[str, str] | None:
    try:
        return parse_cgroups(_read(os.path.join(proc, str(pid), "cgroup")))
    except OSError:
        return None


def parse_cgroups(text: str) -> dict[str, str]:
    """/proc/PID/cgroup as controller -> path; version 2 has the one controller ""."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    if "memory" in paths:
        # Hybrid hosts mount an empty version 2 tree beside the version 1 controllers.
        paths.pop("", None)
        return paths
    return {"": paths.get("", "/")}


def count_connections(tables: str, port: int) -> int:
    """Established connections to a local port in the text of /proc/PID/net/tcp and tcp6."""
    wanted = f":{port:04X}"
    rows = (line.split() for line in tables.splitlines())
    return sum(1 for row in rows if len(row) > 3 and row[1].endswith(wanted) and row[3] == _ESTABLISHED)


def connections_to(pid: int, port: int, proc: str = "/proc") -> int:
    """How many clients are connected to a port of the container whose first process is pid."""
    tables = []
    for table in ("tcp", "tcp6"):
        try:
            tables.append(_read(os.path.join(proc, str(pid), "net", table)))
        except OSError:
            continue
    return count_connections("\n".join(tables), port)


def clients_waiting(pid: int, port: int) -> int:
    """How many clients of that port wait for a response; if unknown, how many are connected."""
    # Imported here, because metrics need no other program.
    import subprocess

    command = ["nsenter", f"--net=/proc/{pid}/ns/net", "ss", "-tinH", "state", "established", f"sport = :{port}"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_SS_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return connections_to(pid, port)
    return count_waiting(asked.stdout) if asked.returncode == 0 else connections_to(pid, port)


def count_waiting(sockets: str) -> int:
    """Counts in the output of `ss -ti` the connections that wait for a response or are receiving one.

    An idle keep-alive connection got its response, and no request followed.
    """
    waiting = 0
    for line in sockets.splitlines():
        told = dict(_TOLD.findall(line))
        if "bytes_received" not in told:
            continue
        # Zeros are not printed.
        sent, received = int(told.get("lastsnd", 0)), int(told.get("lastrcv", 0))
        waiting += "bytes_sent" not in told or received < sent or sent < _STREAMING_MS
    return waiting


def _usage_v2(folder: str) -> Usage:
    cpu = _number(_table(os.path.join(folder, "cpu.stat")).get("usage_usec"))
    return Usage(
        oom_kills=_number(_table(os.path.join(folder, "memory.events")).get("oom_kill")),
        memory_used=_number(_word(os.path.join(folder, "memory.current"))),
        memory_limit=_number(_word(os.path.join(folder, "memory.max"))),
        cpu_seconds=None if cpu is None else cpu / 1e6,
    )


def _usage_v1(memory: str, cpuacct: str) -> Usage:
    limit = _number(_word(os.path.join(memory, "memory.limit_in_bytes")))
    cpu = _number(_word(os.path.join(cpuacct, "cpuacct.usage")))
    return Usage(
        oom_kills=_number(_table(os.path.join(memory, "memory.oom_control")).get("oom_kill")),
        memory_used=_number(_word(os.path.join(memory, "memory.usage_in_bytes"))),
        memory_limit=None if limit is None or limit >= _NO_LIMIT else limit,
        cpu_seconds=None if cpu is None else cpu / 1e9,
    )


def _memory_v2(folder: str) -> Memory:
    usage, told = _usage_v2(folder), _numbers(os.path.join(folder, "memory.stat"))
    # Before Linux 5.18 there is no sum of the kernel's own.
    kernel = told.get("kernel") if "kernel" in told else _sum(told, _KERNEL_PARTS)
    return Memory(
        unreclaimable=_sum({**told, "kernel": kernel or 0}, ("anon", "shmem", "kernel")) if "anon" in told else None,
        working_set=_less(usage.memory_used, told.get("inactive_file")),
        peak=_number(_word(os.path.join(folder, "memory.peak"))),
        limit=usage.memory_limit,
        oom_kills=usage.oom_kills,
    )


def _memory_v1(folder: str) -> Memory:
    usage, told = _usage_v1(folder, folder), _numbers(os.path.join(folder, "memory.stat"))
    # Without kernel memory accounting there is no such file, or it says 0.
    kernel = _number(_word(os.path.join(folder, "memory.kmem.usage_in_bytes")))
    told = {**told, "kernel": kernel or 0}
    return Memory(
        unreclaimable=_sum(told, ("total_rss", "total_shmem", "kernel")) if "total_rss" in told else None,
        working_set=_less(usage.memory_used, told.get("total_inactive_file")),
        peak=_number(_word(os.path.join(folder, "memory.max_usage_in_bytes"))),
        limit=usage.memory_limit,
        oom_kills=usage.oom_kills,
    )


def _sum(told: t.Mapping[str, int], names: t.Sequence[str]) -> int:
    return sum(told.get(name, 0) for name in names)


def _less(used: int | None, idle: int | None) -> int | None:
    # The kernel updates the two at different times.
    return None if used is None or idle is None else max(0, used - idle)


def _numbers(path: str) -> dict[str, int]:
    return {name: int(value) for name, value in _table(path).items() if value.isdigit()}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _word(path: str) -> str | None:
    try:
        return _read(path).strip()
    except OSError:
        return None


def _table(path: str) -> t.Mapping[str, str]:
    rows = (line.split() for line in (_word(path) or "").splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2}


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
