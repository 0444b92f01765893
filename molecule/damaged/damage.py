#!/usr/bin/python3
"""Damages one file of a model as disks, people and power cuts do. Usage: damage.py PROJECT MODEL PART KIND

Prints the path, which a message about it must name.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TYPES = {"weights": "application/vnd.ollama.image.model", "template": "application/vnd.ollama.image.template"}


def main():
    project, model, part, kind = sys.argv[1:]
    inspect = ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", f"{project}_ollama-models"]
    models_dir = Path(subprocess.run(inspect, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()) / "models"
    name, _, tag = model.partition(":")
    manifest = models_dir / "manifests/registry.ollama.ai/library" / name / tag
    digest = digest_of(json.loads(manifest.read_bytes()), part)
    path = models_dir / "blobs" / digest.replace(":", "-") if digest else manifest
    KINDS[kind](path)
    print(path)


def digest_of(described, part):
    if part == "manifest":
        return ""
    if part == "config":
        return described["config"]["digest"]
    return next(layer["digest"] for layer in described["layers"] if layer["mediaType"] == TYPES[part])


def remove(path):
    path.unlink()


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def zero(path):
    """What a power cut leaves of a file that was never flushed: its name, its size, and nothing in it."""
    size = path.stat().st_size
    empty(path)
    os.truncate(path, size)


def flip(path):
    """One bit, in the middle, with the time of before: what a disk does, and nothing but reading finds."""
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(times.st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def garble(path):
    path.write_bytes(b'{"schemaVersion": 2, "layers": [')


def make_folder(path):
    path.unlink()
    path.mkdir()


def dangle(path):
    path.unlink()
    path.symlink_to("/nowhere")


def leave_partial(path):
    """A pull by hand that was interrupted: the blob is not there, its unfinished pieces are."""
    path.rename(f"{path}-partial")
    Path(f"{path}-partial-0").write_text('{"N": 0, "Offset": 0, "Size": 100, "Completed": 50}')


KINDS = {
    "missing": remove,
    "truncated": truncate,
    "emptied": empty,
    "zeroed": zero,
    "flipped": flip,
    "garbled": garble,
    "folder": make_folder,
    "dangling": dangle,
    "partial": leave_partial,
}


if __name__ == "__main__":
    main()
