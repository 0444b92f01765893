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
LOG_LINES = 15
# The Engine's status codes for a missing image and for an invalid name.
NO_IMAGE = (404, 400)
_GPU_DEVICES = ("/dev/kfd", "/dev/dri", "/dev/nvidia")


class EngineError(Exception):
    """A request to the Engine failed; str() is a sentence for the operator."""


@dataclass(frozen=True)
class Container:
    """One container of a Compose project as inspect returns it; raw is the whole response."""

    name: str
    service: str
    state: str
    id: str = ""
    health: str = ""
    restarts: int = 0
    oom_killed: bool = False
    exit_code: int = 0
    started: str = ""
    pid: int = 0
    # Bytes that it may use; 0 is no limit.
    memory: int = 0
    # Whether that is the limit of memory and swap together, so that it may not swap.
    no_swap: bool = False
    gpu_declared: bool = False
    # The platform manifest it runs, or the image's id where the Engine keeps no manifests.
    image: str = ""
    config_hash: str = ""
    compose_version: str = ""
    # The project folder that Compose used.
    config_files: str = ""
    working_dir: str = ""
    env_files: str = ""
    # By the names of its networks: their ids as they were when it was connected, its addresses and its other names.
    networks: t.Mapping[str, str] = field(default_factory=dict)
    addresses: t.Mapping[str, str] = field(default_factory=dict)
    aliases: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    raw: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    # Added by a look at the host: secrets that have changed since it was started, the uid of its process, if there
    # are secrets, and whether it swaps although it may not.
    outdated: tuple[str, ...] = ()
    uid: int | None = None
    swaps: bool = False


@dataclass(frozen=True)
class Volume:
    """A volume and the folder with its files, or why there is none."""

    name: str
    path: str
    why_no_path: str
    labels: t.Mapping[str, str]
    options: t.Mapping[str, str]


@dataclass(frozen=True)
class HostNetwork:
    """A network that exists."""

    id: str
    internal: bool


@dataclass(frozen=True)
class HostImage:
    """An image that exists: all that its containers may run, and the digests under which registries serve it."""

    runs: frozenset[str]
    # None where it was loaded from a file, or built here.
    digests: frozenset[str] = frozenset()


class Reader(t.Protocol):
    """What a look asks of an Engine; the docker SDK answers it, or the socket alone."""

    def containers(self, project: str, service: str | None = None) -> list[Container]:
        """The containers of a Compose project or of one service."""

    def networks(self) -> dict[str, HostNetwork]:
        """Every network by its name."""

    def volumes(self) -> frozenset[str]:
        """The names of all volumes."""

    def volume(self, project: str, name: str) -> Volume | None:
        """A volume of a Compose project."""

    def images(self, names: t.Iterable[str]) -> dict[str, HostImage]:
        """Each image that is present, by its name."""

    def execute(self, container_id: str, command: t.Sequence[str]) -> tuple[int, bytes]:
        """Run a command in a container."""


class Engine:
    """A connection to one Engine. The docker SDK is imported here and nowhere else."""

    def __init__(self, docker_host: str = DEFAULT_HOST, timeout: float = 20) -> None:
        self._docker = _import_docker()
        self._host = docker_host
        _refuse_dead_socket(docker_host)
        self._client: t.Any = None
        with self.speaking():
            self._client = self._docker.APIClient(base_url=docker_host, version="auto", timeout=timeout)

    def containers(self, project: str, service: str | None = None) -> list[Container]:
        """All containers of a Compose project or of one service, including stopped but not one-off ones."""
        labels = [f"{_LABEL}project={project}", f"{_LABEL}oneoff=False"]
        if service is not None:
            labels.append(f"{_LABEL}service={service}")
        with self.speaking():
            listed = self._client.containers(all=True, filters={"label": labels})
        found = (self._inspect(entry["Id"]) for entry in listed)
        return sorted((one for one in found if one is not None), key=lambda one: (one.service, one.name))

    def strangers_on(self, network: str, project: str) -> list[str]:
        """The names of containers on a network, including stopped ones, that do not belong to this project."""
        with self.speaking():
            listed = self._client.containers(all=True, filters={"network": [network]})
        own = {f"{_LABEL}project": project, f"{_LABEL}oneoff": "False"}.items()
        return sorted(entry["Names"][0].lstrip("/") for entry in listed if not own <= (entry["Labels"] or {}).items())

    def volume(self, project: str, name: str) -> Volume | None:
        """A volume of a Compose project by its name in the compose file, or by its real name."""
        with self.speaking():
            listed = self._client.volumes()["Volumes"] or []
        real_name = find_volume(listed, project, name)
        if not real_name:
            return None
        with self.speaking():
            return plain_volume(self._client.inspect_volume(real_name))

    def execute(self, container_id: str, command: t.Sequence[str]) -> tuple[int, bytes]:
        """Run a command in a container: its exit code and what it wrote to standard output."""
        with self.speaking():
            started = self._client.exec_create(container_id, list(command), stderr=False)
            output = self._client.exec_start(started["Id"])
            code = self._client.exec_inspect(started["Id"])["ExitCode"]
        return (255 if code is None else code, output)

    def restart(self, container_id: str) -> None:
        """Restart a container; it is killed if it does not stop within 10 s."""
        with self.speaking():
            self._client.restart(container_id, timeout=10)

    def images(self, names: t.Iterable[str]) -> dict[str, HostImage]:
        """Each image that is present, by its name."""
        found = {}
        for name in sorted(set(names) - {""}):
            with self.speaking():
                # The SDK (7.2.0) cannot ask for the manifests; an Engine before API 1.48 ignores the parameter.
                address = f"{self._client.base_url}/v{self._client.api_version}/images/{name}/json"
                answer = self._client.get(address, params={"manifests": "1"}, timeout=self._client.timeout)
                if answer.status_code in NO_IMAGE:
                    continue
                answer.raise_for_status()
                found[name] = plain_image(answer.json())
        return found

    def networks(self) -> dict[str, HostNetwork]:
        """Every network by its name."""
        with self.speaking():
            listed = self._client.networks()
        return {item["Name"]: HostNetwork(item["Id"], bool(item["Internal"])) for item in listed}

    def users_of(self, port: str) -> list[str]:
        """The names of running containers that have a port of the host."""
        with self.speaking():
            listed = self._client.containers(filters={"publish": port})
        return sorted(entry["Names"][0].lstrip("/") for entry in listed)

    def volumes(self) -> frozenset[str]:
        """The names of all volumes."""
        with self.speaking():
            return frozenset(item["Name"] for item in self._client.volumes()["Volumes"] or [])

    def log(self, container: str, lines: int = LOG_LINES) -> list[str]:
        """The last lines of a container's log."""
        with self.speaking():
            raw: bytes = self._client.logs(container, tail=lines)
        return raw.decode(errors="replace").splitlines()

    def info(self) -> dict[str, t.Any]:
        """The Engine's information about itself and its host."""
        with self.speaking():
            answer: dict[str, t.Any] = self._client.info()
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _inspect(self, container_id: str) -> Container | None:
        try:
            with self.speaking():
                return plain_container(self._client.inspect_container(container_id))
        except EngineError as error:
            if is_missing(error):
                return None
            raise

    @contextlib.contextmanager
    def speaking(self) -> t.Iterator[t.Any]:
        """The SDK's client for one request; its errors become EngineErrors."""
        # Errors of requests are OSErrors; the SDK does not wrap them.
        try:
            yield self._client
        except (self._docker.errors.DockerException, OSError) as error:
            raise EngineError(
                f"the request to the Docker Engine at {self._host} failed: {error};"
                " check `systemctl status docker` on the host"
            ) from error


def is_missing(error: EngineError) -> bool:
    """Whether the Engine returned "not found"."""
    return getattr(error.__cause__, "status_code", None) == 404


def is_conflict(error: EngineError) -> bool:
    """Whether the Engine refused because something still uses it."""
    return getattr(error.__cause__, "status_code", None) == 409


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
    labels, state, host = raw["Config"].get("Labels") or {}, raw["State"], raw.get("HostConfig") or {}
    networks = raw["NetworkSettings"]["Networks"] or {}
    return Container(
        name=raw["Name"].lstrip("/"),
        service=labels.get(f"{_LABEL}service", ""),
        state=state["Status"],
        id=raw.get("Id", ""),
        health=(state.get("Health") or {}).get("Status", ""),
        restarts=raw.get("RestartCount", 0),
        oom_killed=state.get("OOMKilled", False),
        exit_code=state.get("ExitCode", 0),
        started=state.get("StartedAt", ""),
        pid=state.get("Pid", 0),
        memory=host.get("Memory", 0),
        no_swap=0 < host.get("Memory", 0) == host.get("MemorySwap", 0),
        gpu_declared=_declares_gpu(host),
        # Not Compose's label: it is the digest of the index or of the platform, depending on the version of Compose.
        image=(raw.get("ImageManifestDescriptor") or {}).get("digest") or raw.get("Image", ""),
        config_hash=labels.get(f"{_LABEL}config-hash", ""),
        compose_version=labels.get(f"{_LABEL}version", ""),
        config_files=labels.get(f"{_LABEL}project.config_files", ""),
        working_dir=labels.get(f"{_LABEL}project.working_dir", ""),
        env_files=labels.get(f"{_LABEL}project.environment_file", ""),
        networks={name: network.get("NetworkID", "") for name, network in networks.items()},
        addresses={name: network["IPAddress"] for name, network in networks.items() if network.get("IPAddress")},
        aliases={name: tuple(network.get("Aliases") or ()) for name, network in networks.items()},
        raw=raw,
    )


def plain_image(raw: t.Mapping[str, t.Any]) -> HostImage:
    """Convert an inspect response with its manifests to a HostImage.

    An index that was published again around the same platform manifest is the same image, and Engine 26 then has the
    digests of both. Each names its bytes, whatever the repository beside it.
    """
    manifests = raw.get("Manifests") or []
    platforms = (item["Descriptor"]["digest"] for item in manifests if item["Kind"] == "image" and item["Available"])
    served = (entry.rpartition("@")[2] for entry in raw.get("RepoDigests") or [])
    return HostImage(frozenset((raw["Id"], *platforms)), frozenset(served))


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


def find_volume(listed: t.Iterable[t.Mapping[str, t.Any]], project: str, name: str) -> str:
    """The real name of a project's volume; "" if there is none."""
    ranked = sorted((_rank(entry, project, name), entry["Name"]) for entry in listed)
    return next((str(real_name) for rank, real_name in ranked if rank < _NOT_IT), "")


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
    except OSError as error:
        raise EngineError(why_dead(path, error)) from error
    finally:
        probe.close()


def why_dead(path: str, error: OSError) -> str:
    """A sentence if nothing answers at the Engine's socket."""
    if isinstance(error, FileNotFoundError):
        return f"no Docker Engine listens at {path}; install Docker, or start it with `systemctl start docker`"
    if isinstance(error, PermissionError):
        return f"permission denied on the Docker Engine's socket {path}; use become: true"
    return (
        f"the Docker Engine at {path} does not answer ({error.strerror or error});"
        " start it with `systemctl start docker`"
    )
