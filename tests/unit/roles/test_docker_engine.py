"""What docker_engine would install on which host, and what it refuses, rendered from the role's own variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLE = Path(__file__).resolve().parents[3] / "roles/docker_engine"
DEBIAN_13 = ("Debian", "13", "13.1")
DEBIAN_12 = ("Debian", "12", "12.11")
UBUNTU_24 = ("Ubuntu", "24", "24.04")
VENDOR = ["containerd.io", "docker-ce", "docker-ce-cli", "docker-compose-plugin", "python3-docker"]


class Plan:
    """The role's variables on one host, in one state."""

    def __init__(self, system: tuple[str, str, str], *installed: str, **inputs: Any) -> None:
        name, major, version = system
        seen = {"stdout_lines": list(installed)}
        facts = {"distribution": name, "distribution_major_version": major, "distribution_version": version}
        variables = {**load("defaults"), **load("vars"), "ansible_facts": facts, "__docker_engine_seen": seen}
        self.templar = Templar(loader=DataLoader(), variables={**variables, "ansible_check_mode": False, **inputs})

    def __getitem__(self, name: str) -> Any:
        return self.templar.template(self.templar.available_variables[f"__docker_engine_{name}"])


def load(folder: str) -> dict[str, Any]:
    variables: dict[str, Any] = DataLoader().load_from_file(str(ROLE / folder / "main.yml"), trusted_as_template=True)
    return variables


def installed(*packages: str) -> list[str]:
    return [f"installed {package} 1:26.0" for package in packages]


@pytest.mark.parametrize(
    ("system", "source", "packages"),
    [
        (DEBIAN_13, "distribution", ["docker.io", "docker-cli", "docker-compose", "python3-docker"]),
        (("Debian", "14", "14.0"), "distribution", ["docker.io", "docker-cli", "docker-compose", "python3-docker"]),
        (DEBIAN_12, "vendor", VENDOR),
        (UBUNTU_24, "distribution", ["docker.io", "docker-compose-v2", "python3-docker"]),
        (("Ubuntu", "22", "22.04"), "distribution", ["docker.io", "docker-compose-v2", "python3-docker"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_bare_host_gets_engine_compose_and_sdk(system: tuple[str, str, str], source: str, packages: list[str]) -> None:
    plan = Plan(system)
    assert plan["supported"] is True
    assert plan["refusals"] == []
    assert plan["from"] == source
    assert plan["missing"] == packages
    assert plan["fresh"] is True


@pytest.mark.parametrize(
    "system",
    [
        ("Fedora", "41", "41"),
        ("Debian", "11", "11.9"),
        ("Debian", "n/a", "n/a"),
        ("Ubuntu", "20", "20.04"),
        ("Linux Mint", "22", "22"),
    ],
    ids="-".join,
)
def test_unknown_distribution_is_refused_in_one_sentence(system: tuple[str, str, str]) -> None:
    plan = Plan(system)
    assert plan["supported"] is False
    sentence = plan["unsupported"]
    assert f"the host runs {system[0]} {system[2]}, and" in sentence
    assert sentence.endswith("leave docker_engine_manage false.")
    assert sentence.count(". ") == 0


@pytest.mark.parametrize(
    ("system", "there"),
    [
        (DEBIAN_13, ["docker.io", "docker-cli", "docker-compose", "python3-docker"]),
        (DEBIAN_13, VENDOR),
        (DEBIAN_12, VENDOR),
        (UBUNTU_24, ["docker.io", "docker-compose-v2", "python3-docker"]),
    ],
)
def test_complete_host_is_left_alone(system: tuple[str, str, str], there: list[str]) -> None:
    plan = Plan(system, *installed(*there), "running")
    assert plan["refusals"] == []
    assert plan["missing"] == []
    assert plan["fresh"] is False


def test_installed_engine_decides_where_the_rest_comes_from() -> None:
    plan = Plan(DEBIAN_13, *installed("containerd.io", "docker-ce", "docker-ce-cli"), "running")
    assert plan["refusals"] == []
    assert plan["missing"] == ["docker-compose-plugin", "python3-docker"]
    # Nothing is fresh, so the repository is not named once more, and nothing restarts.
    assert plan["fresh"] is False


def test_removed_package_counts_as_missing() -> None:
    plan = Plan(
        DEBIAN_13, *installed("docker-cli", "docker-compose", "python3-docker"), "config-files docker.io 26.1.5"
    )
    assert plan["missing"] == ["docker.io"]


@pytest.mark.parametrize(
    ("there", "inputs", "words"),
    [
        (
            ["docker.io"],
            {"docker_engine_source": "vendor"},
            "docker.io is installed, and docker-ce from docker_engine_source vendor",
        ),
        (
            ["docker-ce"],
            {"docker_engine_source": "distribution"},
            "docker-ce is installed, and docker.io from docker_engine_source",
        ),
        (
            ["docker.io"],
            {"docker_engine_packages_files": ["/srv/docker-ce_5.deb"]},
            "docker.io is installed, and docker-ce from docker_engine_packages_files",
        ),
    ],
)
def test_running_engine_is_never_exchanged(there: list[str], inputs: dict[str, Any], words: str) -> None:
    [sentence] = Plan(DEBIAN_13, *installed(*there), "running", **inputs)["refusals"]
    assert sentence.startswith(words)
    assert "would replace it and stop every container" in sentence


def test_engine_of_unknown_origin_is_refused() -> None:
    [sentence] = Plan(UBUNTU_24, "running")["refusals"]
    assert sentence.startswith("An Engine from neither docker.io nor docker-ce")


def test_distribution_without_compose_is_refused() -> None:
    [sentence] = Plan(DEBIAN_12, docker_engine_source="distribution")["refusals"]
    assert sentence.startswith("Debian 12 has no Compose v2 of its own: add a package file")
    assert "remove docker.io" not in sentence


def test_debian_12_with_its_own_engine_is_refused() -> None:
    [sentence] = Plan(DEBIAN_12, *installed("docker.io", "python3-docker"), "running")["refusals"]
    assert "or remove docker.io yourself and set docker_engine_source to vendor" in sentence


def test_package_files_come_instead_of_any_source() -> None:
    files = ["/srv/containerd.io_1.7.27-1_amd64.deb", "/srv/docker-ce_28.0.4-1_amd64.deb"]
    plan = Plan(DEBIAN_12, docker_engine_packages_files=files)
    assert plan["refusals"] == []
    assert plan["missing"] == ["containerd.io", "docker-ce", "python3-docker"]
    assert plan["packages"] == ["python3-docker"]
    assert plan["files"] == dict(zip(["containerd.io", "docker-ce"], files, strict=True))


def test_package_file_brings_compose_beside_the_distributions_engine() -> None:
    there = [*installed("docker.io", "python3-docker"), "installed docker-compose 1.29.2-3", "running"]
    files = ["/srv/docker-compose_2.26.1-4_amd64.deb"]
    plan = Plan(DEBIAN_12, *there, docker_engine_packages_files=files)
    assert plan["refusals"] == []
    # The Python docker-compose of the same name does not count.
    assert plan["missing"] == ["docker-compose"]
    assert plan["packages"] == []


def test_package_files_without_an_engine_are_refused() -> None:
    files = ["/srv/docker-compose_2.26.1-4_amd64.deb"]
    [sentence] = Plan(DEBIAN_12, docker_engine_packages_files=files)["refusals"]
    assert "the host has none" in sentence


def test_daemon_keys_of_the_host_are_kept_unless_named() -> None:
    inputs = {"docker_engine_daemon": {"log-opts": {"max-size": "5m"}, "live-restore": True}}
    old = '{"data-root": "/srv/docker", "log-opts": {"max-file": "9"}}'
    plan = Plan(DEBIAN_13, **inputs, __docker_engine_config_read={"stdout": old})
    assert plan["config_new"] == {"data-root": "/srv/docker", "log-opts": {"max-size": "5m"}, "live-restore": True}


@pytest.mark.parametrize(
    ("there", "told", "may_restart"),
    [(["docker.io"], False, False), (["docker.io"], "true", True), ([], False, True)],
    ids=["runs", "runs-and-told", "came-just-now"],
)
def test_running_engine_restarts_only_when_told(there: list[str], told: object, may_restart: bool) -> None:
    plan = Plan(DEBIAN_13, *installed(*there), docker_engine_restart=told)
    assert plan["may_restart"] is may_restart


@pytest.mark.parametrize(
    ("check_mode", "changed", "newer", "waiting"),
    [
        (False, False, "", False),
        (False, False, "/etc/docker/daemon.json", True),
        (True, True, "", True),
        # The Engine is down: it reads the file when it starts.
        (False, True, "", False),
    ],
)
def test_restart_waits_while_the_file_is_newer(check_mode: bool, changed: bool, newer: str, waiting: bool) -> None:
    plan = Plan(
        DEBIAN_13,
        ansible_check_mode=check_mode,
        __docker_engine_newer={"stdout": newer},
        __docker_engine_written={"changed": changed},
    )
    assert plan["waiting"] is waiting


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"backup_file": "/etc/docker/daemon.json.1~"}, "The previous file was restored, and the Engine runs"),
        ({}, "daemon.json. It is stopped. Fix"),
    ],
    ids=["replaced", "first"],
)
def test_engine_that_does_not_start_is_told_with_what_became_of_it(written: dict[str, str], words: str) -> None:
    assert words in Plan(DEBIAN_13, __docker_engine_written=written)["broken"]
