# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the preflight needs to know about a host: devices, disks, networks, versions, needs of models. Private."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import stat
import subprocess
import typing as t
from dataclasses import replace

from .._engine.client import Engine, EngineError
from .._engine.compose import CLI_SECONDS, ComposeMissing, ComposeRefused, compose_version
from .._engine.roots import images_root
from .._model.wishes import InputInvalid, read_wishes
from .._store.disk import nearest_folder, read_kernel
from .._store.kept import spare_blobs
from .._store.paths import Store, StoreError
from . import preflight
from .actions import advise_on_port, find_foreign, find_missing_images, find_taken_port, find_wrong_networks
from .files import MOUNTS_LIMIT, PROCESSES, find_other_variant
from .peers import is_certified
from .types import SERVER, VOLUME, Query, Seen

# The unit of Ollama's own installer.
NATIVE = "ollama.service"
DEVICES = "/dev"
# systemd makes it, and nobody else.
SYSTEMD = "/run/systemd/system"
# A container gets an NVIDIA GPU through one of them; Engine 26 supports the first only.
NVIDIA_HOOKS = ("nvidia-container-runtime-hook", "nvidia-cdi-hook")


def look_at_host(query: Query, seen: Seen, inputs: t.Mapping[str, t.Any]) -> preflight.Host:
    """What the preflight needs to know about a host; only read if the host is not clean."""
    host = preflight.Host(
        root=os.geteuid() == 0,
        store_problem=seen.store_problem,
        ollama_version=_version_of(str(inputs.get("ollama_stack_image", "")), seen),
        missing_files=tuple(path for path in [inputs.get("ollama_stack_ca_file")] if path and not os.path.isfile(path)),
        certified=is_certified(inputs),
        missing_images=tuple(find_missing_images(seen)),
        amd_devices=find_amd_devices(),
        systemd=os.path.isdir(SYSTEMD),
        network_users=_look_at_networks(query, seen),
        foreign=tuple(find_foreign(seen)),
        other_variant=find_other_variant(str(inputs.get("ollama_stack_dir") or ""), query.files[0]["path"]),
    )
    host = replace(host, models=_look_at_needs(query, seen, inputs, host), spare=_look_at_spare(seen))
    with contextlib.suppress(ComposeMissing, ComposeRefused):
        host = replace(host, compose_version=compose_version(query.docker_host))
    try:
        info = Engine(query.docker_host).info()
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


def advise(query: Query, failure: str) -> list[str]:
    """What helps against a failed start beside what the verdict says."""
    port = find_taken_port(failure)
    try:
        return [advise_on_port(port, Engine(query.docker_host).users_of(port))] if port else []
    except EngineError:
        return []


def _look_at_networks(query: Query, seen: Seen) -> dict[str, tuple[str, ...]]:
    """Containers of other projects on networks that must be recreated."""
    wrong = find_wrong_networks(seen)
    if not wrong:
        return {}
    try:
        engine = Engine(query.docker_host)
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
    query: Query, seen: Seen, inputs: t.Mapping[str, t.Any], host: preflight.Host
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


def _look_at_spare(seen: Seen) -> int:
    try:
        return sum(spare_blobs(Store(seen.models_dir)).values()) if seen.models_dir else 0
    except StoreError:
        return 0


def future_models_dir(query: Query) -> str:
    """Where the models will be, in a folder or in a volume that does not exist yet; for check mode."""
    if query.models_dir:
        return query.models_dir
    root = "/var/lib/docker"
    with contextlib.suppress(EngineError):
        root = Engine(query.docker_host).info()["DockerRootDir"]
    return os.path.join(root, "volumes", f"{query.project}_{VOLUME}", "_data", "models")


def _version_of(image: str, seen: Seen) -> str:
    """The server's version, if it runs the wanted image: a look starts no container to find out."""
    server = next((item for item in seen.containers if item.service == SERVER), None)
    if server is None or image not in seen.images or server.image not in seen.images[image].runs:
        return ""
    return str(seen.healthy.get("version") or "")


def _look_at_disks(host: preflight.Host, store: str, images: str) -> preflight.Host:
    store, images = nearest_folder(store), nearest_folder(images)
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
