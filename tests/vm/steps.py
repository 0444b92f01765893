"""What is shown in the virtual machine, in this order: each a function that says what it saw, or raises LabError."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.lab.settings import LabError
from tests.vm import playbooks
from tests.vm.machine import BOOT_ID, Machine
from tests.vm.settings import MEMORY_LIMIT

MEGABYTE = 1 << 20
VOLUME = "$(docker volume inspect --format '{{.Mountpoint}}' archiv_ollama-models)"
CGROUP_OF_OLLAMA = "/proc/$(docker inspect --format '{{.State.Pid}}' archiv-ollama-1)/root/sys/fs/cgroup"

# Gives every part of a deploy something to do: the file is changed, containers are gone, the weights too.
SPOIL = f"""
echo '# edited by hand' >> /opt/archiv/docker-compose.prod.yml
docker rm --force archiv-backend-1 archiv-ollama-1 >/dev/null
find {VOLUME}/models/blobs -size +100k -delete
"""
# A quarter of the model is there.
FETCHES = f'[ "$(du -sk {VOLUME}/.archiv/partials | cut -f1)" -gt 16000 ]'
STARTS = "pgrep -f 'compose.*[ ]up' >/dev/null"


@dataclass(frozen=True)
class Step:
    """One thing to show, and how."""

    name: str
    what: str
    show: Callable[[Machine], str]


def boot(machine: Machine) -> str:
    boot_id = machine.wait_ready()
    kernel = machine.ssh("uname -r")
    return f"Linux {kernel}, boot id {boot_id}"


def control_groups(machine: Machine) -> str:
    filesystem = machine.ssh("stat --file-system --format %T /sys/fs/cgroup")
    engine = machine.ssh("docker info --format '{{.CgroupVersion}} {{.CgroupDriver}}'")
    if (filesystem, engine) != ("cgroup2fs", "2 systemd"):
        raise LabError(f"/sys/fs/cgroup is {filesystem}, and the Engine uses control groups {engine}.")
    return "cgroup2fs, driver systemd"


def first_deploy(machine: Machine) -> str:
    recap = playbooks.play(playbooks.DEPLOY, "first").must_pass().recap
    if not recap["changed"]:
        raise LabError("The first deploy changed nothing.")
    return f"changed={recap['changed']}"


def second_deploy(machine: Machine) -> str:
    playbooks.play(playbooks.DEPLOY, "second").must_change_nothing()
    return "changed=0"


def verify(machine: Machine) -> str:
    playbooks.play(playbooks.VERIFY, "verify").must_change_nothing()
    return "every model whole, loaded, pinned and answering"


def limits(machine: Machine) -> str:
    files = ("memory.max", "memory.swap.max")
    found = machine.ssh("cat " + " ".join(f"{CGROUP_OF_OLLAMA}/{file}" for file in files)).split()
    if found != [str(bytes_of(MEMORY_LIMIT)), "0"]:
        raise LabError(f"The kernel limits Ollama to {dict(zip(files, found, strict=False))}, not to {MEMORY_LIMIT}.")
    return f"memory.max {found[0]}, memory.swap.max 0"


def bytes_of(limit: str) -> int:
    return int(limit.removesuffix("m")) * MEGABYTE


def memory(machine: Machine) -> str:
    output = playbooks.play(playbooks.MEMORY, "memory").must_pass().output
    whole("memory")
    return f"{kills_in(output)} kills in memory.events, the same in our verdict; a raised limit heals"


def kills_in(output: str) -> int:
    found = re.search(r'"oom_kills": (\d+)', output)
    if found is None:
        raise LabError("The play passed and told no number of kills.")
    return int(found[1])


def reboot(machine: Machine) -> str:
    before = machine.ssh(BOOT_ID)
    qemu = machine.process
    # The connection may be gone before it has answered.
    machine.try_ssh("systemctl reboot", seconds=60)
    after = machine.wait_ready(not_boot=before)
    if machine.process is not qemu:
        raise LabError("QEMU was started anew: that is no reboot.")
    whole("reboot")
    return f"boot id {before[:8]} became {after[:8]}; nobody lent a hand"


def power_cut(machine: Machine, name: str, sign: str) -> str:
    """Kill QEMU while a deploy has much to do, at the moment that a look from inside shows the sign."""
    before = machine.ssh(BOOT_ID)
    machine.ssh(SPOIL)
    deploy = playbooks.Started(playbooks.DEPLOY, name)
    try:
        wait_inside(machine, deploy, sign)
        machine.kill()
    finally:
        cut = deploy.end()
    if cut.recap.get("unreachable") == 0:
        raise LabError(f"The deploy was over before the cut (see {cut.log}).")
    machine.start()
    machine.wait_ready(not_boot=before)
    healed = playbooks.play(playbooks.DEPLOY, f"{name}-healed").must_pass().recap
    whole(name)
    return f"cut at «{cut.last_task}»; the next deploy: changed={healed['changed']}"


def wait_inside(machine: Machine, deploy: playbooks.Started, sign: str) -> None:
    """Until the sign is there; a deploy that ends before shows nothing."""
    watcher = subprocess.Popen(
        machine.ssh_command(f"until {sign}; do sleep 0.2; done"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while watcher.poll() is None:
            if not deploy.runs():
                raise LabError(f"The deploy was over before the cut (see {deploy.log}).")
            time.sleep(0.1)
    finally:
        watcher.kill()
        watcher.wait()
    if watcher.returncode:
        raise LabError(f"Waiting for `{sign}` inside ended with {watcher.returncode}.")


def whole(name: str) -> None:
    """Invariant I: what is on the disk, what we say of it, a question, and a deploy that changes nothing."""
    playbooks.play(playbooks.INVARIANT, f"{name}-invariant").must_pass()
    playbooks.play(playbooks.DEPLOY, f"{name}-again").must_change_nothing()


STEPS = (
    Step("boot", "Debian 13 boots with a kernel of its own", boot),
    Step("cgroup", "control groups are version 2, and systemd keeps them for the Engine", control_groups),
    Step("deploy", "a first deploy, images and model pulled", first_deploy),
    Step("again", "a second deploy", second_deploy),
    Step("verify", "verify.yml", verify),
    Step("limits", "the limit of memory, without swap", limits),
    Step("memory", "scenario memory: refused below the model's size, then killed, then healed", memory),
    Step("reboot", "`systemctl reboot`", reboot),
    Step(
        "cut-fetch",
        "QEMU killed (SIGKILL) while a deploy fetches the model",
        partial(power_cut, name="cut-fetch", sign=FETCHES),
    ),
    Step(
        "cut-start",
        "QEMU killed (SIGKILL) while a deploy starts the services",
        partial(power_cut, name="cut-start", sign=STARTS),
    ),
)
