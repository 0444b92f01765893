#!/usr/bin/python3
"""What a host runs and which releases it has. Usage: on_switched_host.py PROJECT FOLDER   Prints one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NEVER = "0001-01-01"


def main() -> dict[str, Any]:
    project, directory = sys.argv[1:]
    label = f"label=com.docker.compose.project={project}"
    listed = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
    inspected = json.loads(docker("inspect", *listed)) if listed else []
    return {
        "containers": {each["Config"]["Labels"]["com.docker.compose.service"]: state_of(each) for each in inspected},
        "releases": sorted(map(release_of, Path(directory).glob("*/release.json")), key=lambda one: one["number"]),
    }


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


def state_of(container: dict[str, Any]) -> dict[str, Any]:
    state = container["State"]
    return {
        "status": state["Status"],
        "health": state.get("Health", {}).get("Status"),
        "image": container["Image"],
        "started": not state["StartedAt"].startswith(NEVER),
        "name": container["Name"],
    }


def release_of(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    images = {service: image["id"] for service, image in found["images"].items()}
    return {"number": found["number"], "state": found["state"], "images": images}


if __name__ == "__main__":
    print(json.dumps(main()))
