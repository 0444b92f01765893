"""What is shown in the virtual machine, in this order: each a function that says what it saw, or raises LabError."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.lab.settings import LabError
from tests.vm import playbooks
from tests.vm.machine import Machine
from tests.vm.settings import MEMORY_LIMIT

MEGABYTE = 1 << 20
CGROUP_OF_OLLAMA = "/proc/$(docker inspect --format '{{.State.Pid}}' archiv-ollama-1)/root/sys/fs/cgroup"

# Gives every part of a deploy something to do: the file is changed, containers are gone, the weights too.
SPOIL = """
echo '# edited by hand' >> /opt/archiv/docker-compose.prod.yml
docker rm --force archiv-backend-1 archiv-ollama-1 >/dev/null
find "$(docker volume inspect --format '{{.Mountpoint}}' archiv_ollama-models)"/models/blobs -size +100k -delete
"""


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
    before = machine.ssh("cat /proc/sys/kernel/random/boot_id")
    qemu = machine.process
    # The connection may be gone before it has answered.
    machine.try_ssh("systemctl reboot", seconds=60)
    after = machine.wait_ready(not_boot=before)
    if machine.process is not qemu:
        raise LabError("QEMU was started anew: that is no reboot.")
    whole("reboot")
    return f"boot id {before[:8]} became {after[:8]}; nobody lent a hand"


def power_cut(machine: Machine, task: str, after: float) -> str:
    name = f"cut-{task.split()[0]}"
    before = machine.ssh("cat /proc/sys/kernel/random/boot_id")
    machine.ssh(SPOIL)
    deploy = playbooks.Started(playbooks.DEPLOY, name)
    try:
        deploy.wait_for(task)
        time.sleep(after)
        if deploy.process.poll() is not None:
            raise LabError(f"The deploy was over before the cut (see {deploy.log}).")
        machine.kill()
        cut = deploy.end()
    finally:
        deploy.stop()
    if not cut.recap.get("unreachable"):
        raise LabError(f"The deploy did not lose its host (see {deploy.log}).")
    machine.start()
    machine.wait_ready(not_boot=before)
    healed = playbooks.play(playbooks.DEPLOY, f"{name}-healed").must_pass().recap
    whole(name)
    return f"cut {after:g} s into «{task}»; the next deploy: changed={healed['changed']}"


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
        "cut-models",
        "QEMU killed while a deploy fetches the model",
        partial(power_cut, task="models | Have every model in the store", after=2),
    ),
    Step(
        "cut-up",
        "QEMU killed while a deploy starts the services",
        partial(power_cut, task="up | Run docker compose up", after=5),
    ),
)
