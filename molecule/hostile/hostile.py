#!/usr/bin/python3
"""Plants what a hostile container could plant, and tells what became of what lies outside.

Usage: hostile.py outside | plant WHAT PROJECT | back | check   Each prints one JSON object.
"""

import ctypes
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

OUTSIDE = Path("/srv/outside")
# Where is noted what was there before, and which writers woke.
NOTES = Path("/run/hostile")
ZERO = os.makedev(1, 5)
NOBODY = 65534
# A name that a prune takes, and that no model uses.
STRAY = "sha256-" + "a" * 64
HUGE = "sha256-" + "c" * 64
SECRET = "run/secrets/letter"


def outside():
    """Files that nobody is to read, write, chmod or remove: old, closed, and with names that a prune looks for."""
    NOTES.mkdir(exist_ok=True)
    for folder in (OUTSIDE, OUTSIDE / "models", OUTSIDE / "models/blobs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("precious", STRAY, f"{STRAY}-partial", "lock", "stale"):
            (folder / name).write_text("mine")
    for path in sorted(OUTSIDE.rglob("*"), reverse=True):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.utime(path, (1, 1))
    (NOTES / "outside.json").write_text(json.dumps(fingerprint()))
    return {}


def fingerprint():
    """All that can be done to a file shows in it; the times of 1970 make any read show as well."""
    seen = {str(path): path.lstat() for path in [OUTSIDE, *sorted(OUTSIDE.rglob("*"))]}
    return {
        path: [one.st_mode, one.st_uid, one.st_size, one.st_mtime_ns, one.st_ctime_ns]
        + ([one.st_atime_ns] if stat.S_ISREG(one.st_mode) else [])
        for path, one in seen.items()
    }


def docker(*words):
    return subprocess.run(["docker", *words], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def put(path, make):
    """Out of the way what is there, kept for `back`; then make."""
    kept = ""
    if os.path.lexists(path):
        kept = f"{path}.kept"
        os.rename(path, kept)
    with (NOTES / "planted").open("a") as notes:
        notes.write(json.dumps([str(path), kept, None]) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    return str(path)


def give_away(path):
    """To another user, until `back`."""
    with (NOTES / "planted").open("a") as notes:
        notes.write(json.dumps([str(path), "", os.lstat(path).st_uid]) + "\n")
    os.chown(path, NOBODY, -1)
    return str(path)


def link(target):
    return lambda path: path.symlink_to(target)


def pipe(path):
    os.mkfifo(path)
    wait_at(path)


def wait_at(path):
    """A writer at the other end: the moment somebody opens the pipe to read, it wakes and says so."""
    said = NOTES / f"woken-{path.name}-{len(list(NOTES.iterdir()))}"
    script = f"exec 3>'{path}'; echo '{path}' >'{said}'"
    subprocess.Popen(
        ["sh", "-c", script],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def device(path):
    os.mknod(path, stat.S_IFCHR | 0o666, ZERO)


def huge(path):
    path.touch()
    os.truncate(path, 1 << 42)
    os.utime(path, (1, 1))


def old(path):
    path.write_text("somebody's")
    os.utime(path, (1, 1))


def plant(what, project):
    volume = Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{project}_ollama-models"))
    blobs, manifests, own = volume / "models/blobs", volume / "models/manifests", volume / ".archiv"
    library = manifests / "registry.ollama.ai/library"
    plants = {
        # Beside the model, where it harms nobody: told, and left alone.
        "strays": lambda: [
            put(blobs / "pipe", pipe),
            put(blobs / STRAY, link(OUTSIDE / "precious")),
            put(blobs / ("sha256-" + "b" * 64), device),
            put(library / "evil", link(OUTSIDE)),
            put(own / "letter", link(OUTSIDE / "precious")),
            put(own / "partials" / STRAY, link(OUTSIDE / "precious")),
            put(own / "stale", link(OUTSIDE / "stale")),
            put(blobs / "notes.txt", old),
            put(blobs / HUGE, huge),
        ],
        # What could be manifests. A server that runs would open them itself, and hang.
        "manifests": lambda: [
            put(manifests / "evil.example/a/b/pipe", pipe),
            put(manifests / "evil.example/a/b/huge", huge),
        ],
        # In the place of folders and of the lock.
        "folders": lambda: [
            put(blobs, link(OUTSIDE)),
            put(own / "partials", link(OUTSIDE)),
            put(own / "lock", pipe),
            put(volume / "models/metadata", link(OUTSIDE)),
        ],
        "ways": lambda: [put(manifests, link(OUTSIDE)), put(own, link(OUTSIDE))],
        "models": lambda: [put(volume / "models", link(OUTSIDE / "models"))],
        "owners": lambda: [give_away(blobs), give_away(own)],
        "secret": lambda: [in_place_of_the_secret(project)],
    }
    return {"planted": plants[what](), "volume": str(volume)}


def in_place_of_the_secret(project):
    """From within the backend: its secret unmounted, and a pipe put there, as a container with that right could."""
    pid = int(docker("inspect", "--format", "{{.State.Pid}}", f"{project}-backend-1"))
    libc = ctypes.CDLL(None, use_errno=True)
    child = os.fork()
    if child == 0:
        os.setns(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY), os.CLONE_NEWNS)
        if libc.umount2(f"/{SECRET}".encode(), 2) != 0:
            os._exit(ctypes.get_errno())
        os.unlink(f"/{SECRET}")
        os.mkfifo(f"/{SECRET}")
        os._exit(0)
    failed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if failed:
        raise OSError(failed, os.strerror(failed), SECRET)
    wait_at(Path(f"/proc/{pid}/root/{SECRET}"))
    return f"/proc/{pid}/root/{SECRET}"


def back():
    """As it was before the last plants; what somebody has removed meanwhile is no matter."""
    notes = NOTES / "planted"
    for line in reversed(notes.read_text().splitlines() if notes.exists() else []):
        path, kept, owner = json.loads(line)
        if owner is not None:
            os.chown(path, owner, -1)
            continue
        if os.path.lexists(path):
            os.unlink(path)
        if kept:
            os.rename(kept, path)
    notes.unlink(missing_ok=True)
    return {}


def check():
    before, now = json.loads((NOTES / "outside.json").read_text()), fingerprint()
    touched = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    return {"touched": touched, "woken": sorted(path.read_text().strip() for path in NOTES.glob("woken-*"))}


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    print(json.dumps({"outside": outside, "plant": plant, "back": back, "check": check}[command](*arguments)))
