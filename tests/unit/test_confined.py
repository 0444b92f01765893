"""The look at what containers may do: each right beyond what is needed is one sentence, and what we deploy has none."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any

import pytest

# Molecule itself is a package of that name.
SCRIPT = Path(__file__).resolve().parents[2] / "molecule/shared/confined.py"
SPEC = importlib.util.spec_from_file_location("confined", SCRIPT)
assert SPEC and SPEC.loader
confined: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(confined)

GIB = 1 << 30
GOOD: dict[str, Any] = {
    "State": {"Running": False, "Pid": 0},
    "HostConfig": {
        "Privileged": False,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": True,
        "PidMode": "",
        "NetworkMode": "archiv_archiv-net",
        "IpcMode": "private",
        "PidsLimit": 4096,
        "Memory": GIB,
        "MemorySwap": GIB,
        "PortBindings": {},
    },
    "Mounts": [{"Source": "/store", "RW": False}],
    "NetworkSettings": {"Networks": {"archiv_archiv-net": {}}},
}
MOUNTS = "overlay / overlay ro,relatime 0 0\ntmpfs /tmp tmpfs rw 0 0\n"
STATUS = {
    "Name": "ollama",
    "Uid": "10434\t10434\t10434\t10434",
    **dict.fromkeys(("CapEff", "CapPrm", "CapBnd", "CapAmb"), "0000000000000000"),
    "NoNewPrivs": "1",
    "Seccomp": "2",
}


@pytest.fixture(autouse=True)
def one_internal_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "is_internal", lambda network: network == "archiv_archiv-net")


def test_what_is_deployed_has_nothing_beyond() -> None:
    assert [*confined.excesses("ollama", GOOD)] == []
    assert confined.of_process(STATUS, MOUNTS, 10434) == []
    assert confined.of_limits({"memory": GIB, "pids": 4096}, GOOD["HostConfig"]) == []


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("Privileged", True, "is privileged"),
        ("CapDrop", None, "keeps capabilities"),
        ("CapAdd", ["CAP_CHOWN"], "keeps capabilities"),
        ("SecurityOpt", ["no-new-privileges:true", "seccomp=unconfined"], "has no seccomp filter"),
        ("SecurityOpt", None, "may gain rights"),
        ("ReadonlyRootfs", False, "can write to its image"),
        ("PidMode", "host", "shares the host's processes"),
        ("NetworkMode", "host", "shares the host's network"),
        ("IpcMode", "host", "shares the host's memory segments"),
        ("PidsLimit", None, "has no limit of processes"),
        ("PidsLimit", -1, "has no limit of processes"),
        ("MemorySwap", -1, "may swap"),
    ],
)
def test_each_option_that_gives_more_is_told(option: str, value: Any, says: str) -> None:
    changed = copy.deepcopy(GOOD)
    changed["HostConfig"][option] = value
    assert confined.of_engine("ollama", changed) == [says]


def test_a_mount_that_can_be_written_is_the_init_services_alone() -> None:
    changed = {**GOOD, "Mounts": [{"Source": "/store", "RW": True}]}
    assert confined.of_engine("ollama", changed) == ["can write to a mount"]
    assert confined.of_engine("ollama-model-init", changed) == []
    socket = {**GOOD, "Mounts": [{"Source": "/run/docker.sock", "RW": False}]}
    assert confined.of_engine("ollama-model-init", socket) == ["has the Engine's socket"]


def test_a_way_out_is_for_the_init_service_and_for_who_publishes_a_port() -> None:
    outside = {**GOOD, "NetworkSettings": {"Networks": {"archiv_archiv-net": {}, "archiv_egress": {}}}}
    assert confined.of_engine("ollama", outside) == ["has a way out"]
    assert confined.of_engine("ollama-model-init", outside) == []
    open_to_peers = {**outside, "HostConfig": {**GOOD["HostConfig"], "PortBindings": {"11435/tcp": [{}]}}}
    assert confined.of_engine("gate", open_to_peers) == []


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("Uid", "10434\t0\t10434\t10434", "runs ollama as 10434\t0\t10434\t10434"),
        ("CapEff", "0000000000000001", "runs ollama with capabilities"),
        ("CapBnd", "00000000a80425fb", "runs ollama with capabilities"),
        ("NoNewPrivs", "0", "runs ollama, which may gain rights"),
        ("Seccomp", "0", "runs ollama without a seccomp filter"),
    ],
)
def test_each_right_of_a_process_is_told(field: str, value: str, says: str) -> None:
    assert confined.of_process({**STATUS, field: value}, MOUNTS, 10434) == [says]


def test_a_root_that_can_be_written_is_told() -> None:
    writable = MOUNTS.replace("ro,", "rw,")
    assert confined.of_process(STATUS, writable, 10434) == ["runs ollama on a root that it can write to"]


def test_a_limit_that_the_kernel_does_not_keep_is_told() -> None:
    told = confined.of_limits({"memory": None, "pids": 100}, GOOD["HostConfig"])
    assert told == [f"has None as its limit of memory, not {GIB}", "has 100 as its limit of pids, not 4096"]
