#!/usr/bin/python3
"""What is really on this host's disk and in its Engine, found with none of the collection's own code.

Usage: truth.py PROJECT MODEL...   Prints one JSON object; molecule/shared/tasks/invariant.yml judges it.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path


def main():
    project, *models = sys.argv[1:]
    volume = Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{project}_ollama-models"))
    return {
        "bad_blobs": [bad for name in models for bad in bad_blobs(volume / "models", name)],
        "strays": strays(volume),
        "held_locks": [str(path) for path in locks(project, volume) if is_held(path)],
        "containers": containers(project),
    }


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip()


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
    return sorted(str(path) for path in [*unfinished, *partials])


def locks(project, volume):
    return [volume / ".archiv/lock", Path(f"/run/lock/{project}-deploy.lock")]


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
        "status": state["Status"],
        "health": state.get("Health", {}).get("Status"),
        "exit_code": state["ExitCode"],
        "started_at": state["StartedAt"],
        "finished_at": state["FinishedAt"],
        "restarts": container["RestartCount"],
    }


if __name__ == "__main__":
    print(json.dumps(main()))
