# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs Docker Compose to read a compose file. Private."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass, field

# Compose only reads a file and prints it; if it takes longer than this, it hangs.
CLI_SECONDS = 30
# The variables passed to the docker CLI. Others could change the value of `${...}` in the file, or the Engine.
KEPT_VARIABLES = ("PATH", "HOME", "DOCKER_CONFIG")
# Where the docker command looks for its plugins, in its order; the user's own folder comes first.
PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
Document = dict[str, t.Any]


class ComposeMissing(Exception):
    """Compose is not available; str() is a sentence for the operator."""


class ComposeRefused(Exception):
    """Compose rejects the file; str() is a sentence for the operator."""


@dataclass(frozen=True)
class Service:
    """What Compose would run."""

    name: str
    image: str = ""
    config_hash: str = ""
    networks: tuple[str, ...] = ()
    one_shot: bool = False
    published: bool = False
    memory: int = 0
    # Services with which it is restarted, from `restart: true` in its depends_on.
    restarts_with: tuple[str, ...] = ()
    # More names that it has on a network.
    aliases: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FileNetwork:
    """A network: its key in the compose file, whether it is internal, whether it is a plain one."""

    key: str
    internal: bool
    plain: bool = True


@dataclass(frozen=True)
class ComposeFile:
    """The compose file as Compose itself reads it; networks and volumes under their real names."""

    services: dict[str, Service] = field(default_factory=dict)
    networks: dict[str, FileNetwork] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()


@contextlib.contextmanager
def reading(
    directory: str, content: str, docker_host: str
) -> t.Iterator[t.Callable[[], tuple[Document, dict[str, str]]]]:
    """Let Compose read a file that does not exist yet; the two commands run in parallel."""
    # A folder that does not exist has no .env either.
    base = ["--project-directory", directory if os.path.isdir(directory) else "/", "-f", "-", "config"]
    questions = (("--format", "json"), ("--hash", "*"))
    asked = [_ask([*base, *question], docker_host, content) for question in questions]

    def read() -> tuple[Document, dict[str, str]]:
        document, hashes = (_answer(process) for process in asked)
        return json.loads(document), read_hashes(hashes)

    try:
        yield read
    finally:
        for process in asked:
            if process.poll() is None:
                process.kill()
            process.communicate()


def read_other(words: t.Sequence[str], docker_host: str) -> Document:
    """Another project's files as Compose reads them; words are its options."""
    document: Document = json.loads(_answer(_ask([*words, "config", "--format", "json"], docker_host)))
    return document


def compose_version(docker_host: str) -> str:
    """Compose's own version, as its labels name it."""
    return _answer(_ask(["version", "--short"], docker_host)).strip().lstrip("v")


def _find_compose() -> list[str]:
    """The program of the Compose plugin: `docker compose` needs two more processes and twice the time."""
    docker = shutil.which("docker")
    if docker is None:
        raise ComposeMissing("there is no docker command on this host; install Docker and its compose plugin")
    settings = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    with contextlib.suppress(OSError), open(os.path.join(settings, "config.json"), "rb") as file:
        if b'"cliPluginsExtraDirs"' in file.read():
            return [docker, "compose"]
    for folder in (os.path.join(settings, "cli-plugins"), *PLUGIN_FOLDERS):
        plugin = os.path.join(folder, "docker-compose")
        if os.access(plugin, os.X_OK):
            return [plugin]
    return [docker, "compose"]


def _ask(words: list[str], docker_host: str, content: str = "") -> subprocess.Popen[bytes]:
    compose = _find_compose()
    with tempfile.TemporaryFile() as file:
        file.write(content.encode())
        file.seek(0)
        return subprocess.Popen(
            [*compose, *words],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(docker_host),
        )


def _environment(docker_host: str) -> dict[str, str]:
    """The environment of the docker command; DOCKER_HOST has precedence over the user's docker context."""
    return {**{key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}, "DOCKER_HOST": docker_host}


def _answer(process: subprocess.Popen[bytes]) -> str:
    try:
        out, err = process.communicate(timeout=CLI_SECONDS)
    except subprocess.TimeoutExpired:
        raise ComposeMissing(f"docker compose timed out after {CLI_SECONDS} s") from None
    said = err.decode(errors="replace").strip()
    if process.returncode == 0:
        return out.decode()
    if "is not a docker command" in said or "unknown shorthand flag" in said:
        raise ComposeMissing("the docker command has no compose plugin; install Compose v2")
    raise ComposeRefused(said.splitlines()[-1] if said else "it rejected the file without an error message")


def read_hashes(text: str) -> dict[str, str]:
    """The lines of `docker compose config --hash '*'`: a service and its hash."""
    return dict(line.split() for line in text.splitlines() if len(line.split()) == 2)


def read_config(document: t.Mapping[str, t.Any], hashes: t.Mapping[str, str]) -> ComposeFile:
    """The answer of `docker compose config --format json`."""
    networks = document.get("networks") or {}
    names = {key: (value or {}).get("name", key) for key, value in networks.items()}
    services = document.get("services") or {}
    one_shots = {
        needed
        for service in services.values()
        for needed, how in (service.get("depends_on") or {}).items()
        if how.get("condition") == "service_completed_successfully"
    }
    return ComposeFile(
        services={
            name: Service(
                name=name,
                image=service.get("image", ""),
                config_hash=hashes.get(name, ""),
                networks=tuple(sorted(names[key] for key in service.get("networks") or {})),
                one_shot=name in one_shots,
                published=bool(service.get("ports")),
                memory=_memory_limit(service),
                restarts_with=tuple(
                    needed for needed, how in (service.get("depends_on") or {}).items() if how.get("restart")
                ),
                aliases={
                    names[key]: tuple((own or {}).get("aliases") or ())
                    for key, own in (service.get("networks") or {}).items()
                },
            )
            for name, service in services.items()
        },
        networks={
            names[key]: FileNetwork(
                key=key,
                internal=bool((value or {}).get("internal")),
                plain=not set(value or {}) - {"name", "internal", "ipam"} and not (value or {}).get("ipam"),
            )
            for key, value in networks.items()
            if not (value or {}).get("external")
        },
        volumes=tuple(sorted((value or {}).get("name", key) for key, value in (document.get("volumes") or {}).items())),
    )


def _memory_limit(service: t.Mapping[str, t.Any]) -> int:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    return int(service.get("mem_limit") or limits.get("memory") or 0)
