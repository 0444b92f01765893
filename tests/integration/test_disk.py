"""A disk too small for the images is found before anything is touched, also where it is not that of Docker's folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.conftest import Play, Typed

STOP = "systemctl stop docker.socket docker containerd"
START = "systemctl start containerd docker.socket docker && docker info"
# A disk of its own for containerd, and a Docker folder that knows nothing of what it has lost.
SMALL = f"""
{STOP}
test -e /dev/loop-control || mknod /dev/loop-control c 10 237
for number in $(seq 0 15); do test -e /dev/loop$number || mknod /dev/loop$number b 7 $number; done
truncate --size 256M /var/lib/docker/small.img
mkfs.ext4 -q /var/lib/docker/small.img
mount -o loop /var/lib/docker/small.img /var/lib/containerd
mkdir -p /var/lib/docker/empty
mount --bind /var/lib/docker/empty /var/lib/docker
{START}
"""
BACK = f"""
{STOP}
umount /var/lib/docker /var/lib/containerd
rm -r /var/lib/docker/small.img /var/lib/docker/empty
{START}
"""


@pytest.fixture
def small_disk(typed: Typed) -> Iterator[None]:
    if "io.containerd.snapshotter" not in typed("docker info --format '{{.DriverStatus}}'"):
        pytest.skip("this host's Engine keeps its images in its own folder")
    typed(SMALL)
    yield
    typed(BACK)


def test_images_too_large_for_containerds_disk_are_refused(play: Play, typed: Typed, small_disk: None) -> None:
    assert int(typed("df --output=avail -B1 /var/lib/docker | tail -1")) > 7 * 1024**3, "only one disk shall be small"
    told = " ".join(play("deploy", code=2).split())
    assert "not enough disk space in /var/lib/containerd: 2" in told
    assert "about 7.0 GiB needed for registry.lab/archiv/backend:1.0.0, registry.lab/ollama/ollama:" in told
    assert typed("docker ps --all --quiet; docker images --quiet") == ""
