# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a stack on this host: files, Compose, Engine. Decides nothing. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import typing as t

from ansible_collections.archiv.ollama.plugins.module_utils import _stack

# Compose reads a file and prints it; longer than this means that something holds it.
CLI_SECONDS = 30
# What a shell may hand to the docker CLI. Anything else could change what `${...}` in the file means.
KEPT_VARIABLES = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")
LOG_LINES = 15


class EngineMissing(Exception):
    """No answer from Docker; str() is a sentence for the operator."""


class ComposeRefused(Exception):
    """Compose does not take the file; str() is a sentence for the operator."""


def look_at_file(path: str, content: str, mode: str) -> _stack.File:
    """The file at path beside what it should be."""
    wanted = hashlib.sha256(content.encode()).hexdigest()
    try:
        with open(path, "rb") as file:
            raw = file.read()
            status = os.fstat(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return _stack.File(path, wanted, mode)
    return _stack.File(
        path=path,
        wanted_sha256=wanted,
        wanted_mode=mode,
        sha256=hashlib.sha256(raw).hexdigest(),
        mode=f"{status.st_mode & 0o7777:04o}",
        ours=is_ours(raw, content),
    )


def is_ours(raw: bytes, wanted: str) -> bool:
    """Only a file whose wanted content carries the header can be a foreign one."""
    return not wanted.startswith(_stack.HEADER) or raw.startswith(_stack.HEADER.encode())


class Compose:
    """The compose file as Compose reads it, in a clean environment, without writing it."""

    def __init__(self, directory: str, content: str) -> None:
        self._directory = directory
        self._content = content.encode()

    def read(self) -> _stack.Wanted:
        """Ask for the file and for its hashes at once: each question costs a start of the CLI."""
        questions = [("--format", "json"), ("--hash", "*")]
        asked = [self._ask(["config", *question]) for question in questions]
        document, hashes = (self._answer(process) for process in asked)
        return _stack.read_config(json.loads(document), _stack.read_hashes(hashes))

    def version(self) -> str:
        """Compose's own version, as its labels name it."""
        return self._answer(self._ask(["version", "--short"])).strip().lstrip("v")

    def _ask(self, words: list[str]) -> subprocess.Popen[bytes]:
        docker = shutil.which("docker")
        if docker is None:
            raise EngineMissing("there is no docker command on this host")
        # A folder that is yet to be made has no .env either.
        directory = self._directory if os.path.isdir(self._directory) else "/"
        with tempfile.TemporaryFile() as file:
            file.write(self._content)
            file.seek(0)
            return subprocess.Popen(
                [docker, "compose", "--project-directory", directory, "-f", "-", *words],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ},
            )

    def _answer(self, process: subprocess.Popen[bytes]) -> str:
        try:
            out, err = process.communicate(timeout=CLI_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise EngineMissing(f"docker compose did not answer in {CLI_SECONDS} s") from None
        said = err.decode(errors="replace").strip()
        if process.returncode == 0:
            return out.decode()
        if "is not a docker command" in said or "unknown shorthand flag" in said:
            raise EngineMissing("the docker CLI has no compose plugin (Compose v2)")
        raise ComposeRefused(said.splitlines()[-1] if said else "it gave no reason")


class Engine:
    """The Docker Engine as python3-docker shows it."""

    def __init__(self) -> None:
        try:
            import docker
            import docker.errors
            import requests.exceptions
        except ImportError as error:
            raise EngineMissing(f"Python has no module {error.name}; install the package python3-docker") from error
        self._failures = (docker.errors.DockerException, requests.exceptions.RequestException)
        try:
            self._api = docker.from_env(version="auto", timeout=20).api
        except self._failures as error:
            raise EngineMissing(f"the Docker Engine does not answer: {error}") from error

    def summaries(self, project: str) -> list[dict[str, t.Any]]:
        """The containers of a project, those of `compose run` left out."""
        label = f"com.docker.compose.project={project}"
        listed = self._api.containers(all=True, filters={"label": label})
        return [item for item in listed if not _stack.is_one_off(item)]

    def image_ids(self, names: t.Iterable[str]) -> dict[str, str]:
        """The ids of the images that are there."""
        found = {}
        for name in set(names) - {""}:
            try:
                found[name] = self._api.inspect_image(name)["Id"]
            except self._failures:
                continue
        return found

    def networks(self) -> dict[str, bool]:
        """Every network and whether it is internal."""
        return {item["Name"]: bool(item["Internal"]) for item in self._api.networks()}

    def volumes(self) -> dict[str, dict[str, t.Any]]:
        """Every volume by its name."""
        return {item["Name"]: item for item in self._api.volumes()["Volumes"] or []}

    def log(self, container: str) -> list[str]:
        """The last lines a container said."""
        raw: bytes = self._api.logs(container, tail=LOG_LINES)
        return raw.decode(errors="replace").splitlines()


def observe(
    project: str, directory: str, files: t.Sequence[t.Mapping[str, str]]
) -> tuple[_stack.Observation, Engine | None]:
    """Look at everything once; what does not answer is named in the observation."""
    looked = tuple(look_at_file(os.path.join(directory, file["path"]), file["content"], file["mode"]) for file in files)
    try:
        compose = Compose(directory, files[0]["content"])
        engine = Engine()
        wanted = compose.read()
        summaries = engine.summaries(project)
        containers = tuple(_stack.read_container(item) for item in summaries)
        hashes = {service.config_hash for service in wanted.services.values()}
        differ = any(item.config_hash not in hashes for item in containers)
        return _stack.Observation(
            files=looked,
            # Only a difference makes the version worth a third start of the CLI.
            compose_version=compose.version() if differ else "",
            wanted=wanted,
            containers=containers,
            images=engine.image_ids(service.image for service in wanted.services.values()),
            networks=engine.networks(),
            volumes=frozenset(engine.volumes()),
        ), engine
    except EngineMissing as error:
        return _stack.Observation(files=looked, engine_missing=str(error)), None
    except ComposeRefused as error:
        return _stack.Observation(files=looked, compose_refused=str(error)), None
