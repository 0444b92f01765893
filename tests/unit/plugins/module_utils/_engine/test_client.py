"""The Engine's answers become plain data, its absence a sentence."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import (
    Engine,
    EngineError,
    plain_container,
    plain_volume,
)
from tests.unit.support.fake_engine import FakeEngine, recorded, serve_engine


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    """An Engine that replays 26.1.5."""
    with serve_engine(tmp_path) as engine:
        yield engine


def test_containers_are_found_by_compose_labels(fake: FakeEngine) -> None:
    engine = Engine(fake.host)
    (container,) = engine.containers("archiv", "ollama")
    engine.close()
    assert json.loads(fake.asked[0]) == {
        "label": [
            "com.docker.compose.project=archiv",
            "com.docker.compose.oneoff=False",
            "com.docker.compose.service=ollama",
        ]
    }
    assert (container.name, container.service) == ("archiv-ollama-1", "ollama")
    assert (container.state, container.health, container.restarts) == ("running", "healthy", 0)
    assert container.memory == 8 * 1024**3
    assert list(container.addresses) == ["archiv_archiv-net"]
    assert not container.gpu_declared


def test_container_that_goes_while_looking_is_left_out(fake: FakeEngine) -> None:
    fake.inspect = None
    assert Engine(fake.host).containers("archiv") == []


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"State": {"Status": "exited", "ExitCode": 137, "OOMKilled": True}}, "oom_killed", True),
        ({"State": {"Status": "exited", "ExitCode": 137}}, "exit_code", 137),
        ({"State": {"Status": "created"}}, "health", ""),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "nvidia"}]}}, "gpu_declared", True),
        ({"HostConfig": {"Devices": [{"PathOnHost": "/dev/kfd"}]}}, "gpu_declared", True),
        ({"HostConfig": {"Devices": [{"PathOnHost": "/dev/fuse"}]}}, "gpu_declared", False),
        ({"NetworkSettings": {"Networks": {"host": {"IPAddress": ""}}}}, "addresses", {}),
        ({"RestartCount": 3}, "restarts", 3),
        ({"HostConfig": {"Memory": 1024, "MemorySwap": 1024}}, "no_swap", True),
        ({"HostConfig": {"Memory": 1024, "MemorySwap": 2048}}, "no_swap", False),
        ({"HostConfig": {"Memory": 0, "MemorySwap": 0}}, "no_swap", False),
    ],
)
def test_plain_container_reads(changes: dict[str, Any], field: str, value: object) -> None:
    assert getattr(plain_container(recorded("inspect_ollama") | changes), field) == value


def test_volume_is_found_by_its_name_in_the_compose_file(fake: FakeEngine) -> None:
    volume = Engine(fake.host).volume("archiv", "ollama-models")
    assert volume is not None
    assert (volume.name, volume.path) == ("archiv_ollama-models", "/var/lib/docker/volumes/archiv_ollama-models/_data")


@pytest.mark.parametrize(
    ("project", "name", "labels", "real_name", "found"),
    [
        ("archiv", "ollama-models", {}, "ollama-models", True),
        ("archiv", "ollama-models", {}, "archiv_ollama-models", True),
        ("archiv", "ollama-models", {"com.docker.compose.project": "other"}, "ollama-models", False),
        ("archiv", "ollama-models", {}, "other_ollama-models", False),
    ],
)
def test_volume_of_another_project_is_not_ours(
    fake: FakeEngine, project: str, name: str, labels: dict[str, str], real_name: str, found: bool
) -> None:
    fake.answers["/volumes"] = (200, {"Volumes": [recorded("volume") | {"Name": real_name, "Labels": labels}]})
    assert (Engine(fake.host).volume(project, name) is not None) is found


def test_no_volumes_at_all_is_none(fake: FakeEngine) -> None:
    fake.answers["/volumes"] = (200, {"Volumes": None})
    assert Engine(fake.host).volume("archiv", "ollama-models") is None


@pytest.mark.parametrize(
    ("changes", "path", "why"),
    [
        ({"Options": {"type": "none", "o": "bind", "device": "/srv/models"}}, "/srv/models", ""),
        ({"Options": {"type": "none", "o": "rw,bind", "device": "/srv/models"}}, "/srv/models", ""),
        ({"Options": {"type": "nfs", "o": "addr=nas", "device": ":/m"}}, "", "driver options device, o, type leave it"),
        ({"Driver": "rclone"}, "", "its driver rclone"),
    ],
)
def test_volume_with_driver_options_is_read_at_its_device_or_refused(
    changes: dict[str, Any], path: str, why: str
) -> None:
    volume = plain_volume(recorded("volume") | changes)
    assert volume.path == path
    assert why in volume.why_no_path


def test_volume_that_is_mounted_now_is_read_there() -> None:
    mounted = recorded("volume") | {"Options": {"type": "tmpfs", "device": "tmpfs"}, "Mountpoint": "/proc"}
    assert plain_volume(mounted).path == "/proc"


def test_missing_sdk_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(EngineError, match=f"missing in {sys.executable}, .*install python3-docker"):
        Engine()


def test_missing_socket_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="systemctl start docker"):
        Engine(f"unix://{tmp_path}/docker.sock")


def test_dead_socket_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{tmp_path}/docker.sock")
    with pytest.raises(EngineError, match=r"does not answer \(Connection refused\)"):
        Engine(f"unix://{tmp_path}/docker.sock")


def test_missing_permission_is_a_sentence(fake: FakeEngine, tmp_path: Path) -> None:
    # Also loads the SDK, which nobody else may be able to read.
    Engine(fake.host).close()
    os.chmod(tmp_path / "docker.sock", 0)
    tmp_path.chmod(0o755)
    said_in, said_out = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            Engine(fake.host)
        except EngineError as error:
            os.write(said_out, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(said_out)
    with open(said_in) as said:
        assert said.read() == (
            f"permission denied on the Docker Engine's socket {tmp_path}/docker.sock; use become: true"
        )


@pytest.mark.parametrize("answer", [(500, {"message": "kaputt"}), (200, b"<html>"), (200, [])])
def test_engine_that_answers_nonsense_is_a_sentence(fake: FakeEngine, answer: tuple[int, Any]) -> None:
    fake.answers["/version"] = answer
    with pytest.raises(EngineError, match=r"the request to the Docker Engine .* failed"):
        Engine(fake.host)
