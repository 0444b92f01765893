# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the Docker Engine on its socket without the docker SDK, which takes 0.2 s and 40 MB to load. Private.

It only asks: every request is a GET.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
import typing as t
from urllib.parse import quote, urlencode

from .client import (
    DEFAULT_HOST,
    NO_IMAGE,
    Container,
    EngineError,
    HostNetwork,
    Volume,
    find_volume,
    plain_container,
    plain_image,
    plain_volume,
    why_dead,
)

# The Engine keeps this many events in memory, of all kinds, and forgets the oldest.
EVENTS_KEPT = 256
_BODY_LIMIT = 8 * 1024 * 1024
_LABEL = "com.docker.compose."
_SECOND = 1_000_000_000


class NotFound(EngineError):
    """The Engine does not have it."""


class EngineSocket:
    """One connection to the Engine; each request ends within timeout seconds."""

    def __init__(self, docker_host: str = DEFAULT_HOST, timeout: float = 5) -> None:
        self._path = docker_host[len("unix://") :]
        self._timeout = timeout
        self._connection = _Connection(self._path, timeout)

    def version(self) -> str:
        """The Engine's version."""
        return str(self._object("/version").get("Version", ""))

    def info(self) -> dict[str, t.Any]:
        """The Engine's information about itself and its host."""
        return self._object("/info")

    def containers(self, project: str, service: str | None = None) -> list[Container]:
        """All containers of a Compose project or of one service, including stopped but not one-off ones."""
        labels = [f"{_LABEL}project={project}", f"{_LABEL}oneoff=False"]
        if service is not None:
            labels.append(f"{_LABEL}service={service}")
        found = []
        for entry in self._list("/containers/json", all="1", filters=json.dumps({"label": labels})):
            # It may have gone since it was listed.
            with contextlib.suppress(NotFound):
                found.append(plain_container(self._object(f"/containers/{quote(str(entry['Id']))}/json")))
        return sorted(found, key=lambda one: (one.service, one.name))

    def networks(self) -> dict[str, HostNetwork]:
        """Every network by its name."""
        return {item["Name"]: HostNetwork(item["Id"], bool(item["Internal"])) for item in self._list("/networks")}

    def volumes(self) -> frozenset[str]:
        """The names of all volumes."""
        return frozenset(str(item["Name"]) for item in self._object("/volumes").get("Volumes") or [])

    def volume(self, project: str, name: str) -> Volume | None:
        """A volume of a Compose project by its name in the compose file, or by its real name."""
        real_name = find_volume(self._object("/volumes").get("Volumes") or [], project, name)
        return plain_volume(self._object(f"/volumes/{quote(real_name)}")) if real_name else None

    def images(self, names: t.Iterable[str]) -> dict[str, frozenset[str]]:
        """For each image that is present, what its containers may run."""
        found = {}
        for name in sorted(set(names) - {""}):
            with contextlib.suppress(NotFound):
                found[name] = plain_image(self._object(f"/images/{quote(name, safe='/:@')}/json", manifests="1"))
        return found

    def execute(self, container_id: str, command: t.Sequence[str]) -> tuple[int, bytes]:
        """Not by asking alone."""
        raise EngineError(f"nothing is run in container {container_id[:12]} to look at it")

    def events(self, since: int, until: int) -> list[dict[str, t.Any]]:
        """What the Engine remembers of a time in the past, in nanoseconds since 1970, without the moment since itself.

        All kinds are asked for: only so can be told whether it has forgotten some.
        """
        raw = self._get("/events", since=_as_text(since), until=_as_text(until))
        try:
            events = [json.loads(line) for line in raw.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            events = [None]
        if not all(isinstance(event, dict) for event in events):
            raise EngineError(f"the Docker Engine at {self._path} returned events that are not JSON")
        return [event for event in events if since < _number(event.get("timeNano")) <= until]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _object(self, path: str, **parameters: str) -> dict[str, t.Any]:
        answer = self._json(path, **parameters)
        if not isinstance(answer, dict):
            raise EngineError(f"the Docker Engine at {self._path} answered {path} without a JSON object")
        return answer

    def _list(self, path: str, **parameters: str) -> list[dict[str, t.Any]]:
        answer = self._json(path, **parameters)
        if not isinstance(answer, list):
            raise EngineError(f"the Docker Engine at {self._path} answered {path} without a JSON list")
        return answer

    def _json(self, path: str, **parameters: str) -> object:
        try:
            answer: object = json.loads(self._get(path, **parameters))
        except (ValueError, RecursionError) as error:
            raise EngineError(f"the Docker Engine at {self._path} answered {path} without JSON") from error
        return answer

    def _get(self, path: str, **parameters: str) -> bytes:
        address = f"{path}?{urlencode(parameters)}" if parameters else path
        try:
            return self._exchange(address)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The Engine closes connections that nobody used for a while.
            self._connection.close()
        except socket.timeout as error:
            raise EngineError(self._too_slow(path)) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(path, error) from error
        try:
            return self._exchange(address)
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(path, error) from error

    def _exchange(self, address: str) -> bytes:
        end = time.monotonic() + self._timeout
        self._connection.request("GET", address, headers={"Host": "docker"})
        with self._connection.getresponse() as response:
            body = b""
            while chunk := response.read1(1024 * 1024):
                body += chunk
                if time.monotonic() > end:
                    raise socket.timeout
                if len(body) > _BODY_LIMIT:
                    raise http.client.HTTPException(f"the answer is larger than {_BODY_LIMIT} bytes")
            if response.status in NO_IMAGE:
                raise NotFound(f"the Docker Engine at {self._path} does not have {address}")
            if response.status >= 400:
                said = " ".join(body[:300].decode(errors="replace").split())
                raise http.client.HTTPException(f"HTTP {response.status}: {said}")
        return body

    def _failed(self, path: str, error: Exception) -> EngineError:
        self._connection.close()
        if isinstance(error, socket.timeout):
            return EngineError(self._too_slow(path))
        if isinstance(error, OSError) and not isinstance(error, http.client.HTTPException):
            return EngineError(why_dead(self._path, error))
        return EngineError(
            f"the request {path} to the Docker Engine at {self._path} failed: {error};"
            " check `systemctl status docker` on the host"
        )

    def _too_slow(self, path: str) -> str:
        self._connection.close()
        return (
            f"the Docker Engine at {self._path} did not answer {path} within {self._timeout:g} s;"
            " check `systemctl status docker` on the host"
        )


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _as_text(nanoseconds: int) -> str:
    return f"{nanoseconds // _SECOND}.{nanoseconds % _SECOND:09d}"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
