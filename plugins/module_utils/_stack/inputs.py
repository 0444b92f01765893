# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be meant in the role's inputs, whatever the host is. Pure and private."""

from __future__ import annotations

import contextlib
import posixpath
import re
import typing as t

from .._model.names import (
    DigestInvalid,
    NameInvalid,
    parse_digest,
    parse_name,
    refuse_port,
)
from .._model.versions import is_too_old

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_KEEP_ALIVE = re.compile(r"-?\d+|-?(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+")
_SECRET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
USER = re.compile(r"([1-9]\d*):(\d+)")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")
# A calendar event of systemd: it stands alone on a line of a unit.
_CALENDAR = re.compile(r"[A-Za-z0-9*,:./~_+ -]+")
_URL = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9_./~-]*)?")
_PROXY = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
# An image's name as Docker reads it: [registry[:port]/]path[:tag][@digest]. The registry alone may have upper case.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
# Characters with a meaning for shells and Compose; for mounted folders only those that Compose's notation uses.
_UNFIT = {
    "ollama_stack_dir": (re.compile(r"[\s:%$'\"\\]"), "whitespace, quotes, :, %, $ and \\"),
    "ollama_stack_models_dir": (re.compile(r"[\n:$\"\\]"), "double quotes, :, $ and \\"),
    "ollama_stack_ca_file": (re.compile(r"[\n:$\"\\]"), "double quotes, :, $ and \\"),
    "ollama_monitor_textfile_dir": (re.compile(r"[\s%$'\"\\]"), "whitespace, quotes, %, $ and \\"),
}
# Folders that have no other default than that of their role.
_NEEDED = {
    "ollama_stack_dir": "set the stack's folder on the host, such as /opt/archiv",
    "ollama_monitor_textfile_dir": "set node_exporter's folder, such as /var/lib/prometheus/node-exporter",
}
# Names that the compose file already uses.
OURS = {
    "ollama_stack_extra_services": ("backend", "ollama", "ollama-model-init", "ollama-warm"),
    "ollama_stack_extra_networks": ("archiv-net", "edge", "egress"),
}
# The same with the gate.
_OF_THE_GATE = {"ollama_stack_extra_services": ("gate",), "ollama_stack_extra_networks": ("inference",)}
# What an answer takes, what a question may wait for it, and what is left to tell that it waits no more.
_LEAST_QUEUE, _SPARE = 2, 2
# A question that goes to a peer may wait there for so long too.
_AT_A_PEER = 2
# Less than this is a mistake: a number without its unit.
_LEAST_MEMORY = 1024**2
Inputs = t.Mapping[str, t.Any]


class Mistake(t.NamedTuple):
    """A mistake in one input, as a sentence that starts with its name."""

    variable: str
    text: str


def find_mistakes(inputs: Inputs) -> list[Mistake]:
    """All mistakes in the inputs, independent of the host; missing inputs are not reported."""
    texts = [
        *_refuse_inputs(inputs),
        *_refuse_folders(inputs),
        *_refuse_addresses(inputs),
        *_refuse_numbers(inputs),
        *_refuse_names(inputs),
        *_refuse_models(inputs),
        *_refuse_pulls(inputs),
        *_refuse_images(inputs),
        *(_refuse_gate(inputs) if inputs.get("ollama_stack_gate") else ()),
        *(_refuse_peers(inputs) if inputs.get("ollama_stack_peers") else ()),
    ]
    return [Mistake(re.split("[ :]", text, maxsplit=1)[0], text) for text in texts]


def parse_size(text: str) -> int | None:
    """Bytes of a size with k, m or g in Compose's notation; None if it is invalid."""
    match = _SIZE.fullmatch(text.strip())
    return int(float(match.group(1)) * _UNITS[match.group(2).lower()]) if match else None


def split_image(image: str) -> tuple[str, str, str]:
    """Repository, tag and digest of an image's name; missing parts are ""."""
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = name, ""
    return repository, tag, digest


def registry_of(image: str) -> str:
    """The registry of an image's name."""
    first, slash, _ = image.partition("/")
    return first if slash and (first == "localhost" or re.search("[.:]", first)) else "docker.io"


def refuse(variable: str, value: object, what: str) -> str:
    return f"{variable} is {value!r}: {what}"


def _refuse_inputs(inputs: Inputs) -> t.Iterator[str]:
    patterns = {
        "ollama_stack_project": (_PROJECT, "Compose allows only lower case letters, digits, - and _"),
        "ollama_stack_keep_alive": (
            _KEEP_ALIVE,
            "Ollama would silently use 5m; use -1 (never unload), seconds, or a duration such as 30m",
        ),
        "ollama_stack_user": (USER, "use a numeric uid:gid, not root's"),
        "ollama_monitor_scrub": (_CALENDAR, "use a calendar event of systemd, such as weekly or Sun 03:00"),
    }
    for variable, (pattern, right) in patterns.items():
        if variable in inputs and not pattern.fullmatch(str(inputs[variable])):
            yield refuse(variable, inputs[variable], right)
    for name in inputs.get("ollama_stack_backend_secrets", ()):
        if not _SECRET.fullmatch(str(name)):
            right = "it becomes a file name: use only letters, digits, _ . -, and no . or - at the start"
            yield refuse("ollama_stack_backend_secrets", name, right)
    memory = parse_size(str(inputs.get("ollama_stack_mem_limit", "8g")))
    if memory is None or memory < _LEAST_MEMORY:
        yield refuse("ollama_stack_mem_limit", inputs["ollama_stack_mem_limit"], "use a size such as 8g or 6144m")


def _refuse_folders(inputs: Inputs) -> t.Iterator[str]:
    for variable, (unfit, named) in _UNFIT.items():
        path = str(inputs.get(variable) or "")
        clean = posixpath.normpath(path)
        if not path:
            if variable in _NEEDED and variable in inputs:
                yield refuse(variable, path, _NEEDED[variable])
        elif not path.startswith("/"):
            yield refuse(variable, path, "use an absolute path on the host")
        elif clean.strip("/") == "":
            yield refuse(variable, path, "that is the root directory of the host: use a folder of its own")
        elif clean != path:
            # Docker stores the normalized path, and it is compared as text.
            yield refuse(variable, path, f"write it without .., . and extra /, as {clean}")
        elif unfit.search(path):
            right = f"use a path without {named}, which have a special meaning to the shell or Compose"
            yield refuse(variable, path, right)


def _refuse_addresses(inputs: Inputs) -> t.Iterator[str]:
    proxy = str(inputs.get("ollama_stack_https_proxy") or "")
    if "@" in proxy:
        # Not repeated in the message, which goes to logs.
        yield "ollama_stack_https_proxy contains a password, which `docker inspect` would show: use a proxy without one"
    elif proxy and not _PROXY.fullmatch(proxy):
        yield refuse("ollama_stack_https_proxy", proxy, "write it as http://host:port")
    prometheus = str(inputs.get("ollama_stack_prometheus_url") or "")
    if "@" in prometheus:
        yield "ollama_stack_prometheus_url contains a password, which logs would show: use an address without one"
    elif prometheus and not _URL.fullmatch(prometheus):
        yield refuse("ollama_stack_prometheus_url", prometheus, "write it as http://host:port")
    address = str(inputs.get("ollama_stack_backend_address") or "")
    if address:
        # Imported only where it is needed, to keep the look at a clean host fast.
        import ipaddress

        try:
            ipaddress.ip_address(address)
        except ValueError:
            right = "use the IP address of the host to bind the port to, or leave it empty for all addresses"
            yield refuse("ollama_stack_backend_address", address, right)
    mirror = str(inputs.get("ollama_stack_mirror") or "")
    if mirror:
        from .._registry import errors, rules

        try:
            rules.check_mirror(mirror, bool(inputs.get("ollama_stack_mirror_insecure")))
        except errors.RegistryError as error:
            yield f"ollama_stack_mirror: {error}"


_LIMITS = {
    "ollama_stack_backend_port": (1, 65535),
    "ollama_stack_backend_container_port": (1, 65535),
    "ollama_stack_backend_timeout": (1, 86400),
    # The last number means "no user" to the kernel.
    "ollama_stack_backend_uid": (0, 2**32 - 2),
    "ollama_stack_cpus": (0, 4096),
    "ollama_stack_num_parallel": (1, 1024),
    "ollama_stack_max_queue": (1, 1000000),
    "ollama_stack_context_length": (0, 10000000),
    "ollama_stack_cache_ram": (0, 1048576),
    "ollama_stack_gate_answer_seconds": (1, 86400),
    "ollama_stack_gate_rate": (0, 1000000),
    "ollama_stack_gate_body_kib": (16, 1024),
    "ollama_stack_peers_port": (1, 65535),
    "ollama_stack_keep_releases": (1, 100),
    "ollama_stack_start_timeout": (1, 604800),
    "ollama_stack_health_timeout": (0, 604800),
    "ollama_monitor_interval": (5, 3600),
}


def _refuse_numbers(inputs: Inputs) -> t.Iterator[str]:
    for variable, (least, most) in _LIMITS.items():
        if variable in inputs and not least <= _number(inputs[variable]) <= most:
            yield refuse(variable, inputs[variable], f"use a number from {least} to {most}")
    groups = list(inputs.get("ollama_stack_gpu_groups", ()))
    if not all(0 <= _number(group) < 2**32 - 1 for group in groups):
        yield refuse("ollama_stack_gpu_groups", groups, "use numeric group ids from 0 to 4294967294")


def _number(value: object) -> float:
    """A number, or NaN, which is outside of all limits."""
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _refuse_names(inputs: Inputs) -> t.Iterator[str]:
    for variable, ours in OURS.items():
        gates = _OF_THE_GATE[variable] if inputs.get("ollama_stack_gate") else ()
        for name in inputs.get(variable) or ():
            if name in ours or name in gates:
                instead = (
                    "change backend with ollama_stack_backend_extra instead"
                    if name == "backend"
                    else "the compose file already uses this name: choose another"
                )
                yield refuse(variable, name, instead)


def _refuse_gate(inputs: Inputs) -> t.Iterator[str]:
    """What the gate could not do; of tokens only their names and whether each will do are known."""
    patience, answer = (
        _number(inputs.get(f"ollama_stack_{name}", 0)) for name in ("backend_timeout", "gate_answer_seconds")
    )
    others = _AT_A_PEER if inputs.get("ollama_stack_peers") else 0
    taken = _SPARE + _LEAST_QUEUE + others
    if patience - answer < taken:
        most = max(int(patience) - taken, 0)
        queue = f"queue, {others} for that of a peer" if others else "queue"
        right = (
            f"the backend waits {patience:g} s (ollama_stack_backend_timeout), of which {_LEAST_QUEUE} are left for the"
            f" {queue} and {_SPARE} to spare: "
        ) + (f"use at most {most}" if most else f"raise ollama_stack_backend_timeout to {taken + 1} or more")
        yield refuse("ollama_stack_gate_answer_seconds", inputs["ollama_stack_gate_answer_seconds"], right)
    clients = inputs.get("ollama_stack_gate_clients") or {}
    if inputs.get("ollama_stack_gate_tokens", "off") != "off" and not clients:
        right = "name at least one client and its token, for otherwise nobody can ask"
        yield refuse("ollama_stack_gate_clients", {}, right)
    for name, fit in clients.items():
        if not _SECRET.fullmatch(str(name)):
            right = "it stands in logs: use only letters, digits, _ . -, and no . or - at the start"
            yield refuse("ollama_stack_gate_clients", name, right)
        if not fit:
            yield (
                f"ollama_stack_gate_clients: the token of {name} will not do: use 32 or more of A-Z a-z 0-9 - . _ ~ + /"
                " as `openssl rand -hex 32` makes them"
            )


def _refuse_peers(inputs: Inputs) -> t.Iterator[str]:
    """Hosts that could not be asked, or could not ask this one."""
    if not inputs.get("ollama_stack_gate"):
        right = "only the gate asks other hosts: set ollama_stack_gate to true, or leave it empty"
        yield refuse("ollama_stack_peers", inputs["ollama_stack_peers"], right)
        return
    address = str(inputs.get("ollama_stack_peers_address") or "")
    if not _is_reachable(address):
        right = "set the IP address of this host at which its peers reach it, and to which alone their port is bound"
        yield refuse("ollama_stack_peers_address", address, right)
    for peer in inputs["ollama_stack_peers"]:
        if not peer["known"]:
            right = "the inventory has no such host or group"
            yield refuse("ollama_stack_peers", peer["name"], right)
            continue
        if not _HOST.fullmatch(peer["name"]):
            right = "it becomes the name of a certificate: use a host name of at most 64 characters in the inventory"
            yield refuse("ollama_stack_peers", peer["name"], right)
        if not _is_reachable(peer["address"]):
            right = f"its ollama_stack_peers_address is {peer['address']!r}: set its IP address in its host_vars"
            yield refuse("ollama_stack_peers", peer["name"], right)
        if peer["trouble"]:
            yield _refuse_certificate(inputs, peer)


def _refuse_certificate(inputs: Inputs, peer: t.Mapping[str, t.Any]) -> str:
    if inputs.get("ollama_stack_peers_ca_file"):
        right = f"it {peer['trouble']}: give the certificates of your authority, as PEM"
        return refuse("ollama_stack_peers_ca_file", peer["path"], right)
    again = " -e rotate=begin" if peer["trouble"].startswith("expired") else ""
    right = (
        f"its certificate {peer['path']} {peer['trouble']}: run"
        f" `ansible-playbook archiv.ollama.peers -l {peer['name']}{again}`, then deploy again"
    )
    return refuse("ollama_stack_peers", peer["name"], right)


def _is_reachable(address: str) -> bool:
    """Whether it is the IP address of one host."""
    import ipaddress

    try:
        # Not with a zone, which may hold any text, and means nothing to another host.
        return "%" not in address and not ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def _refuse_models(inputs: Inputs) -> t.Iterator[str]:
    if "ollama_stack_models" not in inputs:
        return
    models = inputs["ollama_stack_models"]
    if all(isinstance(model, dict) and model.get("state") == "absent" for model in models):
        yield refuse("ollama_stack_models", models, "name at least one model that is to be there")
    seen = set()
    for model in models:
        if not isinstance(model, dict) or not all(isinstance(model.get(key) or "", str) for key in ("name", "digest")):
            yield refuse("ollama_stack_models", model, "write each as {name: ..., digest: ...}, both as strings")
            continue
        try:
            name = parse_name(model.get("name", ""))
            refuse_port(name)
            if model.get("digest"):
                parse_digest(model["digest"])
        except (NameInvalid, DigestInvalid) as error:
            yield f"ollama_stack_models: {error}"
            continue
        if name.key in seen:
            yield refuse("ollama_stack_models", model["name"], "listed more than once")
        seen.add(name.key)
        if model["name"] not in (name.display, name.display.rpartition(":")[0]):
            # The keeper compares with what `ollama ps` prints.
            yield refuse("ollama_stack_models", model["name"], f"write it as Ollama shows it, {name.display}")


def _refuse_pulls(inputs: Inputs) -> t.Iterator[str]:
    """Ollama's own pull, which cannot log in."""
    logins = {str(host).lower() for host in inputs.get("ollama_stack_registries", ())}
    for model in inputs.get("ollama_stack_models", []):
        with contextlib.suppress(NameInvalid, TypeError, AttributeError, KeyError):
            host = parse_name(model["name"]).host.lower()
            if host in logins and inputs.get("ollama_stack_model_method") == "engine":
                right = f"`ollama pull` cannot log in to {host}, which hosts {model['name']}: use registry"
                yield refuse("ollama_stack_model_method", "engine", right)


def is_image(name: str) -> bool:
    """Whether this is a valid image name."""
    return _IMAGE.fullmatch(name) is not None


NO_IMAGE = "not a valid image name: write registry/name:tag in lower case"


def trouble_with(image: str) -> str:
    _, tag, digest = split_image(image)
    if not is_image(image):
        return NO_IMAGE
    if not digest and tag in ("", "latest"):
        return "the image can change under a running archive; use an exact tag or a digest"
    return ""


def _refuse_images(inputs: Inputs) -> t.Iterator[str]:
    gates = ("ollama_stack_gate_image",) if inputs.get("ollama_stack_gate") else ()
    backends = ("ollama_stack_backend_image",) if inputs.get("ollama_stack_backend", True) else ()
    for variable in ("ollama_stack_image", *backends, *gates):
        image = str(inputs.get(variable, "x:1"))
        # A name with a variable is checked as Compose resolves it.
        trouble = "" if "$" in image else trouble_with(image)
        if not image:
            yield refuse(variable, image, "set the image and its tag; there is no default")
        elif trouble:
            yield refuse(variable, image, trouble)
    image = str(inputs.get("ollama_stack_image", ""))
    old = is_too_old(split_image(image)[1])
    if old:
        yield refuse("ollama_stack_image", image, f"Ollama {split_image(image)[1]} {old}")
