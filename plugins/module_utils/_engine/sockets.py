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
import math
import socket
import time
import typing as t
from urllib.parse import quote, urlencode

from .client import (
    DEFAULT_HOST,
    NO_IMAGE,
    Container,
    EngineError,
    HostImage,
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
    """One connection to the Engine; each request ends within timeout seconds, and all of them within so many."""

    def __init__(self, docker_host: str = DEFAULT_HOST, timeout: float = 5, within: float = math.inf) -> None:
        self._ask = _Requests(docker_host[len("unix://") :], timeout, time.monotonic() + within)

    def version(self) -> str:
        """The Engine's version."""
        return str(self._ask.read_object("/version").get("Version", ""))

    def info(self) -> dict[str, t.Any]:
        """The Engine's information about itself and its host."""
        return self._ask.read_object("/info")

    def containers(self, project: str, service: str | None = None) -> list[Container]:
        """All containers of a Compose project or of one service, including stopped but not one-off ones."""
        labels = [f"{_LABEL}project={project}", f"{_LABEL}oneoff=False"]
        if service is not None:
            labels.append(f"{_LABEL}service={service}")
        found = []
        for entry in self._ask.read_list("/containers/json", all="1", filters=json.dumps({"label": labels})):
            # It may have gone since it was listed.
            with contextlib.suppress(NotFound):
                found.append(plain_container(self._ask.read_object(f"/containers/{quote(str(entry['Id']))}/json")))
        return sorted(found, key=lambda one: (one.service, one.name))

    def networks(self) -> dict[str, HostNetwork]:
        """Every network by its name."""
        return {
            item["Name"]: HostNetwork(item["Id"], bool(item["Internal"])) for item in self._ask.read_list("/networks")
        }

    def volumes(self) -> frozenset[str]:
        """The names of all volumes."""
        return frozenset(str(item["Name"]) for item in self._ask.read_object("/volumes").get("Volumes") or [])

    def volume(self, project: str, name: str) -> Volume | None:
        """A volume of a Compose project by its name in the compose file, or by its real name."""
        real_name = find_volume(self._ask.read_object("/volumes").get("Volumes") or [], project, name)
        return plain_volume(self._ask.read_object(f"/volumes/{quote(real_name)}")) if real_name else None

    def images(self, names: t.Iterable[str]) -> dict[str, HostImage]:
        """Each image that is present, by its name."""
        found = {}
        for name in sorted(set(names) - {""}):
            with contextlib.suppress(NotFound):
                found[name] = plain_image(
                    self._ask.read_object(f"/images/{quote(name, safe='/:@')}/json", manifests="1")
                )
        return found

    def execute(self, container_id: str, command: t.Sequence[str]) -> tuple[int, bytes]:
        """Not by asking alone."""
        raise EngineError(f"nothing is run in container {container_id[:12]} to look at it")

    def events(self, since: int, until: int) -> list[dict[str, t.Any]]:
        """What the Engine remembers of a time in the past, in nanoseconds since 1970, without the moment since itself.

        All kinds are asked for: only so can be told whether it has forgotten some.
        """
        raw = self._ask.read("/events", since=_as_text(since), until=_as_text(until))
        try:
            events = [json.loads(line) for line in raw.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            events = [None]
        if not all(isinstance(event, dict) for event in events):
            raise EngineError(f"the Docker Engine at {self._ask.path} returned events that are not JSON")
        return [event for event in events if since < _number(event.get("timeNano")) <= until]

    def close(self) -> None:
        """Close the connection."""
        self._ask.connection.close()


class _Requests:
    """GET requests on one socket, each within some seconds, and none after the end."""

    def __init__(self, path: str, seconds: float, end: float) -> None:
        self.path = path
        self._seconds = seconds
        self._end = end
        self.connection = _Connection(path, seconds)

    def read_object(self, path: str, **parameters: str) -> dict[str, t.Any]:
        """The answer, which must be a JSON object."""
        answer = self._json(path, **parameters)
        if not isinstance(answer, dict):
            raise EngineError(f"the Docker Engine at {self.path} answered {path} without a JSON object")
        return answer

    def read_list(self, path: str, **parameters: str) -> list[dict[str, t.Any]]:
        """The answer, which must be a JSON list."""
        answer = self._json(path, **parameters)
        if not isinstance(answer, list):
            raise EngineError(f"the Docker Engine at {self.path} answered {path} without a JSON list")
        return answer

    def _json(self, path: str, **parameters: str) -> object:
        try:
            answer: object = json.loads(self.read(path, **parameters))
        except (ValueError, RecursionError) as error:
            raise EngineError(f"the Docker Engine at {self.path} answered {path} without JSON") from error
        return answer

    def read(self, path: str, **parameters: str) -> bytes:
        """The answer's bytes."""
        address = f"{path}?{urlencode(parameters)}" if parameters else path
        try:
            # The Engine closes connections that nobody used for a while.
            with contextlib.suppress(http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                return self._exchange(address)
            self.connection.close()
            return self._exchange(address)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise EngineError(self._why(path, error)) from error

    def _exchange(self, address: str) -> bytes:
        begun = time.monotonic()
        end = min(begun + self._seconds, self._end)
        if begun >= end:
            raise socket.timeout
        self.connection.wait_at_most(end - begun)
        self.connection.request("GET", address)
        with self.connection.getresponse() as response:
            body = bytearray()
            while chunk := response.read1(1024 * 1024):
                body += chunk
                if time.monotonic() > end:
                    raise socket.timeout
                if len(body) > _BODY_LIMIT:
                    raise http.client.HTTPException(f"the answer is larger than {_BODY_LIMIT} bytes")
            if response.status in NO_IMAGE:
                raise NotFound(f"the Docker Engine at {self.path} does not have {address}")
            if response.status >= 400:
                said = " ".join(body[:300].decode(errors="replace").split())
                raise http.client.HTTPException(f"HTTP {response.status}: {said}")
        return bytes(body)

    def _why(self, path: str, error: Exception) -> str:
        check = "check `systemctl status docker` on the host"
        if isinstance(error, socket.timeout):
            if time.monotonic() >= self._end:
                return f"the Docker Engine at {self.path} is too slow, the last request was {path}; {check}"
            return f"the Docker Engine at {self.path} did not answer {path} within {self._seconds:g} s; {check}"
        if isinstance(error, OSError) and not isinstance(error, http.client.HTTPException):
            return why_dead(self.path, error)
        return f"the request {path} to the Docker Engine at {self.path} failed: {error}; {check}"


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def wait_at_most(self, seconds: float) -> None:
        """For each part of the next answer."""
        self.timeout = seconds
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _as_text(nanoseconds: int) -> str:
    return f"{nanoseconds // _SECOND}.{nanoseconds % _SECOND:09d}"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
