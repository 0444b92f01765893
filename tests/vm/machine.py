"""QEMU: started, asked by SSH, killed as by a power cut, and never left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.lab import hosts
from tests.lab.settings import LabError
from tests.lab.steps import say
from tests.vm.image import Image, create_overlay
from tests.vm.settings import CONSOLE, HOST, VM_DIR

CPUS = 2
MEGABYTES = 3072
# Without KVM every instruction is translated: twelve seconds of a boot become minutes.
BOOT_SECONDS = 900
SSH_SECONDS = 300
# Measured: 23 s for a login and five commands, with twenty processes that wanted the two cores.
LOGIN_SECONDS = 90
STOP_SECONDS = 30
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
KERNEL = (
    "root=/dev/vda rw nowatchdog"
    # Drawing what it waits for took systemd a fifth of the whole boot.
    " quiet systemd.show_status=error"
    # A busy machine takes longer than systemd's 90 s for what takes a second elsewhere.
    f" systemd.default_timeout_start_sec={BOOT_SECONDS} systemd.default_device_timeout_sec={BOOT_SECONDS}"
)

KVM = Path("/dev/kvm")
KVM_SECONDS = 20
# What a kernel says that got as far as looking for its disk, and was given none.
BOOTED = "Unable to mount root fs"
COMMON = ("-display", "none", "-monitor", "none", "-nodefaults", "-no-user-config")


class Machine:
    """One virtual machine on a disk of its own; the image below that disk stays clean."""

    def __init__(self, image: Image, accelerator: str, seed: bytes) -> None:
        self.image = image
        self.accelerator = accelerator
        self.disk = VM_DIR / "disk.qcow2"
        self.seed = VM_DIR / "seed.tar"
        self.ssh_port, self.web_port = free_ports(2)
        self.process: subprocess.Popen[bytes] | None = None
        create_overlay(image.disk, self.disk)
        self.seed.write_bytes(seed)

    def start(self) -> None:
        # A session of its own: Ctrl-C is for us, who then end it.
        with (VM_DIR / "qemu.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def command(self) -> list[str]:
        return [
            # QEMU dies with us, however we die; and everybody else goes first.
            *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "15"),
            *qemu(self.image, self.accelerator, KERNEL),
            *("-smp", str(CPUS), "-m", str(MEGABYTES), "-initrd", str(self.image.initrd)),
            *("-drive", f"file={self.disk},if=virtio,format=qcow2"),
            *("-drive", f"file={self.seed},if=virtio,format=raw,readonly=on"),
            *("-netdev", f"user,id=net,{forward(self.ssh_port, 22)},{forward(self.web_port, 8080)}"),
            *("-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci"),
            *("-chardev", f"file,id=console,path={CONSOLE},append=on", "-serial", "chardev:console"),
        ]

    def kill(self) -> None:
        """A power cut: what the machine had not flushed is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def remove(self) -> None:
        self.kill()
        self.disk.unlink(missing_ok=True)
        self.seed.unlink(missing_ok=True)

    def wait_ready(self, not_boot: str = "") -> str:
        """The boot id, once the machine is up and, where one is given, has another than that."""
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise LabError(f"QEMU does not run; its words are in {VM_DIR / 'qemu.log'}.")
            boot = self.try_ssh(BOOT_ID, seconds=LOGIN_SECONDS)
            if boot is None or boot == not_boot:
                time.sleep(1)
                continue
            state = self.try_ssh("systemctl is-system-running --wait || true", seconds=SSH_SECONDS)
            if state == "running":
                return boot
            if state == "degraded":
                raise LabError(
                    f"The virtual machine is degraded: {self.ssh('systemctl --failed --plain --no-legend')}."
                )
        raise LabError(
            f"The virtual machine is not up after {BOOT_SECONDS} s; {CONSOLE} shows how far it came. "
            "On a busy machine run it again when there is less to do."
        )

    def try_ssh(self, command: str, seconds: float) -> str | None:
        try:
            done = subprocess.run(self.ssh_command(command), capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def ssh(self, command: str) -> str:
        done = subprocess.run(
            self.ssh_command(command), capture_output=True, text=True, timeout=SSH_SECONDS, check=False
        )
        if done.returncode:
            raise LabError(f"`{command}` ended with {done.returncode} on {HOST}: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def ssh_command(self, command: str) -> list[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes")
        words = [word for option in (*options, "ConnectTimeout=20") for word in ("-o", option)]
        return ["ssh", *words, "-i", str(hosts.KEY_FILE), "-p", str(self.ssh_port), "root@127.0.0.1", command]


def qemu(image: Image, accelerator: str, append: str) -> list[str]:
    """The words that every start has in common."""
    fast = {"kvm": ["-accel", "kvm", "-cpu", "host"], "tcg": ["-accel", "tcg,thread=multi", "-cpu", "max"]}
    kernel = ["-kernel", str(image.kernel), "-append", f"console=ttyS0 {append}"]
    return ["qemu-system-x86_64", *COMMON, *fast[accelerator], *kernel]


def forward(port: int, inside: int) -> str:
    return f"hostfwd=tcp:127.0.0.1:{port}-:{inside}"


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def choose_accelerator(image: Image) -> str:
    """KVM where this kernel boots under it; it may be there and hang, so that is tried and not believed."""
    if not os.access(KVM, os.R_OK | os.W_OK):
        say(f"  {KVM} is not there or not ours: QEMU translates every instruction, which is slow.")
        return "tcg"
    if kvm_boots(image):
        return "kvm"
    say(f"  {KVM} is there, and a kernel does not boot under it within {KVM_SECONDS} s: QEMU translates instead.")
    return "tcg"


def kvm_boots(image: Image) -> bool:
    """Boot the kernel without a disk. It panics, says so and ends QEMU, or it does not."""
    with tempfile.TemporaryFile() as said:
        command = [*qemu(image, "kvm", "panic=-1"), "-m", "512", "-no-reboot", "-serial", "stdio"]
        probe = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        try:
            probe.wait(KVM_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        finally:
            probe.kill()
            probe.wait(STOP_SECONDS)
        said.seek(0)
        return BOOTED in said.read().decode(errors="replace")
