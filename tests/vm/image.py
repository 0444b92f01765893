"""The virtual machine's disk, kernel and initial RAM disk: Debian's packages, made once for each recipe."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab import engine, images, parts
from tests.lab.settings import LabError
from tests.lab.steps import say, step
from tests.vm.settings import CACHE_DIR

SUITE = "trixie"
# Without ifupdown, which waits for minutes.
PACKAGES = (
    "ca-certificates",
    "containerd",
    "dbus",
    "docker-cli",
    "docker-compose",
    "docker.io",
    "e2fsprogs",
    "iproute2",
    "iptables",
    "kmod",
    "linux-image-cloud-amd64",
    "openssh-server",
    "procps",
    "python3",
    "python3-docker",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
)
OPTIONS = (
    "--variant=minbase",
    parts.ANY_AGE,
    f"--include={','.join(PACKAGES)}",
)
CUSTOMIZE = Path(__file__).with_name("customize.sh")
# Sparse: it takes what is written.
DISK_SIZE = "12G"
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
}


@dataclass(frozen=True)
class Image:
    """A folder that holds what QEMU boots; nothing writes to it once it is there."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def recipe() -> str:
    return images.short_hash(*(word.encode() for word in (SUITE, DISK_SIZE, *OPTIONS)), CUSTOMIZE.read_bytes())


def ensure() -> Image:
    for program, package in PROGRAMS.items():
        engine.need(program, package)
    image = Image(CACHE_DIR / f"vm-{recipe()}")
    if image.folder.is_dir():
        say("  Disk of the virtual machine: there already")
        return image
    if os.geteuid() != 0:
        raise LabError("The disk of the virtual machine holds root's files and is made by root; run this once as root.")
    CACHE_DIR.mkdir(parents=True, exist_ok=True)
    with (
        step("Disk of the virtual machine"),
        tempfile.TemporaryDirectory(dir=CACHE_DIR, prefix="unfinished-") as folder,
    ):
        build(Path(folder))
        # The name says that all of it is there.
        (Path(folder) / "image").rename(image.folder)
    return image


def build(folder: Path) -> None:
    made = Image(folder / "image")
    made.folder.mkdir()
    root = folder / "root"
    parts.mmdebstrap([*OPTIONS, f'--customize-hook=sh {CUSTOMIZE} "$1"'], root, SUITE)
    for pattern, target in (("vmlinuz-*", made.kernel), ("initrd.img-*", made.initrd)):
        shutil.copy(newest(root / "boot", pattern), target)
    parts.run(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(root), str(made.disk), DISK_SIZE])


def newest(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise LabError(f"mmdebstrap left no {pattern} in {folder.name}; its output in {parts.LOG} may say why.")
    return found[-1]


def create_overlay(base: Path, overlay: Path) -> None:
    """A fresh disk that starts as the base and leaves it clean."""
    overlay.unlink(missing_ok=True)
    parts.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(base), str(overlay)])
