#!/usr/bin/python3
"""What a container of ours may do beyond what it needs, as the Engine and the kernel tell it of what runs.

Usage: confined.py PROJECT   Prints a JSON list, one sentence for each. The backend and services of others are not ours.
"""

import json
import subprocess
import sys
from pathlib import Path

# Whose processes they are, in /proc. The init service hands the store's files to others, as root without a capability.
USERS = {"ollama": 10434, "ollama-warm": 10434, "ollama-model-init": 0, "gate": 99}
# It alone writes the models and reaches a registry.
INIT = "ollama-model-init"
# No host of a test is so large that a limit near to it would be one.
MANY = 1 << 40
CAPABILITIES = ("CapEff", "CapPrm", "CapBnd", "CapAmb")
CGROUPS = Path("/sys/fs/cgroup")


def main():
    found = containers(sys.argv[1])
    return [
        f"{service} {excess}" for service in USERS if service in found for excess in excesses(service, found[service])
    ]


def excesses(service, container):
    yield from of_engine(service, container)
    if container["State"]["Running"]:
        groups = groups_of(container["State"]["Pid"])
        yield from of_limits({name: limit(groups, name) for name in ("memory", "pids")}, container["HostConfig"])
        for pid in processes(groups):
            try:
                status, mounts = proc(pid, "status"), proc(pid, "mounts")
            except (FileNotFoundError, ProcessLookupError):
                continue  # a look at its health that has ended
            yield from of_process(fields(status), mounts, USERS[service])


def of_engine(service, container):
    """What the Engine was told to give it."""
    host, mounts = container["HostConfig"], container["Mounts"]
    wrong = {
        "is privileged": host["Privileged"],
        "keeps capabilities": "ALL" not in (host["CapDrop"] or []) or host["CapAdd"],
        "may gain rights": "no-new-privileges:true" not in (host["SecurityOpt"] or []),
        "has no seccomp filter": "seccomp=unconfined" in (host["SecurityOpt"] or []),
        "can write to its image": not host["ReadonlyRootfs"],
        "shares the host's processes": host["PidMode"] == "host",
        "shares the host's network": host["NetworkMode"] == "host",
        "shares the host's memory segments": host["IpcMode"] == "host",
        "has no limit of processes": not 0 < (host["PidsLimit"] or 0) < MANY,
        "has no limit of memory": not 0 < host["Memory"] < MANY,
        "may swap": host["MemorySwap"] != host["Memory"],
        "has the Engine's socket": any(mount["Source"].endswith("docker.sock") for mount in mounts),
        "can write to a mount": service != INIT and any(mount["RW"] for mount in mounts),
        "has a way out": service != INIT
        and not published(container)
        and not all(map(is_internal, networks(container))),
    }
    return [excess for excess, is_so in wrong.items() if is_so]


def of_limits(kept, host):
    """Whether the kernel keeps the limits that the Engine was told."""
    told = {"memory": host["Memory"], "pids": host["PidsLimit"]}
    return [f"has {kept[name]} as its limit of {name}, not {told[name]}" for name in told if kept[name] != told[name]]


def of_process(status, mounts, user):
    """What one of its processes may do, whatever started it."""
    options = {line.split()[1]: line.split()[3].split(",") for line in mounts.splitlines()}
    name = status["Name"]
    wrong = {
        f"runs {name} as {status['Uid']}": set(status["Uid"].split()) != {str(user)},
        f"runs {name} with capabilities": any(int(status[each], 16) for each in CAPABILITIES),
        f"runs {name}, which may gain rights": status["NoNewPrivs"] != "1",
        f"runs {name} without a seccomp filter": status["Seccomp"] != "2",
        f"runs {name} on a root that it can write to": "ro" not in options.get("/", []),
    }
    return [excess for excess, is_so in wrong.items() if is_so]


def groups_of(pid):
    """The folders of its control groups by controller; with version 2 it is one for all."""
    folders = {}
    for line in proc(pid, "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            folders[controller] = CGROUPS / controller / path.lstrip("/")
    return folders


def limit(groups, controller):
    if controller in groups:
        file = groups[controller] / {"memory": "memory.limit_in_bytes", "pids": "pids.max"}[controller]
    else:
        file = groups[""] / f"{controller}.max"
    told = file.read_text().strip()
    return int(told) if told.isdigit() else None


def processes(groups):
    return [int(pid) for pid in (groups.get("pids", groups[""]) / "cgroup.procs").read_text().split()]


def proc(pid, name):
    return Path(f"/proc/{pid}/{name}").read_text()


def fields(status):
    return dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)


def published(container):
    return any(container["HostConfig"]["PortBindings"].values())


def networks(container):
    return list(container["NetworkSettings"]["Networks"])


def is_internal(network):
    return json.loads(docker("network", "inspect", network))[0]["Internal"]


def containers(project):
    listed = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}").split()
    inspected = json.loads(docker("inspect", *listed)) if listed else []
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in inspected}


def docker(*arguments):
    return subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


if __name__ == "__main__":
    print(json.dumps(main()))
