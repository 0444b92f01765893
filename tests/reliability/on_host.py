"""What the sweep has done on a lab's host; runs there. Usage: on_host.py COMMAND JSON   Prints one JSON value.

It stands beside molecule's `truth.py`, so that what it says of bytes comes from none of the collection's own code.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Molecule's truth.py, beside us on the host only.
truth: Any = importlib.import_module("truth")

DISK = Path("/power")
VOLUME = DISK / "store"
MODELS = VOLUME / "models"
FILLER = DISK / "filler"
INODES = DISK / "inodes"
UNFLUSHED = DISK / "unflushed"
RECEIPTS = {"on the disk": DISK / "receipts", "elsewhere": Path("/var/lib/archiv-ollama/receipts")}
HERE = Path(__file__).parent
SWITCH = ["sh", str(HERE / "lab-disk")]
MODULES = HERE / "ansible_collections/archiv/ollama/plugins/modules"
RESULT = ("changed", "download_bytes", "kind", "models", "msg", "warnings")
IMAGE = "registry.lab/ollama/ollama:0.34.2"
SERVER = "sweep-ollama"
IN_SERVER = ["docker", "exec", SERVER, "ollama"]
CA = "/usr/local/share/ca-certificates/lab.crt"
POLL_SECONDS = 0.001
PATIENCE_SECONDS = 60


def main() -> None:
    command, given = sys.argv[1:]
    commands: dict[str, Callable[..., Any]] = {
        each.__name__: each
        for each in (boot, wipe, look, module, pull, serve, ollama_says, fill, make_room, cut, zero, age)
    }
    print(json.dumps(commands[command](**json.loads(given))))


# The disk.


def boot() -> bool:
    """Attach the disk, as a boot would; whether a file that nobody flushed is there."""
    if not os.path.ismount(DISK):
        subprocess.run([*SWITCH, "attach"], check=True)
    return UNFLUSHED.exists()


def wipe() -> None:
    """An empty disk, and nobody who holds on to it."""
    subprocess.run(["docker", "rm", "--force", SERVER], capture_output=True, check=True)
    for path in (*DISK.iterdir(), RECEIPTS["elsewhere"]):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    subprocess.run(["sync", "-f", DISK], check=True)


def cut() -> None:
    """All that was not synced is lost from here on."""
    UNFLUSHED.write_text("lost")
    subprocess.run([*SWITCH, "fail"], check=True)


def fill(leave: int = 0, inodes: bool = False) -> None:
    """Leave so many bytes free, or no inode."""
    if inodes:
        INODES.mkdir()
        for number in range(os.statvfs(DISK).f_ffree):
            (INODES / str(number)).touch()
        return
    room = os.statvfs(DISK)
    take, taken = room.f_bavail * room.f_frsize - leave, 0
    with FILLER.open("wb") as file:
        while take >= room.f_frsize:
            try:
                os.posix_fallocate(file.fileno(), taken, take)
                taken += take
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            if leave:
                return
            # A download that goes on takes of it at the same time.
            take //= 2


def age() -> None:
    """Make every blob an old one: what no model uses is pruned only then."""
    for blob in MODELS.glob("blobs/*"):
        os.utime(blob, (0, 0))


def make_room() -> None:
    FILLER.unlink(missing_ok=True)
    shutil.rmtree(INODES, ignore_errors=True)


# Who installs.


def module(
    name: str, arguments: dict[str, Any], receipts: str, trigger: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run one of the collection's modules, and do to it or to the disk what the trigger says."""
    own = {"store": str(MODELS), "receipts_dir": str(RECEIPTS[receipts])}
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {**own, **arguments}})
    process = subprocess.Popen(
        [sys.executable, MODULES / f"{name}.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE)},
    )
    assert process.stdin is not None
    process.stdin.write(given)
    process.stdin.close()
    process.stdin = None
    return watched(process, trigger)


def pull(name: str, trigger: dict[str, Any] | None = None) -> dict[str, Any]:
    process = subprocess.Popen([*IN_SERVER, "pull", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return watched(process, trigger)


def watched(process: subprocess.Popen[str], trigger: dict[str, Any] | None) -> dict[str, Any]:
    """What became of the process; `hit` when it still ran as the trigger was pulled, `seconds` from its lock on."""
    hit, locked = wait_for(process, trigger) if trigger else (False, 0.0)
    if hit and trigger:
        if trigger["then"] == "fill":
            fill()
        if trigger["then"] == "cut":
            cut()
        if trigger["then"] in ("cut", "kill"):
            process.kill()
    seconds = time.monotonic() - locked
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return {"rc": process.returncode, "hit": hit, "seconds": seconds, "result": result_of(output)}


def wait_for(process: subprocess.Popen[str], trigger: dict[str, Any]) -> tuple[bool, float]:
    """Until so many bytes of a blob are there, or the process has held its lock for so many seconds.

    Whether that came before the process ended, and when it took the lock.
    """
    locked = 0.0
    while process.poll() is None:
        if not locked and signed(process.pid):
            locked = time.monotonic()
        if locked and time.monotonic() - locked >= trigger.get("seconds", PATIENCE_SECONDS):
            return True, locked
        if "bytes" in trigger and unfinished(trigger["digest"]) >= trigger["bytes"]:
            return True, locked
        time.sleep(POLL_SECONDS)
    return False, locked


def signed(pid: int) -> bool:
    """Whether the store's lock is this process's; to try the lock would disturb who comes for it."""
    try:
        return f"process {pid} " in (VOLUME / ".archiv/lock").read_text()
    except OSError:
        return False


def unfinished(digest: str) -> int:
    """How much of a blob is there under the name our install or Ollama's gives it until it is whole."""
    name = digest.replace(":", "-")
    for path in (VOLUME / ".archiv/partials" / name, MODELS / "blobs" / f"{name}-partial"):
        try:
            return path.stat().st_blocks * 512
        except OSError:
            continue
    return 0


def result_of(output: str) -> dict[str, Any]:
    """A module's result, or the last words of anything else."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            result = json.loads(line)
            return {key: result[key] for key in RESULT if key in result}
    return {"msg": output[-300:]}


def serve() -> None:
    """An Ollama over the store, as its image comes."""
    MODELS.mkdir(parents=True, exist_ok=True)
    options = ["--network=host", f"--volume={VOLUME}:/root/.ollama", f"--volume={CA}:/ca.pem:ro"]
    settings = ["--env=SSL_CERT_FILE=/ca.pem", "--env=OLLAMA_HOST=127.0.0.1:11434"]
    subprocess.run(["docker", "rm", "--force", SERVER], capture_output=True, check=True)
    subprocess.run(
        ["docker", "run", "--detach", f"--name={SERVER}", *options, *settings, IMAGE], capture_output=True, check=True
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while subprocess.run([*IN_SERVER, "list"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Ollama in {SERVER} does not answer after {PATIENCE_SECONDS} s; see its log")
        time.sleep(0.1)


def ollama_says(name: str) -> dict[str, bool]:
    """Whether Ollama claims to have the model, in the two ways a person asks it."""
    listed = subprocess.run([*IN_SERVER, "list"], capture_output=True, text=True, check=True).stdout
    return {
        "list": any(line.split()[0] == name for line in listed.splitlines()[1:]),
        "show": subprocess.run([*IN_SERVER, "show", name], capture_output=True).returncode == 0,
    }


# What is there.


def zero(digest: str) -> None:
    """Damage a blob as a power cut does: right name, right size, no content."""
    path = MODELS / "blobs" / digest.replace(":", "-")
    size = path.stat().st_size
    with path.open("r+b") as blob:
        blob.truncate(0)
        blob.truncate(size)


def look(model: dict[str, Any]) -> dict[str, Any]:
    """Each file of a model: right, wrong or missing; and what lies about."""
    files = {digest: MODELS / "blobs" / digest.replace(":", "-") for digest in model["blobs"]}
    files[model["digest"]] = MODELS / "manifests/registry.ollama.ai/library" / model["name"].replace(":", "/")
    found = {
        digest: "missing"
        if not os.path.lexists(path)
        else "right"
        if truth.sha256_from_disk(path) == digest
        else "wrong"
        for digest, path in files.items()
    }
    return {
        "manifest": found.pop(model["digest"]),
        "blobs": found,
        "strays": truth.strays(VOLUME),
        "held_locks": [str(path) for path in truth.locks("archiv", VOLUME) if truth.is_held(path)],
    }


if __name__ == "__main__":
    main()
