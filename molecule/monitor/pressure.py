"""Takes memory inside a container's control group: pressure.py hold SHARE SECONDS | kill-runner | kill-first

hold keeps so large a share of the limit in use that only the kernel could give it back. The other two make the kernel
kill a process of the server, or the first process of its container, which ends the container.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

CONTAINER = "archiv-ollama-1"
STEP = 2 << 20
# Near the limit: what the victim leaves must be enough for one more, or the kernel takes this process next.
SMALL_STEP = 64 << 10
SECONDS = 60


def inspect(form: str) -> str:
    return subprocess.run(
        ["docker", "inspect", "--format", form, CONTAINER], capture_output=True, text=True, check=True
    ).stdout.strip()


def group(pid: str) -> Path:
    """The folder of the container's control group, of version 1 or 2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return Path("/sys/fs/cgroup/memory" + path)
    return Path("/sys/fs/cgroup" + path)


def first_number(folder: Path, *names: str) -> int:
    for name in names:
        if (folder / name).exists():
            return int((folder / name).read_text())
    raise FileNotFoundError(folder)


def unreclaimable(folder: Path) -> int:
    rows = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    keys = ("total_rss", "total_shmem") if "total_rss" in rows else ("anon", "shmem", "kernel")
    return sum(int(rows.get(key, 0)) for key in keys)


def kills(folder: Path) -> int:
    for name in ("memory.events", "memory.oom_control"):
        if (folder / name).exists():
            return int(dict(line.split() for line in (folder / name).read_text().splitlines())["oom_kill"])
    raise FileNotFoundError(folder)


def resident(pid: str) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def processes(folder: Path) -> list[str]:
    return (folder / "cgroup.procs").read_text().split()


def main() -> None:
    pid = inspect("{{.State.Pid}}")
    folder = group(pid)
    limit = first_number(folder, "memory.limit_in_bytes", "memory.max")
    victim = None
    if sys.argv[1] != "hold":
        others = [one for one in processes(folder) if one != pid]
        victim = pid if sys.argv[1] == "kill-first" else max(others, key=resident)
        # The kernel prefers it to whoever has more.
        Path(f"/proc/{victim}/oom_score_adj").write_text("1000")
    before = kills(folder)
    (folder / "cgroup.procs").write_text(str(os.getpid()))
    held, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until:
        if victim is None and unreclaimable(folder) > float(sys.argv[2]) * limit:
            print(f"{unreclaimable(folder)} of {limit} bytes", flush=True)
            time.sleep(float(sys.argv[3]))
            return
        if victim is not None and (not Path(f"/proc/{victim}").exists() or kills(folder) > before):
            print(f"process {victim} was killed", flush=True)
            return
        step = STEP if unreclaimable(folder) < 0.9 * limit else SMALL_STEP
        held.append(bytearray(os.urandom(4096)) * (step // 4096))
    sys.exit(f"after {SECONDS} s {unreclaimable(folder)} of {limit} bytes, {kills(folder)} kills")


if __name__ == "__main__":
    main()
