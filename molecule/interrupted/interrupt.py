"""Starts deploys of a host that needs one, and kills something in their midst or lets two of them meet.

Usage: interrupt.py HOST CONTAINER kill SEED ROUND | interrupt.py HOST CONTAINER twice
Prints one JSON object. The same seed and round wait as long and kill the same.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

VICTIMS = ("ansible", "module", "compose", "dockerd", "ollama")
# A deploy of such a host takes about this long; later there would be nothing left to kill.
LATEST_SECONDS = 12
PATIENCE_SECONDS = 30
DEPLOY_SECONDS = 240

# Something to do for every step of a deploy: the file is changed, a container gone, the weights too.
SPOIL = """
echo '# edited by hand' >> /opt/archiv/docker-compose.prod.yml
docker rm --force archiv-backend-1 archiv-ollama-1 >/dev/null
find "$(docker volume inspect --format '{{.Mountpoint}}' archiv_ollama-models)"/models/blobs -size +100k -delete
"""
KILLS = {
    # With pipelining a module is a Python that reads from its standard input.
    "module": "pkill -KILL --full --exact /usr/bin/python3",
    "compose": "pkill -KILL --full 'compose.*[ ]up'",
    "dockerd": "systemctl kill --kill-whom=main --signal=KILL docker.service",
    "ollama": "pkill -KILL '^(ollama|llama-server)$'",
}


def main() -> None:
    host, container, mode, *rest = sys.argv[1:]
    on_host(container, SPOIL)
    found = twice(host) if mode == "twice" else kill(host, container, *rest)
    print(json.dumps(found))


def kill(host: str, container: str, seed: str, number: str) -> dict[str, object]:
    order = random.Random(seed).sample(VICTIMS, len(VICTIMS))
    victim = order[int(number) % len(order)]
    delay = random.Random(f"{seed}/{number}").uniform(0.5, LATEST_SECONDS)
    deploy = start(host)
    time.sleep(delay)
    hit = strike(victim, container, deploy)
    output, _ = deploy.communicate(timeout=DEPLOY_SECONDS)
    return {"victim": victim, "delay": delay, "hit": hit, "rc": deploy.returncode, "said": output[-600:]}


def strike(victim: str, container: str, deploy: subprocess.Popen[str]) -> bool:
    """Whether the victim was there to be killed before the deploy was over."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while deploy.poll() is None and time.monotonic() < deadline:
        if victim == "ansible":
            os.killpg(deploy.pid, signal.SIGKILL)
            return True
        if on_host(container, KILLS[victim]) == 0:
            return True
        time.sleep(0.1)
    return False


def twice(host: str) -> dict[str, object]:
    both = [start(host), start(host)]
    outputs = [each.communicate(timeout=DEPLOY_SECONDS)[0] for each in both]
    return {"rcs": [each.returncode for each in both], "said": [output[-1500:] for output in outputs]}


def start(host: str) -> subprocess.Popen[str]:
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [playbook, "-i", "molecule/inventory", "-l", host, "playbooks/deploy.yml"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def on_host(container: str, script: str) -> int:
    return subprocess.run(["docker", "exec", container, "sh", "-c", script], stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    main()
