"""The lab on a real Engine, from a clone of its own so that the lab in use is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.lab import today_image
from tests.lab.settings import LABEL, PREFIX, ROOT, LabError

Lab = tuple[Path, str]


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return docker.from_env()


@pytest.fixture
def clone(tmp_path: Path, client: docker.DockerClient) -> Iterator[Lab]:
    """A second checkout, whose lab has names of its own; down again afterwards."""
    checkout = tmp_path / "clone"
    for folder in ("tests", "inventory", "molecule"):
        subprocess.run(["cp", "-r", "--parents", folder, str(tmp_path)], cwd=ROOT, check=True)
    checkout.mkdir()
    for folder in ("tests", "inventory", "molecule"):
        (tmp_path / folder).rename(checkout / folder)
    prefix = subprocess.run(
        [sys.executable, "-c", "from tests.lab.settings import PREFIX; print(PREFIX)"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    yield checkout, prefix
    lab(checkout, "down")


def lab(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.lab", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def bare_image(client: docker.DockerClient) -> str:
    return next(tag for image in client.images.list() for tag in image.tags if tag.startswith("archiv-lab/bare:"))


def names(client: docker.DockerClient, label: str) -> list[str]:
    found = [str(each.name) for each in client.containers.list(all=True, filters={"label": label})]
    found += [str(each.name) for each in client.networks.list(filters={"label": label})]
    return sorted(found + [str(each.name) for each in client.volumes.list(filters={"label": label})])


def test_down_removes_what_is_ours_and_touches_nothing_else(client: docker.DockerClient, clone: Lab) -> None:
    checkout, prefix = clone
    # The next clone's things, and names that begin like ours without our label.
    labels = {LABEL: f"{prefix}0"}
    image = bare_image(client)
    container = client.containers.create(image, name=f"{prefix}-not-ours", labels=labels)
    volume = client.volumes.create(f"{prefix}-not-ours", labels=labels)
    network = client.networks.create(f"{prefix}-not-ours", labels=labels)
    try:
        up = lab(checkout, "host", "up", "passenger")
        assert up.returncode == 0, up.stderr
        assert f"{prefix}-passenger" in names(client, f"{LABEL}={prefix}")
        down = lab(checkout, "down")
        assert down.returncode == 0, down.stderr
        assert names(client, f"{LABEL}={prefix}") == []
        assert names(client, f"{LABEL}={prefix}0") == [f"{prefix}-not-ours"] * 3
    finally:
        container.remove()
        volume.remove()
        network.remove()


def test_a_name_taken_by_somebody_else_is_refused_in_one_sentence(client: docker.DockerClient, clone: Lab) -> None:
    checkout, prefix = clone
    squatter = client.containers.create(bare_image(client), name=f"{prefix}-registry")
    try:
        up = lab(checkout, "up")
        assert up.returncode == 1
        assert f"A container named {prefix}-registry exists and is not the lab's" in up.stderr
        assert "Traceback" not in up.stderr
        assert len(up.stderr.strip().splitlines()) == 1
    finally:
        squatter.remove()


def test_up_heals_after_it_was_killed_halfway(clone: Lab) -> None:
    checkout, _prefix = clone
    with subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "up"],
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as first:
        time.sleep(2.5)
        assert first.poll() is None, "the lab was up before it could be interrupted"
        os.killpg(first.pid, signal.SIGKILL)
    again = lab(checkout, "up")
    assert again.returncode == 0, again.stderr
    assert lab(checkout, "host", "up", "passenger").returncode == 0


def test_host_image_whose_engine_does_not_start_is_refused_in_one_sentence(
    client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(today_image, "SMOKE_TIMEOUT", 3)
    before = {each.id for each in client.containers.list(all=True, filters={"label": f"{LABEL}={PREFIX}"})}
    with pytest.raises(LabError, match=r"does not work with runc 1\.0 and containerd 2\.0 of Debian") as refused:
        today_image.smoke(client, bare_image(client), {"runc": "1.0", "containerd": "2.0"}, print)
    assert len(str(refused.value).splitlines()) == 1
    assert {each.id for each in client.containers.list(all=True, filters={"label": f"{LABEL}={PREFIX}"})} <= before
