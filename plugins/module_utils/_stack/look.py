# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a stack on this host: files, Compose, Engine, models, health. Decides nothing. Private."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass, field, replace

from .._engine.client import DEFAULT_HOST, Engine, EngineError
from .._entry.bounds import of_disk
from .._model.wishes import InputInvalid, Wish, read_wishes
from .._registry.logins import Login, server_of
from .._serve.assess import (
    assess_models,
    observer,
)
from .._store.disk import read_kernel
from .._store.inspect import look_at_all
from .._store.paths import Store, StoreError
from .._store.receipts import Receipts
from . import judge, preflight

VOLUME = "ollama-models"
# The unit of Ollama's own installer.
NATIVE = "ollama.service"
# Where Compose mounts secrets.
MOUNTED = "/run/secrets/"
# The limit for the list of a container's mounts in bytes.
MOUNTS_LIMIT = 1024 * 1024
# Below the stack's folder.
SECRETS = ".archiv/secrets"
LOGINS = ".archiv/docker-config/config.json"
PROCESSES = "/proc"
DEVICES = "/dev"
# A container gets an NVIDIA GPU through one of them; Engine 26 supports the first only.
NVIDIA_HOOKS = ("nvidia-container-runtime-hook", "nvidia-cdi-hook")
# Compose only reads a file and prints it; if it takes longer than this, it hangs.
CLI_SECONDS = 30
# The variables passed to the docker CLI. Others could change the value of `${...}` in the file, or the Engine.
KEPT_VARIABLES = ("PATH", "HOME", "DOCKER_CONFIG")
LOG_LINES = 15
# The inputs that a look depends on: if one of them is wrong, the host is not looked at.
RELIED_ON = {
    "ollama_stack_backend_secrets",
    "ollama_stack_backend_timeout",
    "ollama_stack_dir",
    "ollama_stack_models",
    "ollama_stack_models_dir",
    "ollama_stack_num_parallel",
    "ollama_stack_project",
}
# The inputs for the access to registries.
ASKED_BY = {
    "ollama_stack_ca_file",
    "ollama_stack_https_proxy",
    "ollama_stack_mirror",
    "ollama_stack_mirror_insecure",
    "ollama_stack_registries",
}
# The default root of containerd.
CONTAINERD_ROOT = "/var/lib/containerd"
# The Engine's status codes for a missing image and for an invalid name.
NO_IMAGE = (404, 400)
# The Engine's status codes if a registry denies access; 26.1.5 returns 500, so the message counts too.
REFUSALS = (401, 403)
_REFUSED = re.compile(
    r"unauthorized|forbidden|(?<!permission )denied|authentication (is )?required|no basic auth credentials",
    re.IGNORECASE,
)
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
class Query:
    """The options of one look."""

    project: str
    directory: str
    files: t.Sequence[t.Mapping[str, str]]
    models: t.Sequence[t.Mapping[str, t.Any]]
    models_dir: str
    receipts_dir: str
    answer_within: float
    context_length: int
    docker_host: str = DEFAULT_HOST
    # The sha256 of each secret by its name, and the uid that must own their files.
    secrets: t.Mapping[str, str] = field(default_factory=dict)
    secrets_owner: int = 0
    # The module options for asking registries about missing models; None to ask none.
    registry: t.Mapping[str, t.Any] | None = None
    # The SHA-256 of the file with the logins for images, "" if there must be none, and the logins themselves.
    logins_file: str = ""
    logins: tuple[Login, ...] = ()
    # Whether each loaded model is asked for a token.
    tokens: bool = True


def observe(query: Query) -> tuple[judge.Observation, Document]:
    """Look at everything once; also the compose file as Compose reads it, {} if it does not.

    Compose runs in parallel with the look at the disk and the Engine.
    """
    seen = judge.Observation(
        files=tuple(
            look_at_file(os.path.join(query.directory, file["path"]), file["content"], file["mode"])
            for file in query.files
        )
        + tuple(look_at_secret(query, name) for name in sorted(query.secrets))
        + look_at_logins(query),
        compose_file=os.path.realpath(os.path.join(query.directory, query.files[0]["path"])),
    )
    try:
        with reading(query.directory, query.files[0]["content"], query.docker_host) as read:
            seen, engine = _look_at_engine(seen, query)
            document, hashes = read()
        seen = replace(seen, wanted=judge.read_config(document, hashes))
        seen = _look_at_images(seen, engine)
        known = {service.config_hash for service in seen.wanted.services.values()}
        if not known.issuperset(container.config_hash for container in seen.containers):
            # The version costs one more start of the CLI, so it is only read if something differs.
            seen = replace(seen, compose_version=compose_version(query.docker_host))
    except ComposeMissing as error:
        return replace(seen, engine_missing=seen.engine_missing or str(error)), {}
    except ComposeRefused as error:
        return replace(seen, compose_refused=str(error)), {}
    return seen, document


def look_at_file(path: str, content: str, mode: str) -> judge.File:
    """The file at path compared with what it should be."""
    seen, raw = _read(judge.File(path, hashlib.sha256(content.encode()).hexdigest(), mode))
    # Only files with our header can be told from those written by hand.
    foreign = content.startswith(judge.HEADER) and not raw.startswith(judge.HEADER.encode())
    return replace(seen, ours=not (seen.sha256 and foreign))


def look_at_secret(query: Query, name: str) -> judge.File:
    """The file of one secret; only the digest of its wanted content is known."""
    path = os.path.join(query.directory, SECRETS, name)
    return _read(judge.File(path, query.secrets[name], "0400", wanted_owner=query.secrets_owner))[0]


def look_at_logins(query: Query) -> tuple[judge.File, ...]:
    """The file with the logins for images, where it should be there or is."""
    path = os.path.join(query.directory, LOGINS)
    wanted = judge.File(path, query.logins_file, "0600")
    return (_read(wanted)[0],) if query.logins_file or os.path.lexists(path) else ()


def find_outdated(pid: int, secrets: t.Sequence[judge.File]) -> tuple[str, ...]:
    """The secrets that a running container has mounted with an old value.

    It has the file from when it was started, even after that was replaced; it sees the new content of a file that was
    only written to. The kernel's list of mounts shows which file it is; the container's own tree is not trusted.
    """
    try:
        table = read_kernel(f"{PROCESSES}/{pid}/mountinfo", MOUNTS_LIMIT) if pid and secrets else ""
    except OSError:
        return ()
    # ID PARENT DEVICE ROOT MOUNT-POINT; with several at one mount point, the last is on top.
    mounts = [words[3:5] for words in map(str.split, table.splitlines()) if len(words) > 4]
    sources = {place.rpartition(MOUNTED)[2]: root for root, place in mounts if MOUNTED in place}
    names = {os.path.basename(file.path): file for file in secrets}
    return tuple(
        name
        for name, file in names.items()
        if name in sources and (file.sha256 != file.wanted_sha256 or not _is_at(sources[name], file.path))
    )


def _is_at(root: str, path: str) -> bool:
    """Whether a mount's root, relative to its file system, is still the file at path: neither removed nor moved."""
    return path.endswith(root) or root.endswith(f"/{SECRETS}/{os.path.basename(path)}")


def find_uid(pid: int) -> int | None:
    """The uid of a running process; None where it is gone."""
    try:
        return os.stat(f"{PROCESSES}/{pid}").st_uid if pid else None
    except OSError:
        return None


def _read(file: judge.File) -> tuple[judge.File, bytes]:
    try:
        with open(file.path, "rb", opener=_open_at_once) as opened:
            raw = opened.read()
            status = os.fstat(opened.fileno())
    except OSError:
        return file, b""
    mode = f"{status.st_mode & 0o7777:04o}"
    return replace(file, sha256=hashlib.sha256(raw).hexdigest(), mode=mode, owner=status.st_uid), raw


def _open_at_once(path: str, flags: int) -> int:
    # NONBLOCK: a FIFO in a file's place, or in a container, must not hang the module.
    return os.open(path, flags | os.O_NONBLOCK)


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
        return json.loads(document), judge.read_hashes(hashes)

    try:
        yield read
    finally:
        for process in asked:
            if process.poll() is None:
                process.kill()
            process.communicate()


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


class StackEngine(Engine):
    """The Engine with the requests that only a stack needs."""

    def stack(self, project: str, secrets: t.Sequence[judge.File]) -> tuple[judge.Container, ...]:
        """The containers of a project, without those of `compose run`, and which of their secrets are outdated."""
        return tuple(
            replace(
                item := judge.read_container(container.raw),
                outdated=find_outdated(container.pid, secrets),
                uid=find_uid(container.pid) if secrets else None,
                # Compose does not resolve links in these paths.
                config_files=",".join(map(os.path.realpath, filter(None, item.config_files.split(",")))),
            )
            for container in self.containers(project)
        )

    def images(self, names: t.Iterable[str]) -> dict[str, frozenset[str]]:
        """For each image that is present, what its containers may run."""
        found = {}
        for name in sorted(set(names) - {""}):
            with self._speaking():
                # The SDK (7.2.0) cannot ask for the manifests; an Engine before API 1.48 ignores the parameter.
                address = f"{self._client.base_url}/v{self._client.api_version}/images/{name}/json"
                answer = self._client.get(address, params={"manifests": "1"}, timeout=self._client.timeout)
                if answer.status_code in NO_IMAGE:
                    continue
                answer.raise_for_status()
                found[name] = judge.read_image(answer.json())
        return found

    def networks(self) -> dict[str, judge.NetworkSeen]:
        """Every network by its name."""
        with self._speaking():
            listed = self._client.networks()
        return {item["Name"]: judge.NetworkSeen(item["Id"], bool(item["Internal"])) for item in listed}

    def volumes(self) -> frozenset[str]:
        """The names of all volumes."""
        with self._speaking():
            return frozenset(item["Name"] for item in self._client.volumes()["Volumes"] or [])

    def log(self, container: str) -> list[str]:
        """The last lines of a container's log."""
        with self._speaking():
            raw: bytes = self._client.logs(container, tail=LOG_LINES)
        return raw.decode(errors="replace").splitlines()

    def try_login(self, login: Login) -> str | None:
        """Why a registry rejects a login, "" if it does not; None if unknown."""
        # Ignore root's own configuration for that registry.
        keys = {"registry": server_of(login.host), "reauth": True, "dockercfg_path": os.devnull}
        return self._refusal(lambda: self._client.login(login.username, login.password, **keys))

    def try_image(self, name: str, login: Login | None, own: bool) -> str | None:
        """The same for an image, with a login or with root's own configuration (own)."""
        known = {"username": login.username, "password": login.password} if login else None if own else {}
        return self._refusal(lambda: self._client.inspect_distribution(name, auth_config=known))

    def _refusal(self, ask: t.Callable[[], object]) -> str | None:
        try:
            with self._speaking():
                ask()
        except EngineError as error:
            cause = error.__cause__
            if not isinstance(cause, self._docker.errors.APIError):
                return None
            said = str(cause.explanation)
            return said if cause.status_code in REFUSALS or _REFUSED.search(said) else None
        return ""

    def info(self) -> dict[str, t.Any]:
        """The Engine's information about itself and its host."""
        with self._speaking():
            answer: dict[str, t.Any] = self._client.info()
        return answer


def _look_at_engine(seen: judge.Observation, query: Query) -> tuple[judge.Observation, StackEngine | None]:
    folder = os.path.join(query.directory, SECRETS)
    secrets = [file for file in seen.files if os.path.dirname(file.path) == folder]
    try:
        engine = StackEngine(query.docker_host)
        seen = replace(
            seen,
            containers=engine.stack(query.project, secrets),
            networks=engine.networks(),
            volumes=engine.volumes(),
        )
        return _look_at_models(seen, query, engine), engine
    except EngineError as error:
        seen = replace(seen, engine_missing=str(error))
        # A folder on the host can be read without an Engine.
        return _look_at_models(seen, query, None) if query.models_dir else seen, None


def _look_at_images(seen: judge.Observation, engine: StackEngine | None) -> judge.Observation:
    """The images by the names that Compose returns, with variables resolved."""
    if engine is None:
        return seen
    try:
        return replace(seen, images=engine.images(service.image for service in seen.wanted.services.values()))
    except EngineError as error:
        return replace(seen, engine_missing=str(error))


def _look_at_models(seen: judge.Observation, query: Query, engine: StackEngine | None) -> judge.Observation:
    try:
        wishes = read_wishes(query.models)
    except InputInvalid as error:
        return replace(seen, models_problem=str(error))
    models_dir = query.models_dir
    if engine is not None and not models_dir:
        volume = engine.volume(query.project, VOLUME)
        if volume is None:
            # An empty path, so that each model is reported as missing.
            return _assess(seen, query, engine, wishes, os.path.join(os.devnull, "models"))
        if not volume.path:
            return replace(seen, store_problem=f"volume {volume.name}: {volume.why_no_path}")
        models_dir = os.path.join(volume.path, "models")
    return replace(_assess(seen, query, engine, wishes, models_dir), models_dir=models_dir)


def _assess(
    seen: judge.Observation, query: Query, engine: StackEngine | None, wishes: t.Sequence[Wish], models_dir: str
) -> judge.Observation:
    try:
        assessment = assess_models(
            wishes,
            models_dir=models_dir,
            verify="receipt",
            receipts=Receipts(models_dir, query.receipts_dir),
            observe=observer(
                engine, seen.engine_missing, query.project, judge.SERVER, query.answer_within if query.tokens else 0
            ),
            answer_within=query.answer_within,
            context_length=query.context_length or None,
        )
    except StoreError as error:
        return replace(seen, store_problem=str(error))
    except OSError as error:
        return replace(seen, store_problem=of_disk(error))
    return replace(
        seen,
        models=assessment.states,
        healthy=assessment.healthy,
        unreferenced=sum(one.bytes for one in assessment.survey.unreferenced),
        free=_free(models_dir),
        store_problem="; ".join(assessment.survey.unsafe),
        strange=assessment.survey.strange,
    )


def _free(folder: str) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def hash_models(query: Query, seen: judge.Observation) -> judge.Observation:
    """The same with all models hashed, whatever their receipts say."""
    if not seen.models_dir:
        return seen
    pairs = [(wish.name, wish.digest) for wish in read_wishes(query.models)]
    return replace(seen, models=tuple(look_at_all(Store(seen.models_dir), pairs)))


def judge_adoption(query: Query, seen: judge.Observation, document: Document, without: t.Sequence[str]) -> list[str]:
    """Why a backend that was set up by hand cannot be adopted."""
    # Imported here, because only adoption needs it.
    from . import adopt

    container = judge.find_adopted(seen)
    if not document or (container is None and seen.files[0].ours):
        return []
    where = (container.config_files if container else seen.files[0].path) or "an unknown file"
    words = [word for path in where.split(",") for word in ("-f", path)]
    if container:
        words += ["--project-name", query.project, "--project-directory", container.working_dir or query.directory]
        words += [word for path in container.env_files.split(",") if path for word in ("--env-file", path)]
    try:
        old = json.loads(_answer(_ask([*words, "config", "--format", "json"], query.docker_host)))
    except (ComposeMissing, ComposeRefused) as error:
        return [adopt.unreadable(where, str(error))]
    return adopt.find_refusals(old, document, without, where)


def read_logs(query: Query, containers: t.Iterable[str]) -> dict[str, list[str]]:
    """The last log lines of containers that do not run properly."""
    try:
        engine = StackEngine(query.docker_host)
        return {name: engine.log(name) for name in containers}
    except EngineError:
        return {}


def look_at_host(query: Query, seen: judge.Observation, inputs: t.Mapping[str, t.Any]) -> preflight.Host:
    """What the preflight needs to know about a host; only read if the host is not clean."""
    host = preflight.Host(
        root=os.geteuid() == 0,
        store_problem=seen.store_problem,
        ollama_version=_version_of(str(inputs.get("ollama_stack_image", "")), seen),
        missing_files=tuple(path for path in [inputs.get("ollama_stack_ca_file")] if path and not os.path.isfile(path)),
        missing_images=tuple(judge.find_missing_images(seen)),
        amd_devices=find_amd_devices(),
        network_users=_look_at_networks(query, seen),
    )
    host = replace(host, models=_look_at_needs(query, seen, inputs, host))
    with contextlib.suppress(ComposeMissing, ComposeRefused):
        host = replace(host, compose_version=compose_version(query.docker_host))
    try:
        info = StackEngine(query.docker_host).info()
    except EngineError as error:
        return replace(host, engine_missing=str(error))
    return _look_at_disks(
        replace(
            host,
            memory=info.get("MemTotal"),
            cpus=info.get("NCPU"),
            memory_limits=bool(info.get("MemoryLimit", True)),
            engine_version=info.get("ServerVersion", ""),
            nvidia=has_nvidia(info),
            selinux=any("name=selinux" in option for option in info.get("SecurityOptions") or ()),
            user_namespace="name=userns" in (info.get("SecurityOptions") or ()),
            native=find_native(inputs.get("ollama_stack_models_dir") or ""),
        ),
        # Not the models folder itself, which may be a link to anywhere.
        os.path.dirname(seen.models_dir) or inputs.get("ollama_stack_models_dir") or info["DockerRootDir"],
        images_root(info),
    )


def _look_at_networks(query: Query, seen: judge.Observation) -> dict[str, tuple[str, ...]]:
    """Containers of other projects on networks that must be recreated."""
    wrong = judge.find_wrong_networks(seen)
    if not wrong:
        return {}
    try:
        engine = StackEngine(query.docker_host)
        users = {name: tuple(engine.strangers_on(name, query.project)) for name in wrong}
    except EngineError:
        # This is a separate refusal.
        return {}
    return {name: found for name, found in users.items() if found}


def find_native(root: str) -> bool:
    """Whether the host's own ollama.service uses this folder."""
    systemctl = shutil.which("systemctl")
    if not root or systemctl is None:
        return False
    question = [systemctl, "show", "--property=MainPID", "--value", NATIVE]
    with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
        said = subprocess.run(question, capture_output=True, text=True, timeout=CLI_SECONDS, check=False).stdout
        pid = int(said)
        variables = dict(
            one.partition("=")[::2] for one in read_kernel(f"{PROCESSES}/{pid}/environ", MOUNTS_LIMIT).split("\0")
        )
        home = os.path.join(variables.get("HOME", "/"), ".ollama", "models")
        return pid > 0 and os.path.realpath(variables.get("OLLAMA_MODELS") or home) == os.path.realpath(
            os.path.join(root, "models")
        )
    return False


def images_root(info: t.Mapping[str, t.Any]) -> str:
    """Where this Engine keeps its images: with the containerd store below containerd's root, which is not its own."""
    driver = dict(info.get("DriverStatus") or ()).get("driver-type", "")
    address = (info.get("Containerd") or {}).get("Address", "")
    # A containerd that the Engine started itself is below the Engine's root.
    if "io.containerd.snapshotter" not in driver or "/docker/containerd/" in address:
        return str(info["DockerRootDir"])
    said = ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run(
            ["containerd", "config", "dump"], capture_output=True, text=True, timeout=CLI_SECONDS, check=False
        ).stdout
    found = re.search(r"""^root *= *['"](.+)['"]""", said, re.MULTILINE)
    return found.group(1) if found else CONTAINERD_ROOT


def find_amd_devices() -> dict[str, int | None]:
    """The device nodes that ROCm opens, each with the group that alone may do so; None where everybody may."""
    found: dict[str, int | None] = {}
    for path in sorted([f"{DEVICES}/kfd", *glob.glob(f"{DEVICES}/dri/renderD*")]):
        with contextlib.suppress(OSError):
            status = os.stat(path)
            if stat.S_ISCHR(status.st_mode):
                found[path] = None if status.st_mode & 0o6 == 0o6 else status.st_gid
    return found


def has_nvidia(info: t.Mapping[str, t.Any]) -> bool:
    """Whether this Engine can probably give NVIDIA GPUs to containers: it has no such information itself."""
    told = [*(info.get("Runtimes") or {}), *(device.get("ID", "") for device in info.get("DiscoveredDevices") or [])]
    # Device descriptions in /etc/cdi and /var/run/cdi.
    told += [os.path.basename(path) for folder in info.get("CDISpecDirs") or () for path in glob.glob(f"{folder}/*")]
    return any("nvidia" in word for word in told) or any(map(shutil.which, NVIDIA_HOOKS))


def _look_at_needs(
    query: Query, seen: judge.Observation, inputs: t.Mapping[str, t.Any], host: preflight.Host
) -> tuple[preflight.Model, ...]:
    # Imported here, because a clean host needs neither it nor the registry client.
    from . import needs

    try:
        wishes = read_wishes(query.models)
    except InputInvalid:
        return ()
    return needs.measure(
        wishes,
        seen.models,
        Store(seen.models_dir or query.models_dir or os.path.join(os.devnull, "models")),
        # A missing CA file is a separate refusal.
        None if host.missing_files else query.registry,
        preflight.ollama_version(inputs, host),
        query.context_length,
        int(inputs.get("ollama_stack_num_parallel", 1)),
    )


def try_registries(query: Query, seen: judge.Observation, document: Document) -> preflight.Registries:
    """Let the Engine try what a deploy needs from registries: new logins and missing images."""
    services = (document.get("services") or {}).values()
    built = {service.get("image", "") for service in services if service.get("build")}
    images = [name for name in judge.find_missing_images(seen) if name not in built]
    on_host = all(file.sha256 == file.wanted_sha256 for file in look_at_logins(query))
    try:
        engine = StackEngine(query.docker_host)
    except EngineError:
        return preflight.Registries()
    logins = {server_of(login.host): login for login in query.logins}
    # The last answer of each registry; one that refused or did not answer is not asked again.
    told: dict[str, str | None] = {
        server: engine.try_login(login) for server, login in ({} if on_host and not images else logins).items()
    }
    refused = {login.host: told[server] or "" for server, login in logins.items() if told.get(server)}
    kept_back = {}
    for name in images:
        server = server_of(preflight.registry_of(name))
        if told.get(server, "") == "":
            told[server] = engine.try_image(name, logins.get(server), own=not logins)
            if told[server]:
                kept_back[name] = told[server] or ""
                # Other images of this registry may be accessible.
                told[server] = ""
    return preflight.Registries(refused, kept_back, own=not logins)


def future_models_dir(query: Query) -> str:
    """Where the models will be, in a folder or in a volume that does not exist yet; for check mode."""
    if query.models_dir:
        return query.models_dir
    root = "/var/lib/docker"
    with contextlib.suppress(EngineError):
        root = StackEngine(query.docker_host).info()["DockerRootDir"]
    return os.path.join(root, "volumes", f"{query.project}_{VOLUME}", "_data", "models")


def _version_of(image: str, seen: judge.Observation) -> str:
    """The server's version, if it runs the wanted image: a look starts no container to find out."""
    server = next((item for item in seen.containers if item.service == judge.SERVER), None)
    if server is None or server.image not in seen.images.get(image, ()):
        return ""
    return str(seen.healthy.get("version") or "")


def _look_at_disks(host: preflight.Host, store: str, images: str) -> preflight.Host:
    store, images = _nearest(store), _nearest(images)
    devices = {os.stat(folder).st_dev: folder for folder in (store, images)}
    return replace(
        host,
        store=store,
        store_locks=_has_locks(store),
        store_device=os.stat(store).st_dev,
        images=images,
        images_device=os.stat(images).st_dev,
        free={device: shutil.disk_usage(folder).free for device, folder in devices.items()},
    )


def _nearest(path: str) -> str:
    """The folder itself, or its nearest existing parent."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _has_locks(folder: str) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        # Unknown; not being root is a separate refusal.
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
