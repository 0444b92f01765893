# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker Engine as this collection sees it: containers, volumes, exec, in plain data. Private."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import typing as t
from dataclasses import dataclass, field

DEFAULT_HOST = "unix:///var/run/docker.sock"
_LABEL = "com.docker.compose."
_GPU_DEVICES = ("/dev/kfd", "/dev/dri", "/dev/nvidia")


class EngineError(Exception):
    """A request to the Engine failed; str() is a sentence for the operator."""


@dataclass(frozen=True)
class Container:
    """One container of a Compose project as inspect returns it; raw is the whole response."""

    id: str
    name: str
    service: str
    state: str
    health: str
    restarts: int
    oom_killed: bool
    exit_code: int
    pid: int
    memory_limit: int
    gpu_declared: bool
    addresses: t.Mapping[str, str]
    raw: t.Mapping[str, t.Any] = field(repr=False)


@dataclass(frozen=True)
class Volume:
    """A volume and the folder with its files, or why there is none."""

    name: str
    path: str
    why_no_path: str
    labels: t.Mapping[str, str]
    options: t.Mapping[str, str]


class Engine:
    """A connection to one Engine. The docker SDK is imported here and nowhere else."""

    def __init__(self, docker_host: str = DEFAULT_HOST, timeout: float = 20) -> None:
        self._docker = _import_docker()
        self._host = docker_host
        _refuse_dead_socket(docker_host)
        with self._speaking():
            self._client = self._docker.APIClient(base_url=docker_host, version="auto", timeout=timeout)

    def containers(self, project: str, service: str | None = None) -> list[Container]:
        """All containers of a Compose project or of one service, including stopped but not one-off ones."""
        labels = [f"{_LABEL}project={project}", f"{_LABEL}oneoff=False"]
        if service is not None:
            labels.append(f"{_LABEL}service={service}")
        with self._speaking():
            listed = self._client.containers(all=True, filters={"label": labels})
        found = (self._inspect(entry["Id"]) for entry in listed)
        return sorted((one for one in found if one is not None), key=lambda one: (one.service, one.name))

    def strangers_on(self, network: str, project: str) -> list[str]:
        """The names of containers on a network, including stopped ones, that do not belong to this project."""
        with self._speaking():
            listed = self._client.containers(all=True, filters={"network": [network]})
        own = {f"{_LABEL}project": project, f"{_LABEL}oneoff": "False"}.items()
        return sorted(entry["Names"][0].lstrip("/") for entry in listed if not own <= (entry["Labels"] or {}).items())

    def volume(self, project: str, name: str) -> Volume | None:
        """A volume of a Compose project by its name in the compose file, or by its real name."""
        with self._speaking():
            listed = self._client.volumes()["Volumes"] or []
        ranked = sorted((_rank(entry, project, name), entry["Name"]) for entry in listed)
        for rank, real_name in ranked:
            if rank < _NOT_IT:
                with self._speaking():
                    return plain_volume(self._client.inspect_volume(real_name))
        return None

    def execute(self, container_id: str, command: t.Sequence[str]) -> tuple[int, bytes]:
        """Run a command in a container: its exit code and what it wrote to standard output."""
        with self._speaking():
            started = self._client.exec_create(container_id, list(command), stderr=False)
            output = self._client.exec_start(started["Id"])
            code = self._client.exec_inspect(started["Id"])["ExitCode"]
        return (255 if code is None else code, output)

    def restart(self, container_id: str) -> None:
        """Restart a container; it is killed if it does not stop within 10 s."""
        with self._speaking():
            self._client.restart(container_id, timeout=10)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _inspect(self, container_id: str) -> Container | None:
        try:
            with self._speaking():
                return plain_container(self._client.inspect_container(container_id))
        except EngineError as error:
            if isinstance(error.__cause__, self._docker.errors.NotFound):
                return None
            raise

    @contextlib.contextmanager
    def _speaking(self) -> t.Iterator[None]:
        # Errors of requests are OSErrors; the SDK does not wrap them.
        try:
            yield
        except (self._docker.errors.DockerException, OSError) as error:
            raise EngineError(
                f"the request to the Docker Engine at {self._host} failed: {error};"
                " check `systemctl status docker` on the host"
            ) from error


def find_remote(docker_host: str) -> list[str]:
    """A sentence if this is not the address of the host's own Engine; else nothing."""
    if docker_host.startswith("unix:///"):
        return []
    return [
        f"docker_host is {docker_host!r}: only a socket on this host is supported, because models are read and written"
        f" where that Engine keeps them; use its path, such as {DEFAULT_HOST}"
    ]


def plain_container(raw: t.Mapping[str, t.Any]) -> Container:
    """Convert an inspect response to a Container."""
    state, host = raw["State"], raw["HostConfig"]
    networks = raw["NetworkSettings"]["Networks"] or {}
    return Container(
        id=raw["Id"],
        name=raw["Name"].lstrip("/"),
        service=raw["Config"]["Labels"].get(f"{_LABEL}service", ""),
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        restarts=raw.get("RestartCount", 0),
        oom_killed=state.get("OOMKilled", False),
        exit_code=state.get("ExitCode", 0),
        pid=state.get("Pid", 0),
        memory_limit=host.get("Memory", 0),
        gpu_declared=_declares_gpu(host),
        addresses={name: net["IPAddress"] for name, net in networks.items() if net.get("IPAddress")},
        raw=raw,
    )


def plain_volume(raw: t.Mapping[str, t.Any]) -> Volume:
    """Convert an inspect response to a Volume.

    A volume with driver options has an empty mountpoint while nothing runs (Engine 26.1.5): a bind
    is read at its device, anything else only while it is mounted.
    """
    options = raw.get("Options") or {}
    path, why = raw.get("Mountpoint", ""), ""
    if raw.get("Driver") != "local":
        path, why = "", f"its driver {raw.get('Driver')} does not expose its files on the host"
    elif "bind" in options.get("o", "").split(","):
        path = options.get("device", "")
    elif options and not os.path.ismount(path):
        path, why = "", f"its driver options {_in_words(options)} leave it unmounted until a container uses it"
    return Volume(raw["Name"], path, why, raw.get("Labels") or {}, options)


_NOT_IT = 3


def _rank(entry: t.Mapping[str, t.Any], project: str, name: str) -> int:
    labels = entry.get("Labels") or {}
    owner = labels.get(f"{_LABEL}project")
    if owner == project and labels.get(f"{_LABEL}volume") == name:
        return 0
    if owner not in (None, project):
        return _NOT_IT
    return {f"{project}_{name}": 1, name: 2}.get(entry["Name"], _NOT_IT)


def _declares_gpu(host: t.Mapping[str, t.Any]) -> bool:
    devices = [device.get("PathOnHost", "") for device in host.get("Devices") or []]
    return bool(host.get("DeviceRequests")) or any(path.startswith(_GPU_DEVICES) for path in devices)


def _in_words(options: t.Mapping[str, str]) -> str:
    # The options of a network filesystem may contain a password, so only the keys are shown.
    return ", ".join(sorted(options))


def _import_docker() -> t.Any:
    try:
        import docker
        import docker.errors
    except ImportError as error:
        raise EngineError(
            f"the Docker SDK for Python is missing in {sys.executable}, the Python that Ansible uses on this host;"
            " install it with `apt-get install python3-docker` (or pip install docker), or set another Python"
            " in ansible_python_interpreter"
        ) from error
    return docker


def _refuse_dead_socket(docker_host: str) -> None:
    path = docker_host[len("unix://") :]
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.settimeout(10)
        probe.connect(path)
    except FileNotFoundError as error:
        raise EngineError(
            f"no Docker Engine listens at {path}; install Docker, or start it with `systemctl start docker`"
        ) from error
    except PermissionError as error:
        raise EngineError(f"permission denied on the Docker Engine's socket {path}; use become: true") from error
    except OSError as error:
        raise EngineError(
            f"the Docker Engine at {path} does not answer ({error.strerror or error});"
            " start it with `systemctl start docker`"
        ) from error
    finally:
        probe.close()
