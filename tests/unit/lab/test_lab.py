"""What the lab decides before it touches anything."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError
from docker.models.containers import Container

from tests.lab import containers, engine, hosts, network, passwords, tls
from tests.lab.machine import ENGINE_ROOTS
from tests.lab.settings import HOST_IMAGES, IMAGE_VARIABLE, MIN_FREE_GB, NETWORK, LabError, host_image

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n'


@pytest.mark.parametrize(
    ("uid", "docker_host", "os_release", "said"),
    [
        pytest.param(1000, None, DEBIAN, "not root", id="not-root"),
        pytest.param(0, None, "ID=fedora\n", "not Debian", id="not-debian"),
        pytest.param(
            0,
            "tcp://127.0.0.1:1",
            DEBIAN,
            "DOCKER_HOST=tcp://127.0.0.1:1",
            id="another-engine-named",
        ),
    ],
)
def test_engine_that_we_may_not_start_is_refused_in_one_sentence(
    uid: int, docker_host: str | None, os_release: str, said: str
) -> None:
    refusal = engine.why_not_start(uid, docker_host, os_release)
    assert refusal is not None
    assert said in refusal
    assert "\n" not in refusal


def test_engine_is_started_as_root_on_debian() -> None:
    assert engine.why_not_start(0, None, DEBIAN) is None


def test_disk_just_large_enough_passes_and_one_byte_less_is_refused() -> None:
    enough = MIN_FREE_GB * 10**9
    assert engine.why_disk_too_small("/var/lib/docker", enough) is None
    refusal = engine.why_disk_too_small("/var/lib/docker", enough - 1)
    assert refusal is not None
    assert "/var/lib/docker" in refusal


def test_candidate_subnets_are_distinct_and_stay_in_their_range() -> None:
    subnets = [ipaddress.ip_network(each) for each in network.candidate_subnets("any clone")]
    assert len(set(subnets)) == network.CANDIDATES
    assert all(subnet.subnet_of(ipaddress.ip_network("10.64.0.0/10")) for subnet in subnets)  # type: ignore[arg-type]


def test_candidate_subnets_differ_between_clones() -> None:
    assert network.candidate_subnets("one clone") != network.candidate_subnets("another clone")


def test_spec_changes_with_a_file_that_the_container_gets() -> None:
    described = ["10.64.0.2", {"image": "x"}]
    before = containers.spec_of(described, [("/etc/lab/key", b"old", 0o600)])
    assert containers.spec_of(described, [("/etc/lab/key", b"old", 0o600)]) == before
    assert containers.spec_of(described, [("/etc/lab/key", b"new", 0o600)]) != before
    assert containers.spec_of(described, [("/etc/lab/key", b"old", 0o644)]) != before


def test_hosts_are_of_todays_docker_unless_another_image_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(IMAGE_VARIABLE, raising=False)
    assert host_image() == "today"
    monkeypatch.setenv(IMAGE_VARIABLE, "host")
    assert host_image() == "host"
    monkeypatch.setenv(IMAGE_VARIABLE, "podman")
    with pytest.raises(LabError, match=f"{IMAGE_VARIABLE}=podman names no image of the lab's hosts"):
        host_image()


def test_volumes_of_two_host_images_and_of_two_hosts_differ() -> None:
    combinations = [(host, image, kind) for host in ("a", "a-b") for image in HOST_IMAGES for kind in ENGINE_ROOTS]
    assert len({hosts.volume_name(*each) for each in combinations}) == len(combinations)


class DyingContainer:
    """Refuses to be removed as often as it has words for it."""

    id = "28aab1af"

    def __init__(self, *refusals: str) -> None:
        self.refusals = list(refusals)

    def remove(self, **_: bool) -> None:
        if self.refusals:
            raise APIError("500 Server Error", explanation=self.refusals.pop(0))


def test_what_is_paused_in_a_host_is_thawed_so_that_it_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "FREEZER", tmp_path)
    inner, other = (tmp_path / "docker" / name for name in ("28aab1af/docker/8333", "another/docker/8333"))
    for folder in (inner, other):
        folder.mkdir(parents=True)
        (folder / "freezer.state").write_text("FROZEN")
    frozen = DyingContainer(
        "Could not kill running container: tried to kill container, but did not receive an exit event"
    )
    containers.remove(cast(Container, frozen))
    assert not frozen.refusals
    assert [(folder / "freezer.state").read_text() for folder in (inner, other)] == ["THAWED", "FROZEN"]


def test_container_that_may_not_be_removed_is_an_error_at_once() -> None:
    forbidden = DyingContainer("permission denied", "permission denied")
    with pytest.raises(APIError, match="permission denied"):
        containers.remove(cast(Container, forbidden))
    assert len(forbidden.refusals) == 1


def test_password_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "passwords" / "sudo"
    first = passwords.ensure(file)
    assert (len(first), passwords.ensure(file), file.stat().st_mode & 0o777) == (24, first, 0o600)
    assert passwords.ensure(tmp_path / "passwords" / "other") != first


def test_hosts_that_start_together_get_the_same_password(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            file = tmp_path / str(number) / "sudo"
            assert len(set(pool.map(passwords.ensure, [file] * 8))) == 1
            assert [one.name for one in file.parent.iterdir()] == ["sudo"]


def test_certificate_is_made_again_when_the_registry_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CA_FILE", "CERT_FILE", "KEY_FILE"):
        monkeypatch.setattr(tls, name, tmp_path / name)
    monkeypatch.setattr(tls, "REGISTRY_NAMES", ("registry.lab",))
    tls.ensure()
    before = tls.CERT_FILE.read_bytes()
    tls.ensure()
    assert tls.CERT_FILE.read_bytes() == before
    monkeypatch.setattr(tls, "REGISTRY_NAMES", ("registry.lab", "private.lab"))
    tls.ensure()
    assert tls.names_in(tls.CERT_FILE) == ["registry.lab", "private.lab"]
    assert tls.KEY_FILE.stat().st_mode & 0o777 == 0o600


def test_network_of_a_test_is_not_taken_for_the_labs() -> None:
    theirs, ours = SimpleNamespace(name="archiv-gates-0a1b2c"), SimpleNamespace(name=NETWORK)
    client: Any = SimpleNamespace(networks=SimpleNamespace(list=lambda filters: [theirs, ours]))
    assert [network.find(client)] == [ours]
    client.networks.list = lambda filters: [theirs]
    assert network.find(client) is None
