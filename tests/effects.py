"""Which services an input restarts: the compose file rendered with each input alone another, compared by service.

`make pages` writes the table of it into docs/operations.md, and a test asks Compose on a host whether it is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.matrix.table import markdown
from tests.operations.page import SERVING
from tests.unit.support.evaluate import ROOT, evaluate

MODEL = {"name": "qwen2.5:7b-instruct-q4_K_M"}
# So that all of them reach the file.
BASE: dict[str, Any] = {
    "backend_image": "registry.example.org/archive/backend:1.4.2",
    "backend_secrets": {"db_password": "secret"},
    "gpu": "amd",
    "gate": True,
    "peers": ["archive-2"],
    "peers_address": "10.0.0.11",
    "https_proxy": "http://proxy.example.org:3128",
}
OTHER: dict[str, Any] = {
    "models": [MODEL, {"name": "llama3.2:1b"}],
    "lock_file": "/srv/lock.yml",
    "lock_policy": "warn",
    "project": "letters",
    "dir": "/srv/archiv",
    "variant": "dev",
    "adopt": True,
    "adopt_without": ["restart"],
    "memory_alert": True,
    "prometheus_url": "http://prometheus.example.org:9090",
    "monitor": True,
    "image": "ollama/ollama:0.34.3",
    "backend_image": "registry.example.org/archive/backend:1.5.0",
    "mem_limit": "6g",
    "cpus": 2,
    "keep_alive": "-2m",
    "num_parallel": 2,
    "max_queue": 4,
    "context_length": 8192,
    "cache_ram": 64,
    "no_cloud": False,
    "user": "10435:10435",
    "gpu": "nvidia",
    "gpu_groups": [44],
    "gate": False,
    "gate_image": "haproxy:3.0.12",
    "gate_tokens": "report",
    "gate_clients": {"archive": "a" * 32},
    "gate_answer_seconds": 10,
    "gate_rate": 60,
    "gate_body_kib": 64,
    "peers": [],
    "peers_address": "10.0.0.12",
    "peers_port": 11436,
    "peers_dir": "/srv/peers",
    "peers_ca_file": "/etc/ssl/peers.pem",
    "model_method": "engine",
    "mirror": "https://mirror.example.org",
    "mirror_insecure": True,
    "registries": [{"host": "registry.example.org", "username": "archive", "password": "secret"}],
    "models_dir": "/srv/models",
    "backend": False,
    "backend_port": 8081,
    "backend_container_port": 8081,
    "backend_address": "127.0.0.1",
    "backend_timeout": 30,
    "backend_environment": {"ARCHIVE_LANGUAGE": "de"},
    "backend_secrets": {"api_key": "secret"},
    "backend_uid": 10001,
    "backend_extra": {"init": True},
    "extra_services": {"db": {"image": "postgres:17.6"}},
    "extra_networks": {"db-net": {}},
    "extra_volumes": {"db-data": {}},
    "labels": {"team": "archive"},
    "logging": {"driver": "local"},
    "https_proxy": "http://proxy.example.org:8080",
    "no_proxy": ["registry.example.org"],
    "ca_file": "/etc/ssl/example.pem",
    "init_extra_hosts": {"registry.example.org": "10.0.0.1"},
    "serial": ["100%"],
    "keep_releases": 3,
    "backend_reversible": True,
    "start_timeout": 60,
    "health_timeout": 60,
    "remove_models": True,
}
# What they change is which stack is meant.
ANOTHER_STACK = ("project", "dir", "variant")
# What the compose file does not show. An input that does not reach it has a row for its note alone.
NOTES = {
    "models": "`backend` too where the first model changes. A digest alone is no change of the file: where it means "
    "other bytes, `ollama` is restarted for them",
    "gate": "Ollama moves to another network",
    **dict.fromkeys(("gate_tokens", "gate_clients", "gate_rate"), "the gate reads its files anew"),
    **dict.fromkeys(
        ("peers", "peers_address", "peers_port"),
        "nothing where one peer more or less is named, or a certificate replaced: it reads its files anew",
    ),
    "backend": "it is made; where it is no longer wanted it is reported and runs on, until you remove it",
    **dict.fromkeys(("registries", "backend_uid"), "files beside the compose file are written"),
    **dict.fromkeys(("extra_services", "extra_networks", "extra_volumes"), "but the services that they describe"),
    **dict.fromkeys(("https_proxy", "no_proxy", "ca_file", "init_extra_hosts"), "the init service is made anew"),
    **dict.fromkeys(ANOTHER_STACK, "they name another stack: remove the old one first"),
}


def rendered(folder: Path) -> dict[str, str]:
    """The compose file with each input alone another, and as `base` with none."""
    (folder / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    hosts = {name: BASE | {name: value} for name, value in OTHER.items()} | {"base": BASE}
    answers = evaluate(
        folder,
        {host: {f"ollama_stack_{name}": value for name, value in given.items()} for host, given in hosts.items()},
        "__ollama_stack_content",
    )
    return {host: str(answer["__ollama_stack_content"]) for host, answer in answers.items()}


def services(text: str) -> Mapping[str, Any]:
    """What Compose compares of each service."""
    found: Mapping[str, Any] = yaml.safe_load(text)["services"]
    return found


def restarted(new: Mapping[str, Any], old: Mapping[str, Any]) -> set[str]:
    """Of what serves, what is not the same, and with the server the keeper, which `restart: true` ties to it."""
    changed = {name for name in SERVING if new.get(name) != old[name]}
    return changed | ({"ollama-warm"} if "ollama" in changed else set())


def all_restarted(of: Mapping[str, Mapping[str, Any]]) -> dict[str, set[str]]:
    """By each input, from the services of each file of `rendered`."""
    return {name: set() if name in ANOTHER_STACK else restarted(of[name], of["base"]) for name in OTHER}


def table(files: Mapping[str, str]) -> str:
    """What the page shows: inputs with the same effect and note share a row."""
    rows: dict[str, list[str]] = {}
    for name, told in all_restarted({name: services(text) for name, text in files.items()}).items():
        if name in NOTES or files[name] != files["base"]:
            note = f"; {NOTES[name]}" if name in NOTES else ""
            rows.setdefault(_listed(sorted(told)) + note, []).append(f"ollama_stack_{name}")
    return markdown(["input", "restarts"], [[_listed(names), effect] for effect, names in rows.items()])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nothing"
