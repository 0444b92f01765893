# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What speaks against a deploy to a host, found before anything is touched. Pure and private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

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

# The oldest Engine tried; an older Compose cannot pull the missing images alone.
ENGINE_FLOOR = (20, 10, 0)
COMPOSE_FLOOR = (2, 22, 0)
# What an image takes on disk when nobody knows: Ollama's own holds the CUDA libraries.
OLLAMA_IMAGE_BYTES = 6 * 1024**3
OTHER_IMAGE_BYTES = 1024**3
# How a registry fails that may answer in a moment. All else it says of a model, it will say to the fetch as well.
MAY_PASS = ("cut", "deadline", "offline", "server_error", "stalled")


@dataclass(frozen=True)
class Model:
    """What one wanted model takes, as far as anybody could say."""

    name: str
    # Bytes of memory: its files, and what its context adds to them.
    size: int = 0
    context: int = 0
    # Bytes of the disk that are yet to come.
    to_fetch: int = 0
    warm: bool = True
    # The digests of its weights, which Ollama loads once for all names.
    weights: str = ""
    # How its registry failed to name its files, and the same in words.
    trouble: str = ""
    why: str = ""


@dataclass(frozen=True)
class Host:
    """What a host brings along; None where nobody could say."""

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
    store_device: int = 0
    # Where the Engine keeps its images.
    images: str = ""
    images_device: int = 0
    missing_images: tuple[str, ...] = ()
    missing_files: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    # What the server that runs it said, where its tag does not.
    ollama_version: str = ""
    # The device nodes of AMD's GPUs, each with the group that alone may open it; None where everybody may.
    amd_devices: t.Mapping[str, int | None] = field(default_factory=dict)
    # Whether the Engine gives containers other uids than they see (userns-remap).
    user_namespace: bool = False
    # Whether the host's own ollama.service is at work in the models' folder.
    native: bool = False
    # Whether the Engine can hand NVIDIA's GPUs to a container.
    nvidia: bool | None = None
    # Whether the Engine confines containers with SELinux.
    selinux: bool = False
    # What a person made and a deploy would take over, in words.
    foreign: tuple[str, ...] = ()
    # The compose file of the other variant, where a deploy has put it into the same folder.
    other_variant: str = ""
    # Containers of others by the network that is to be made anew under them.
    network_users: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Registries:
    """What registries said of logins and images, each by its name; only refusals are told."""

    logins: t.Mapping[str, str] = field(default_factory=dict)
    images: t.Mapping[str, str] = field(default_factory=dict)
    # Whether root's own `docker login` counts.
    own: bool = True


Document = t.Mapping[str, t.Any]


def find_refusals(inputs: Inputs, document: Document, host: Host, registries: Registries = Registries()) -> list[str]:
    """One sentence for each reason; document is the compose file as Compose reads it, {} if it does not.

    What only follows from an input that is wrong is no reason of its own.
    """
    mistakes = find_mistakes(inputs)
    wrong = {mistake.variable for mistake in mistakes}
    trusted = {variable: value for variable, value in inputs.items() if variable not in wrong}
    return [
        *(mistake.text for mistake in mistakes),
        *_refuse_registries(registries),
        *_refuse_version(trusted, host),
        *_refuse_host(trusted, host),
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
    """What the server of that image says, else its tag."""
    return host.ollama_version or split_image(str(inputs.get("ollama_stack_image", "")))[1]


def _refuse_read_images(inputs: Inputs, document: Document) -> t.Iterator[str]:
    """The names that only Compose knows: those of other services, and those of ours that hold a variable."""
    given = {
        variable: str(inputs.get(variable) or "") for variable in ("ollama_stack_image", "ollama_stack_backend_image")
    }
    told = set()
    for name, service in (document.get("services") or {}).items():
        image = str(service.get("image") or "")
        ours = "ollama_stack_backend_image" if name == "backend" else "ollama_stack_image"
        if not image or image in given.values():
            continue
        if name in OURS["ollama_stack_extra_services"] and "$" in given[ours]:
            trouble = trouble_with(image)
            told.update([refuse(ours, given[ours], f"Compose reads {image}: {trouble}")] if trouble else [])
        elif not is_image(image):
            where = "ollama_stack_backend_extra" if name == "backend" else "ollama_stack_extra_services"
            told.add(f"{where}: the image of service {name} is {image!r}: {NO_IMAGE}")
    yield from sorted(told)


def _refuse_version(inputs: Inputs, host: Host) -> t.Iterator[str]:
    """Only its server says which Ollama an image is whose tag does not."""
    old = is_too_old(host.ollama_version)
    if old and "ollama_stack_image" in inputs:
        yield refuse("ollama_stack_image", inputs["ollama_stack_image"], f"Ollama {host.ollama_version} {old}")


def _refuse_registries(registries: Registries) -> t.Iterator[str]:
    for host, why in registries.logins.items():
        yield (
            f"ollama_stack_registries: {host} does not take the username and password given for it; correct them, or"
            f" take them out where it needs none (it says: {why})"
        )
    for image, why in registries.images.items():
        host = registry_of(image)
        way = (
            f"give a login for {host} in ollama_stack_registries, or `docker login {host}` as root on the host"
            if registries.own
            else f"see that ollama_stack_registries has a login for {host} that may read it"
        )
        yield f"the image {image} is not given out: {way}, and check the image's name (the registry says: {why})"


def _refuse_host(inputs: Inputs, host: Host) -> t.Iterator[str]:
    if not host.root:
        yield "the tasks run without root's rights, which Docker and the model store need: set become: true"
    yield from filter(None, (host.engine_missing, host.compose_refused))
    for what, version, floor, why in (
        ("Docker Engine", host.engine_version, ENGINE_FLOOR, "older ones were never tried"),
        ("Docker Compose", host.compose_version, COMPOSE_FLOOR, "older ones cannot pull the missing images alone"),
    ):
        found = parse_version(version)
        if found is not None and found < floor:
            yield f"{what} on the host is {version}: {dotted(floor)} or later is needed, {why}"
    if not host.memory_limits:
        yield (
            "the host's kernel has no memory control group, so no memory limit would hold:"
            " enable it on the kernel's command line (cgroup_enable=memory)"
        )
    if host.user_namespace:
        yield (
            "the Docker Engine gives the users of containers other numbers on the host (userns-remap), so that what"
            " root writes there is not root's own here: take userns-remap out of its daemon.json"
        )
    if host.native:
        yield refuse(
            "ollama_stack_models_dir",
            inputs.get("ollama_stack_models_dir"),
            "ollama.service of this host works in it and would change models behind this stack: stop it with"
            f" `systemctl disable --now ollama.service`, then chown -R root: {inputs.get('ollama_stack_models_dir')}",
        )
    if host.store_problem:
        yield f"the model store cannot be used: {host.store_problem}"
    if not host.store_locks:
        yield (
            f"ollama_stack_models_dir: the filesystem of {host.store} knows no locks, so two writers could"
            " damage a model: take a local filesystem"
        )
    for path in host.missing_files:
        yield refuse("ollama_stack_ca_file", path, "there is no such file on the host")


def _refuse_selinux(inputs: Inputs, host: Host) -> t.Iterator[str]:
    """Docker labels its own volumes, not what is mounted from the host; none of it was ever tried."""
    variables = ("ollama_stack_models_dir", "ollama_stack_ca_file", "ollama_stack_backend_secrets")
    mounted = [variable for variable in variables if inputs.get(variable)]
    if host.selinux and mounted:
        yield (
            f"the host's Docker confines containers with SELinux, under which they could not read what"
            f" {' and '.join(mounted)} mount{'s' if len(mounted) == 1 else ''} from the host: leave that out, or set"
            " selinux-enabled to false in /etc/docker/daemon.json and restart Docker"
        )


def _refuse_networks(host: Host) -> t.Iterator[str]:
    for network, users in host.network_users.items():
        yield (
            f"network {network} must be made anew, because Docker cannot change whether it is internal, and containers"
            f" of others hang on it ({', '.join(users)}): take each off it with `docker network disconnect {network}"
            f" {users[0]}`, and give it another network to reach the backend by, such as the stack's edge"
        )


def _refuse_gpu(inputs: Inputs, host: Host) -> t.Iterator[str]:
    kind = inputs.get("ollama_stack_gpu")
    if kind == "nvidia" and host.nvidia is False:
        right = (
            "nothing on the host says that Docker can hand out such a GPU: install NVIDIA's driver and its container"
            " toolkit there and restart Docker, or take none"
        )
        yield refuse("ollama_stack_gpu", kind, right)
    elif kind == "amd":
        nodes = ("/dev/kfd", "/dev/dri/renderD")
        missing = [node for node in nodes if not any(path.startswith(node) for path in host.amd_devices)]
        if missing:
            lacks = " and no ".join(missing).replace("renderD", "renderD*")
            right = f"the host has no {lacks}, which the kernel's driver amdgpu makes: load it, or take none"
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
        right = f"{owners}, and the server must be in each of them: write {sorted(set(needed.values()))} for this host"
        yield refuse("ollama_stack_gpu_groups", list(inputs.get("ollama_stack_gpu_groups", ())), right)


def _refuse_services(document: Document) -> t.Iterator[str]:
    networks = document.get("networks") or {}
    for name, service in (document.get("services") or {}).items():
        ports = service.get("ports") or []
        own = service.get("networks") or {}
        if name == "backend" and "ollama" in (service.get("depends_on") or {}):
            yield (
                "ollama_stack_backend_extra makes backend depend on ollama: without Ollama the archive would not start"
                " (ADR-034 §1); leave it out"
            )
        if name == "backend":
            yield from _refuse_cut_off(service)
        if ports and name.startswith("ollama"):
            yield f"service {name} publishes a port: Ollama has no authentication, only its network protects it"
        elif ports and own and all((networks.get(key) or {}).get("internal") for key in own):
            yield (
                f"service {name} publishes a port but is on internal networks only ({', '.join(own)}), where Docker"
                " drops the port without a word: add the network edge to it"
            )


def _refuse_ports(document: Document) -> t.Iterator[str]:
    """A port of the host that two services would have, of which Docker starts the first alone."""
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
    """What the Engine says only once it is to make the container, when the old one is gone already."""
    for name, service in (document.get("services") or {}).items():
        cpus = float(service.get("cpus") or 0)
        if host.cpus is not None and cpus > host.cpus:
            variable = " (ollama_stack_cpus)" if name == "ollama" else ""
            yield (
                f"service {name} may use {cpus:g} CPUs{variable}, and the host has {host.cpus}: Docker makes no such"
                f" container, so give at most {host.cpus}"
            )


def _refuse_cut_off(backend: Document) -> t.Iterator[str]:
    """Compose takes either key as a list or a mapping; in the other form it replaces ours instead of adding to it."""
    for key, needed, form in (
        ("environment", "APP_OLLAMA_BASEURL", "a mapping of names and values"),
        ("networks", "archiv-net", "a list of names, or a mapping with archiv-net and edge in it"),
    ):
        if needed not in (backend.get(key) or {}):
            yield (
                f"ollama_stack_backend_extra takes {needed} from backend's {key}, without which it finds no Ollama:"
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
                " Ollama loads once and shows under one name, so the other would never be seen loaded: keep one of them"
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
    # A GPU holds the weights in memory of its own, of which nothing is known here.
    if limit and limit < needed and inputs.get("ollama_stack_gpu", "none") == "none":
        yield (
            f"ollama_stack_mem_limit (or OLLAMA_MEM_LIMIT in .env) is {sized(limit)}: {_needs(together)} at every"
            " load; raise the limit, or name fewer or smaller models"
        )
    if host.memory is None or not limit:
        return
    if limit > host.memory:
        yield (
            f"ollama_stack_mem_limit (or OLLAMA_MEM_LIMIT in .env) is {sized(limit)}: the host has"
            f" {sized(host.memory)} of memory in all"
        )
    elif sum(limits.values()) > host.memory:
        others = ", ".join(f"{name} {sized(size)}" for name, size in limits.items() if size)
        yield f"the memory limits together ({others}) are more than the host's {sized(host.memory)}"


def _needs(models: t.Sequence[Model]) -> str:
    """Why it cannot fit, in words; a context that nobody could tell goes without saying."""
    parts = [
        f"{model.name} ({sized(model.size)}" + (f" and {sized(model.context)} of context)" if model.context else ")")
        for model in models
    ]
    if len(parts) == 1:
        return f"{parts[0]} alone needs more, so the kernel would kill it"
    total = sized(sum(model.size + model.context for model in models))
    return f"{' and '.join(parts)} are loaded together and need {total}, so the kernel would kill one"


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
        if free is not None and free < size:
            folder = host.store if device == host.store_device else host.images
            what = ", ".join(sizes)
            yield f"the disk of {folder} has {sized(free)} free, and about {sized(size)} are needed for {what}"


def _refuse_foreign(inputs: Inputs, host: Host) -> t.Iterator[str]:
    if host.foreign and not inputs.get("ollama_stack_adopt", True):
        yield (
            "ollama_stack_adopt is false, and something is there that this role did not make:"
            f" {'; '.join(host.foreign)}. Put what must go on into the inventory, other services into"
            " ollama_stack_extra_services, then set ollama_stack_adopt to true; the old file is kept as a dated copy."
        )


def _refuse_other_variant(inputs: Inputs, host: Host) -> t.Iterator[str]:
    """Each would take the other's wrapper and secrets for its own."""
    if host.other_variant:
        yield (
            f"{host.other_variant} belongs to the other ollama_stack_variant, and both would keep their wrapper and"
            f" their secrets in {inputs.get('ollama_stack_dir')}/.archiv: choose another ollama_stack_dir for one of"
            " them, and move its compose file there"
        )
