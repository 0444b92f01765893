# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every reason to refuse a deploy to a host, found before anything is changed. Pure and private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._engine.compose import Document
from .._model.units import sized
from .._model.versions import dotted, is_too_old, parse_version
from .inputs import (
    NO_IMAGE,
    OURS,
    USER,
    Inputs,
    find_mistakes,
    is_image,
    refuse,
    registry_of,
    split_image,
    trouble_with,
)
from .peers import refuse_uncertified

# The oldest Engine tried; an older Compose cannot pull the missing images alone.
ENGINE_FLOOR = (20, 10, 0)
COMPOSE_FLOOR = (2, 22, 0)
# The assumed size of images: Ollama's own contains the CUDA libraries.
OLLAMA_IMAGE_BYTES = 6 * 1024**3
OTHER_IMAGE_BYTES = 1024**3
# Temporary errors of registries. All others would also fail the download.
MAY_PASS = ("cut", "deadline", "offline", "server_error", "stalled")


@dataclass(frozen=True)
class Model:
    """What one wanted model needs, as far as known."""

    name: str
    # Bytes of memory: for its files, and for its context.
    size: int = 0
    context: int = 0
    # Bytes on disk that are still to be downloaded.
    to_fetch: int = 0
    warm: bool = True
    # The digests of its weights, which Ollama loads once for all names that share them.
    weights: str = ""
    # The kind of its registry's error, and the message.
    trouble: str = ""
    why: str = ""


@dataclass(frozen=True)
class Host:
    """What is known about a host; None if unknown."""

    root: bool = True
    memory: int | None = None
    cpus: int | None = None
    memory_limits: bool = True
    # Why there is no answer from the Engine, or from Compose for the file; "" where there is one.
    engine_missing: str = ""
    compose_refused: str = ""
    engine_version: str = ""
    compose_version: str = ""
    store: str = ""
    store_locks: bool = True
    store_problem: str = ""
    # Free bytes by filesystem (its device number), and which filesystem holds what.
    free: t.Mapping[int, int] = field(default_factory=dict)
    # Bytes in the store that only older releases need.
    spare: int = 0
    store_device: int = 0
    # Where the Engine keeps its images.
    images: str = ""
    images_device: int = 0
    missing_images: tuple[str, ...] = ()
    missing_files: tuple[str, ...] = ()
    # Whether the key and certificate that this host shows to its peers is there; None where it needs none.
    certified: bool | None = None
    models: tuple[Model, ...] = ()
    # The version from the running server, if the tag has none.
    ollama_version: str = ""
    # The device nodes of AMD's GPUs, each with the group that alone may open it; None where everybody may.
    amd_devices: t.Mapping[str, int | None] = field(default_factory=dict)
    # Whether the Engine maps container users to other uids (userns-remap).
    user_namespace: bool = False
    # Whether the host's own ollama.service uses the models' folder.
    native: bool = False
    # Whether the Engine can give NVIDIA GPUs to a container.
    nvidia: bool | None = None
    # Whether the Engine runs containers under SELinux.
    selinux: bool = False
    # What was created by hand and a deploy would take over, in words.
    foreign: tuple[str, ...] = ()
    # The compose file of the other variant, where a deploy has put it into the same folder.
    other_variant: str = ""
    # Whether systemd runs it.
    systemd: bool = True
    # Containers of other projects, by the network that must be recreated.
    network_users: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Registries:
    """The registries' answers about logins and images, by name; only refusals."""

    logins: t.Mapping[str, str] = field(default_factory=dict)
    images: t.Mapping[str, str] = field(default_factory=dict)
    # Whether root's own `docker login` is used.
    own: bool = True


def find_refusals(inputs: Inputs, document: Document, host: Host, registries: Registries = Registries()) -> list[str]:
    """All refusals, one sentence each; document is the compose file as Compose reads it, {} if it cannot.

    What only follows from a wrong input is not reported separately.
    """
    mistakes = find_mistakes(inputs)
    wrong = {mistake.variable for mistake in mistakes}
    trusted = {variable: value for variable, value in inputs.items() if variable not in wrong}
    return [
        *(mistake.text for mistake in mistakes),
        *_refuse_registries(registries),
        *_refuse_version(trusted, host),
        *_refuse_host(trusted, host),
        *refuse_uncertified(trusted, host.certified),
        *_refuse_monitor(trusted, host),
        *_refuse_gpu(trusted, host),
        *_refuse_selinux(trusted, host),
        *_refuse_networks(host),
        *_refuse_unknown(trusted, host),
        *_refuse_twins(host),
        *_refuse_read_images(inputs, document),
        *_refuse_services(document),
        *_refuse_ports(document),
        *(() if "ollama_stack_cpus" in wrong else _refuse_cpus(document, host)),
        *(() if "ollama_stack_mem_limit" in wrong else _refuse_memory(inputs, document, host)),
        *_refuse_disk(host),
        *_refuse_foreign(trusted, host),
        *_refuse_other_variant(trusted, host),
    ]


def ollama_version(inputs: Inputs, host: Host) -> str:
    """The version from the server of that image, else from its tag."""
    return host.ollama_version or split_image(str(inputs.get("ollama_stack_image", "")))[1]


# The services that do not run Ollama's image, with the input that names theirs.
_IMAGES = {"backend": "ollama_stack_backend_image", "gate": "ollama_stack_gate_image"}


def _refuse_read_images(inputs: Inputs, document: Document) -> t.Iterator[str]:
    """The image names that only Compose resolves: those of other services, and ours that contain a variable."""
    given = {
        variable: str(inputs.get(variable) or "")
        for variable in ("ollama_stack_image", "ollama_stack_backend_image", "ollama_stack_gate_image")
    }
    told = set()
    for name, service in (document.get("services") or {}).items():
        image = str(service.get("image") or "")
        ours = _IMAGES.get(name, "ollama_stack_image")
        if not image or image in given.values():
            continue
        if name in (*OURS["ollama_stack_extra_services"], *_IMAGES) and "$" in given[ours]:
            trouble = trouble_with(image)
            told.update([refuse(ours, given[ours], f"Compose reads it as {image}: {trouble}")] if trouble else [])
        elif not is_image(image):
            where = "ollama_stack_backend_extra" if name == "backend" else "ollama_stack_extra_services"
            told.add(f"{where}: the image of service {name} is {image!r}: {NO_IMAGE}")
    yield from sorted(told)


def _refuse_version(inputs: Inputs, host: Host) -> t.Iterator[str]:
    """If the tag has no version, only the running server tells it."""
    old = is_too_old(host.ollama_version)
    if old and "ollama_stack_image" in inputs:
        yield refuse("ollama_stack_image", inputs["ollama_stack_image"], f"Ollama {host.ollama_version} {old}")


def _refuse_registries(registries: Registries) -> t.Iterator[str]:
    for host, why in registries.logins.items():
        yield (
            f"ollama_stack_registries: {host} rejected the username and password; correct them, or"
            f" remove them if it needs no login (it says: {why})"
        )
    for image, why in registries.images.items():
        host = registry_of(image)
        way = (
            f"add a login for {host} to ollama_stack_registries, or run `docker login {host}` as root on the host"
            if registries.own
            else f"check that the login for {host} in ollama_stack_registries may pull it"
        )
        yield f"access to image {image} was denied: {way}, and check the image name (the registry says: {why})"


def _refuse_host(inputs: Inputs, host: Host) -> t.Iterator[str]:
    if not host.root:
        yield "the tasks do not run as root, which Docker and the model store require: set become: true"
    yield from filter(None, (host.engine_missing, host.compose_refused))
    for what, version, floor, why in (
        ("Docker Engine", host.engine_version, ENGINE_FLOOR, "older versions were never tested"),
        ("Docker Compose", host.compose_version, COMPOSE_FLOOR, "older versions cannot pull only the missing images"),
    ):
        found = parse_version(version)
        if found is not None and found < floor:
            yield f"{what} on the host is {version}: {dotted(floor)} or later is required, {why}"
    if not host.memory_limits:
        yield (
            "the host's kernel has no memory cgroup, so memory limits have no effect:"
            " enable it on the kernel command line (cgroup_enable=memory)"
        )
    if host.user_namespace:
        yield (
            "the Docker Engine maps container users to other uids on the host (userns-remap), so files that"
            " root writes in a container do not belong to root on the host: remove userns-remap from its daemon.json"
        )
    if host.native:
        yield refuse(
            "ollama_stack_models_dir",
            inputs.get("ollama_stack_models_dir"),
            "ollama.service on this host also uses this folder and would change its models: stop it with"
            f" `systemctl disable --now ollama.service`, then chown -R root: {inputs.get('ollama_stack_models_dir')}",
        )
    if host.store_problem:
        yield f"the model store cannot be used: {host.store_problem}"
    if not host.store_locks:
        yield (
            f"ollama_stack_models_dir: the filesystem of {host.store} does not support file locks, so two writers could"
            " damage a model: use a local filesystem"
        )
    for path in host.missing_files:
        yield refuse("ollama_stack_ca_file", path, "there is no such file on the host")


def _refuse_monitor(inputs: Inputs, host: Host) -> t.Iterator[str]:
    if inputs.get("ollama_stack_monitor") and not host.systemd:
        yield refuse("ollama_stack_monitor", True, "the host does not run systemd, whose timers it needs: use false")


def _refuse_selinux(inputs: Inputs, host: Host) -> t.Iterator[str]:
    """Docker labels its own volumes, but not mounts from the host; this was never tested."""
    variables = ("ollama_stack_models_dir", "ollama_stack_ca_file", "ollama_stack_backend_secrets", "ollama_stack_gate")
    mounted = [variable for variable in variables if inputs.get(variable)]
    if host.selinux and mounted:
        yield (
            f"Docker on the host runs containers under SELinux, which does not let them read what"
            f" {' and '.join(mounted)} mount{'s' if len(mounted) == 1 else ''} from the host: remove that, or set"
            " selinux-enabled to false in /etc/docker/daemon.json and restart Docker"
        )


def _refuse_networks(host: Host) -> t.Iterator[str]:
    for network, users in host.network_users.items():
        yield (
            f"network {network} must be recreated, because Docker cannot change whether it is internal, but containers"
            f" of other projects use it ({', '.join(users)}): disconnect each with `docker network disconnect {network}"
            f" {users[0]}`, and connect it to another network of the backend, such as the stack's edge"
        )


def _refuse_gpu(inputs: Inputs, host: Host) -> t.Iterator[str]:
    kind = inputs.get("ollama_stack_gpu")
    if kind == "nvidia" and host.nvidia is False:
        right = (
            "found no NVIDIA runtime for Docker on the host: install the NVIDIA driver and its Container"
            " Toolkit there and restart Docker, or use none"
        )
        yield refuse("ollama_stack_gpu", kind, right)
    elif kind == "amd":
        nodes = ("/dev/kfd", "/dev/dri/renderD")
        missing = [node for node in nodes if not any(path.startswith(node) for path in host.amd_devices)]
        if missing:
            lacks = " and no ".join(missing).replace("renderD", "renderD*")
            right = f"the host has no {lacks}, which the kernel driver amdgpu creates: load it, or use none"
            yield refuse("ollama_stack_gpu", kind, right)
        else:
            yield from _refuse_groups(inputs, host)


def _refuse_groups(inputs: Inputs, host: Host) -> t.Iterator[str]:
    needed = {path: group for path, group in host.amd_devices.items() if group is not None}
    user = USER.fullmatch(str(inputs.get("ollama_stack_user", "")))
    given = {int(group) for group in inputs.get("ollama_stack_gpu_groups", ())}
    if set(needed.values()) - given - {int(user.group(2)) if user else -1}:
        owners = ", ".join(f"{path} to group {group}" for path, group in needed.items()).replace(
            " to", " belongs to", 1
        )
        right = f"{owners}, and the server must be in each of them: set {sorted(set(needed.values()))} for this host"
        yield refuse("ollama_stack_gpu_groups", list(inputs.get("ollama_stack_gpu_groups", ())), right)


def _refuse_services(document: Document) -> t.Iterator[str]:
    networks = document.get("networks") or {}
    for name, service in (document.get("services") or {}).items():
        ports = service.get("ports") or []
        own = service.get("networks") or {}
        if name == "backend" and "ollama" in (service.get("depends_on") or {}):
            yield (
                "ollama_stack_backend_extra makes backend depend on ollama: without Ollama the archive would not start"
                " (ADR-034 §1); remove that dependency"
            )
        if name == "backend":
            yield from _refuse_cut_off(service)
        if ports and name.startswith("ollama"):
            yield f"service {name} publishes a port: Ollama has no authentication, only its network protects it"
        elif ports and own and all((networks.get(key) or {}).get("internal") for key in own):
            yield (
                f"service {name} publishes a port but is on internal networks only ({', '.join(own)}), where Docker"
                " silently ignores the port: add the network edge to it"
            )


def _refuse_ports(document: Document) -> t.Iterator[str]:
    """A host port that two services publish, of which Docker starts only the first."""
    taken: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, service in (document.get("services") or {}).items():
        for port in service.get("ports") or []:
            if str(port.get("published") or "").isdigit():
                key = (str(port["published"]), str(port.get("protocol") or "tcp"))
                taken.setdefault(key, []).append((name, str(port.get("host_ip") or "")))
    for (number, protocol), users in taken.items():
        everywhere = any(address in ("", "0.0.0.0", "::") for _, address in users)
        addresses = [address for _, address in users]
        if len(users) > 1 and (everywhere or len(set(addresses)) < len(addresses)):
            names = " and ".join(dict.fromkeys(name for name, _ in users))
            yield (
                f"port {number}/{protocol} of the host is published more than once, by {names}: choose another"
                " ollama_stack_backend_port, or another port in ollama_stack_extra_services or"
                " ollama_stack_backend_extra"
            )


def _refuse_cpus(document: Document, host: Host) -> t.Iterator[str]:
    """The Engine only reports this when it creates the container, when the old one is already removed."""
    for name, service in (document.get("services") or {}).items():
        cpus = float(service.get("cpus") or 0)
        if host.cpus is not None and cpus > host.cpus:
            variable = " (ollama_stack_cpus)" if name == "ollama" else ""
            yield (
                f"service {name} may use {cpus:g} CPUs{variable}, and the host has {host.cpus}: Docker refuses such a"
                f" container, so set at most {host.cpus}"
            )


def _refuse_cut_off(backend: Document) -> t.Iterator[str]:
    """Compose takes either key as a list or a mapping; in the other form it replaces ours instead of adding to it."""
    for key, needed, form in (
        ("environment", "APP_OLLAMA_BASEURL", "a mapping of names and values"),
        ("networks", "archiv-net", "a list of names, or a mapping with archiv-net and edge in it"),
    ):
        if needed not in (backend.get(key) or {}):
            yield (
                f"ollama_stack_backend_extra removes {needed} from backend's {key}, so backend cannot find Ollama:"
                f" write {key} as {form}"
            )


def _refuse_unknown(inputs: Inputs, host: Host) -> t.Iterator[str]:
    for model in host.models:
        if model.trouble == "needs_newer_ollama":
            yield refuse("ollama_stack_image", inputs.get("ollama_stack_image", ""), model.why)
        elif model.trouble and model.trouble not in MAY_PASS:
            yield refuse("ollama_stack_models", model.name, model.why)


def _refuse_twins(host: Host) -> t.Iterator[str]:
    for weights in dict.fromkeys(model.weights for model in host.models if model.weights):
        twins = [model for model in host.models if model.weights == weights]
        if len(twins) > 1 and any(model.warm for model in twins):
            # Tried with 0.34.2: the second is answered, and `ollama ps` still shows the first alone.
            yield (
                f"ollama_stack_models: {' and '.join(model.name for model in twins)} have the same weights, which"
                " Ollama loads once and shows under one name, so the other never shows as loaded: keep one of them"
            )


def loaded_together(models: t.Iterable[Model]) -> list[Model]:
    """What the server may hold at once: all that stay loaded, and the largest of those that take turns."""
    each = sorted(models, key=lambda one: one.size + one.context)
    return [model for model in each if model.warm] + [model for model in each if not model.warm][-1:]


def _refuse_memory(inputs: Inputs, document: Document, host: Host) -> t.Iterator[str]:
    services = document.get("services") or {}
    limits = {name: int(service.get("mem_limit") or 0) for name, service in services.items()}
    limit = limits.get("ollama", 0)
    together = loaded_together(host.models)
    needed = sum(model.size + model.context for model in together)
    # With a GPU the weights are in its own memory, whose size is not known here.
    if limit and limit < needed and inputs.get("ollama_stack_gpu", "none") == "none":
        yield (
            f"ollama_stack_mem_limit (or OLLAMA_MEM_LIMIT in .env) is {sized(limit)}: {_needs(together)} at every"
            " load; raise the limit, or use fewer or smaller models"
        )
    if host.memory is None or not limit:
        return
    if limit > host.memory:
        yield (
            f"ollama_stack_mem_limit (or OLLAMA_MEM_LIMIT in .env) is {sized(limit)}: the host has only"
            f" {sized(host.memory)} of memory"
        )
    elif sum(limits.values()) > host.memory:
        others = ", ".join(f"{name} {sized(size)}" for name, size in limits.items() if size)
        yield f"the memory limits ({others}) add up to more than the host's {sized(host.memory)}"


def _needs(models: t.Sequence[Model]) -> str:
    """Why it does not fit, as text; an unknown context is left out."""
    parts = [
        f"{model.name} ({sized(model.size)}" + (f" and {sized(model.context)} of context)" if model.context else ")")
        for model in models
    ]
    if len(parts) == 1:
        return f"{parts[0]} alone needs more, so it would run out of memory"
    total = sized(sum(model.size + model.context for model in models))
    return f"{' and '.join(parts)} are loaded together and need {total}, so one would run out of memory"


def _refuse_disk(host: Host) -> t.Iterator[str]:
    needed: dict[int, dict[str, int]] = {}
    for model in host.models:
        if model.to_fetch:
            needed.setdefault(host.store_device, {})[model.name] = model.to_fetch
    for image in host.missing_images:
        size = OLLAMA_IMAGE_BYTES if "ollama" in image.rpartition("/")[2] else OTHER_IMAGE_BYTES
        needed.setdefault(host.images_device, {})[image] = size
    for device, sizes in needed.items():
        free, size = host.free.get(device), sum(sizes.values())
        # Models of older releases go before the disk is full.
        free = free + host.spare if free is not None and device == host.store_device else free
        if free is not None and free < size:
            folder = host.store if device == host.store_device else host.images
            what = ", ".join(sizes)
            yield f"not enough disk space in {folder}: {sized(free)} free, about {sized(size)} needed for {what}"


def _refuse_foreign(inputs: Inputs, host: Host) -> t.Iterator[str]:
    if host.foreign and not inputs.get("ollama_stack_adopt", True):
        yield (
            "ollama_stack_adopt is false, but the host has a stack that archiv.ollama does not manage:"
            f" {'; '.join(host.foreign)}. Add what must be kept to the inventory, other services to"
            " ollama_stack_extra_services, then set ollama_stack_adopt to true; the old file is kept as a dated copy."
        )


def _refuse_other_variant(inputs: Inputs, host: Host) -> t.Iterator[str]:
    """Each would take the other's wrapper and secrets for its own."""
    if host.other_variant:
        yield (
            f"{host.other_variant} belongs to the other ollama_stack_variant, and both would use the wrapper and"
            f" their secrets in {inputs.get('ollama_stack_dir')}/.archiv: choose another ollama_stack_dir for one of"
            " them, and move its compose file there"
        )
