"""What the lab decides before it touches anything."""

from __future__ import annotations

import ipaddress

import pytest

from tests.lab import containers, engine, network
from tests.lab.settings import MIN_FREE_GB

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
