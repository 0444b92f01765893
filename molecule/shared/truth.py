#!/usr/bin/python3
"""What is really on this host's disk and in its Engine, found with none of the collection's own code.

Usage: truth.py PROJECT MODEL...   Prints one JSON object. It asks Ollama for no token, which would load a model.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

INIT = "ollama-model-init"
# In our containers, and in those that follow Ollama's own defaults.
MOUNTED_AT = ("/ollama-models", "/root/.ollama")


def main():
    project, *models = sys.argv[1:]
    found = containers(project)
    volume = Path(store_of(found, project))
    ollama = found.get("ollama", {"status": "absent"})
    resident, runners = resident_in(ollama), runners_in(ollama)
    return {
        "bad_blobs": [bad for name in models for bad in bad_blobs(volume / "models", name)],
        "strays": strays(volume),
        "held_locks": [str(path) for path in locks(project, volume) if is_held(path)],
        "containers": found,
        "resident": resident,
        "runners": runners,
        "missing": missing(found, resident, runners, models),
        "booted_at": booted_at(),
        "seen_at": time.time(),
    }


def missing(found, resident, runners, models):
    """What a stack lacks that came back whole: it runs, is healthy, and its models are loaded for ever."""
    lacks = [] if found else ["containers"]
    for service, container in found.items():
        if service == INIT:
            continue
        if container["status"] != "running":
            lacks.append(f"{service} is {container['status']}")
        elif container["health"] not in (None, "healthy"):
            lacks.append(f"{service} is {container['health']}")
    if found.get(INIT, {}).get("exit_code") != 0:
        lacks.append(f"{INIT} has not succeeded")
    if len(runners) != len(models):
        lacks.append(f"{len(runners)} runners are seen for {len(models)} models")
    for name in models:
        if resident.get(name) != "Forever":
            lacks.append(f"{name} is loaded {resident.get(name, 'not at all')}")
    return lacks


def store_of(found, project):
    """Where the models' volume or folder is on the host; its containers know best, if they are there."""
    if INIT in found:
        return next(mount for target, mount in found[INIT]["mounts"].items() if target in MOUNTED_AT)
    return docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{project}_ollama-models")


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip()


def docker_or_nothing(*arguments):
    """For containers that may be stopped, paused or going away under our eyes."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def resident_in(ollama):
    """The loaded models and until when, as `ollama ps` tells a person."""
    if ollama["status"] != "running":
        return {}
    lines = docker_or_nothing("exec", ollama["id"], "ollama", "ps").splitlines()
    if not lines:
        return {}
    until = lines[0].index("UNTIL")
    return {line.split()[0]: line[until:].strip() for line in lines[1:]}


def runners_in(ollama):
    """The processes that hold models: all but the server itself. A model that is loaded again gets another."""
    if ollama["status"] != "running":
        return []
    lines = docker_or_nothing("top", ollama["id"], "-eo", "pid,args").splitlines()[1:]
    return [int(line.split()[0]) for line in lines if " --model " in line or " runner " in line]


def booted_at():
    """When PID 1 started, in seconds since 1970. A container's boot_id is that of its machine and never changes."""
    ticks = int(Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19])
    machine_started = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return machine_started + ticks / os.sysconf("SC_CLK_TCK")


def bad_blobs(models_dir, name):
    """Every way in which the bytes on the disk are not the model `name` of the default registry."""
    path, _, tag = name.partition(":")
    manifest = models_dir / "manifests/registry.ollama.ai/library" / path / (tag or "latest")
    try:
        described = json.loads(manifest.read_bytes())
    except (OSError, ValueError) as error:
        return [f"{manifest}: {error}"]
    digests = [layer["digest"] for layer in [described["config"], *described["layers"]]]
    found = {digest: sha256_from_disk(models_dir / "blobs" / digest.replace(":", "-")) for digest in digests}
    return [f"{digest} holds {actual}" for digest, actual in found.items() if digest != actual]


def sha256_from_disk(path):
    try:
        with path.open("rb") as blob:
            # What the page cache says is no proof of what a power cut would leave.
            os.fsync(blob.fileno())
            os.posix_fadvise(blob.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            digest = hashlib.sha256()
            while chunk := blob.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        return str(error)
    return "sha256:" + digest.hexdigest()


def strays(volume):
    unfinished = [path for path in (volume / "models/blobs").glob("*") if len(path.name) != len("sha256-") + 64]
    partials = [path for path in (volume / ".archiv").rglob("*") if path.is_file() and path.name != "lock"]
    return sorted(str(path) for path in [*unfinished, *partials] if not is_kept(volume / ".archiv/releases", path))


def is_kept(releases, path):
    """Whether a file is a whole part of a model that an earlier release needs."""
    number, kind, *_ = (*path.relative_to(releases).parts, "") if releases in path.parents else ("", "")
    if kind == "manifests":
        return len(path.relative_to(releases).parts) == 6
    manifests = (releases / number / "manifests").rglob("*")
    named = "".join(manifest.read_text() for manifest in manifests if manifest.is_file())
    digest = path.name.replace("-", ":", 1)
    return kind == "blobs" and digest in named and sha256_from_disk(path) == digest


def locks(project, volume):
    return [volume / ".archiv/lock", Path(f"/run/archiv-ollama/{project}-deploy.lock")]


def is_held(path):
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def containers(project):
    listed = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}").split()
    inspected = json.loads(docker("inspect", *listed)) if listed else []
    return {each["Config"]["Labels"]["com.docker.compose.service"]: state_of(each) for each in inspected}


def state_of(container):
    state = container["State"]
    return {
        "id": container["Id"],
        "pid": state["Pid"],
        "status": state["Status"],
        "health": state.get("Health", {}).get("Status"),
        "exit_code": state["ExitCode"],
        "started_at": datetime.fromisoformat(state["StartedAt"]).timestamp(),
        "finished_at": datetime.fromisoformat(state["FinishedAt"]).timestamp(),
        "restarts": container["RestartCount"],
        "mounts": {mount["Destination"]: mount["Source"] for mount in container["Mounts"]},
    }


if __name__ == "__main__":
    print(json.dumps(main()))
