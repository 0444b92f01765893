#!/usr/bin/python3
"""What ADR-034 promises about the running containers, read from the Engine and from /proc, never from the YAML.

Only what waits for what is Compose's reading of the file: it is what the next start goes by, and a container keeps the
label of the day it was made, which 5.6.0 leaves empty where it makes one service alone.

Usage: contract.py PROJECT REGISTRY_ADDRESS   Prints a JSON list of everything that is not as promised.
"""

import json
import os
import subprocess
import sys

PROJECT, REGISTRY = sys.argv[1:]
GIB = 1 << 30
# What molecule/inventory/hosts.yml gives the backend, and who it runs as.
MOUNTED, SECRET, BACKEND = "/run/secrets/letter", "not for everybody", 10001
LOGIN = ("/opt/archiv/.archiv/docker-config", "/opt/archiv/.archiv/docker-config/config.json")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 443), 3).close()"


def main():
    containers = {name: inspect(name) for name in ("backend", "ollama", "ollama-warm", "ollama-model-init")}
    broken = []
    for promise, kept in {
        **memory(containers),
        **reachability(containers),
        **survival(containers),
        **secrecy(containers),
    }.items():
        if not kept:
            broken.append(promise)
    return broken


def memory(containers):
    ollama = containers["ollama"]["HostConfig"]
    environment = containers["ollama"]["Config"]["Env"]
    return {
        "ollama's memory limit is 8 GiB": ollama["Memory"] == 8 * GIB,
        "ollama has no swap": ollama["MemorySwap"] == ollama["Memory"],
        "ollama keeps models for ever": "OLLAMA_KEEP_ALIVE=-1" in environment,
    }


def reachability(containers):
    [internal] = json.loads(docker("network", "inspect", f"{PROJECT}_archiv-net"))
    published = {
        name: bool(container["NetworkSettings"]["Ports"].get("8080/tcp")) for name, container in containers.items()
    }
    return {
        "archiv-net is internal": internal["Internal"] is True,
        "ollama is on archiv-net alone": networks(containers["ollama"]) == [f"{PROJECT}_archiv-net"],
        "ollama-warm is on archiv-net alone": networks(containers["ollama-warm"]) == [f"{PROJECT}_archiv-net"],
        "ollama publishes no port": not any(containers["ollama"]["NetworkSettings"]["Ports"].values()),
        "the backend alone publishes its port": [name for name in published if published[name]] == ["backend"],
        # The backend's way out proves that the same attempt could succeed.
        "the backend reaches an outside address": connects(containers["backend"]),
        "ollama reaches no outside address": not connects(containers["ollama"]),
        "ollama-warm reaches no outside address": not connects(containers["ollama-warm"]),
    }


def survival(containers):
    policies = {name: each["HostConfig"]["RestartPolicy"]["Name"] for name, each in containers.items()}
    running = {"backend": "always", "ollama": "always", "ollama-warm": "always"}
    waits = {name: each.get("depends_on", {}) for name, each in composed(containers["ollama"])["services"].items()}
    return {
        "services come back after a reboot, the init does not": policies == {**running, "ollama-model-init": "no"},
        "the backend does not wait for ollama": "ollama" not in waits["backend"],
        "ollama waits for the init": waits["ollama"].get("ollama-model-init", {}).get("condition")
        == "service_completed_successfully",
    }


def secrecy(containers):
    [source] = [mount["Source"] for mount in containers["backend"]["Mounts"] if mount["Destination"] == MOUNTED]
    file, folder = os.stat(source), os.stat(os.path.dirname(source))
    read = ["exec", containers["backend"]["Id"], "cat", MOUNTED]
    return {
        "the backend reads its secret": docker(*read) == SECRET,
        "the secret is the backend's alone": (file.st_uid, file.st_mode & 0o777) == (BACKEND, 0o400),
        "the secrets' folder is root's alone": (folder.st_uid, folder.st_mode & 0o777) == (0, 0o700),
        "the registry's login is root's alone": [(each.st_uid, each.st_mode & 0o777) for each in map(os.stat, LOGIN)]
        == [(0, 0o700), (0, 0o600)],
        "no container shows the secret": SECRET not in json.dumps(containers),
    }


def networks(container):
    return sorted(container["NetworkSettings"]["Networks"])


def composed(container):
    """The file that it was made of, as Compose reads it now."""
    file = container["Config"]["Labels"]["com.docker.compose.project.config_files"]
    return json.loads(docker("compose", "--project-name", PROJECT, "--file", file, "config", "--format", "json"))


def connects(container):
    inside = ["nsenter", "--net", "--target", str(container["State"]["Pid"])]
    return subprocess.run([*inside, sys.executable, "-c", CONNECT, REGISTRY], stderr=subprocess.DEVNULL).returncode == 0


def inspect(service):
    return json.loads(docker("inspect", f"{PROJECT}-{service}-1"))[0]


def docker(*arguments):
    return subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


if __name__ == "__main__":
    print(json.dumps(main()))
