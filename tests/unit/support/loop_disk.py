"""A real file system in a file, so that a test can change what lies below it."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = 64 * 1024 * 1024
# The gates run as root, so there it runs; a container without loop devices leaves it out.
needs_loop = pytest.mark.skipif(  # only root mounts, and only with loop devices; the gates have both
    os.geteuid() != 0 or not os.path.exists("/dev/loop-control"), reason="only root mounts, and only with loop devices"
)


@dataclass(frozen=True)
class LoopDisk:
    """Where it is mounted, and the file that holds it."""

    folder: Path
    image: Path

    def flip(self, content: bytes) -> None:
        """Change one bit of where this content lies on the disk; no cache above notices."""
        raw = self.image.read_bytes()
        assert raw.count(content) == 1, "flushed, and no other file is the same"
        at = raw.index(content)
        with self.image.open("r+b") as file:
            file.seek(at)
            file.write(bytes([content[0] ^ 1]))

    def fail(self) -> None:
        """What was not flushed is gone, as on a disk without power; nothing can be written any more."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        # EXT4_IOC_SHUTDOWN, without flushing the log.
        fcntl.ioctl(descriptor, 0x8004587D, struct.pack("I", 2))
        os.close(descriptor)

    def mount(self, *options: str) -> None:
        """Mount it anew, as after a boot."""
        subprocess.run(["umount", self.folder], check=True)
        subprocess.run(["mount", "-o", ",".join(("loop", *options)), self.image, self.folder], check=True)


@pytest.fixture
def loop_disk(tmp_path: Path) -> Iterator[LoopDisk]:
    """An ext4, mounted; gone with the test."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield LoopDisk(folder, image)
    finally:
        subprocess.run(["umount", folder], check=True)
