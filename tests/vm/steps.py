"""What is shown in the virtual machine, in this order: each a function that says what it saw, or raises LabError."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.lab.settings import LabError
from tests.plays import Started
from tests.vm import playbooks
from tests.vm.machine import BOOT_ID, Machine
from tests.vm.settings import MEMORY_LIMIT

MEGABYTE = 1 << 20
VOLUME = "$(docker volume inspect --format '{{.Mountpoint}}' archiv_ollama-models)"
METRICS = "archiv_ollama_container"
MARKED = "journalctl --boot --no-pager --output cat --unit ollama-stack-mark.service"
CLEAN = "the last shutdown was clean"
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
    return "every model intact, loaded, pinned and answering"


def limits(machine: Machine) -> str:
    # As the upgrade of any package does.
    machine.ssh("systemctl daemon-reload")
    files = ("memory.max", "memory.swap.max")
    found = machine.ssh("cat " + " ".join(f"{CGROUP_OF_OLLAMA}/{file}" for file in files)).split()
    if found != [str(bytes_of(MEMORY_LIMIT)), "0"]:
        raise LabError(f"The kernel limits Ollama to {dict(zip(files, found, strict=False))}, not to {MEMORY_LIMIT}.")
    return f"memory.max {found[0]}, memory.swap.max 0"


def bytes_of(limit: str) -> int:
    return int(limit.removesuffix("m")) * MEGABYTE


def monitor(machine: Machine) -> str:
    """The kernel's own figures against those that the timer hands to Prometheus."""
    shown = samples_of(machine.ssh("ollama-stack metrics"))
    told = {
        key: int(shown[f'{METRICS}_{key}{{service="ollama"}}'])
        for key in ("memory_unreclaimable_bytes", "memory_limit_bytes")
    }
    stat = dict(line.split() for line in machine.ssh(f"cat {CGROUP_OF_OLLAMA}/memory.stat").splitlines())
    held = sum(int(stat[key]) for key in ("anon", "shmem", "kernel"))
    if abs(told["memory_unreclaimable_bytes"] - held) > held / 20 or told["memory_limit_bytes"] != bytes_of(
        MEMORY_LIMIT
    ):
        raise LabError(f"`ollama-stack metrics` tells {told}, and memory.stat has anon + shmem + kernel = {held}.")
    return f"{told['memory_unreclaimable_bytes'] >> 20} MiB in the metrics, {held >> 20} MiB in memory.stat"


def samples_of(metrics: str) -> dict[str, float]:
    """Each sample of the text format by its name and labels."""
    pairs = [line.rsplit(" ", 1) for line in metrics.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def memory(machine: Machine) -> str:
    output = playbooks.play(playbooks.MEMORY, "memory").must_pass().output
    whole("memory")
    counted = samples_of(machine.ssh("ollama-stack metrics"))[f'{METRICS}_oom_kills_total{{service="ollama"}}']
    if counted < kills_in(output):
        raise LabError(f"The metrics count {counted:.0f} kills, memory.events counted {kills_in(output)}.")
    kills = f"{kills_in(output)} kills in memory.events, the same in our verdict, {counted:.0f} in the metrics"
    return f"{kills}; a raised limit fixes it"


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
    receipts_count(machine, valid=True)
    whole("reboot")
    return f"the receipts stay valid; boot id {before[:8]} became {after[:8]}; nothing was done by hand"


def receipts_count(machine: Machine, valid: bool) -> None:
    """Whether what was hashed before this boot still counts, as the mark of a clean shutdown told."""
    said = machine.ssh(MARKED)
    if (CLEAN in said) != valid:
        raise LabError(f"After this boot the receipts should {'' if valid else 'not '}be valid; the mark says: {said}")


def power_cut(machine: Machine, name: str, sign: str) -> str:
    """Kill QEMU while a deploy has much to do, at the moment that a look from inside shows the sign."""
    before = machine.ssh(BOOT_ID)
    machine.ssh(SPOIL)
    deploy = playbooks.start(playbooks.DEPLOY, name)
    try:
        wait_inside(machine, deploy, sign)
        machine.kill()
    finally:
        cut = deploy.end()
    if cut.recap.get("unreachable") == 0:
        raise LabError(f"The deploy was over before the cut (see {cut.log}).")
    machine.start()
    machine.wait_ready(not_boot=before)
    receipts_count(machine, valid=False)
    after = playbooks.play(playbooks.DEPLOY, f"{name}-after").must_pass().recap
    whole(name)
    return f"cut at «{cut.last_task}»; the next deploy: changed={after['changed']}"


def wait_inside(machine: Machine, deploy: Started, sign: str) -> None:
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
    Step("monitor", "`ollama-stack metrics` against the kernel's memory.stat", monitor),
    Step("limits", "the limit of memory, without swap, after a daemon-reload", limits),
    Step("memory", "scenario memory: refused below the model's size, then killed, then fixed", memory),
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
