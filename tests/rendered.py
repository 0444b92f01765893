"""Writes the compose file of every host of the inventories, with inputs for every part of the template, to a folder.

To see whether a change restarts anything: once before it, once after it, then `diff -r`. Contacts no host.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
INVENTORIES = ("inventory/lab", "inventory/example")
MODELS = [{"name": "a:1b"}, {"name": "reg.example:5000/team/m:1", "warm": False}, {"name": "team/b"}]
LOGINS = [{"host": "reg.example:5000", "username": "me", "password": "not shown"}]
# Together they reach every branch of the template.
VARIANTS: dict[str, dict[str, Any]] = {
    "production": {},
    "dev": {"ollama_stack_variant": "dev"},
    "models": {"ollama_stack_models": MODELS, "ollama_stack_registries": LOGINS},
    "models_behind_login": {
        "ollama_stack_models": MODELS[1:2],
        "ollama_stack_registries": [*LOGINS, {**LOGINS[0], "host": "b"}],
    },
    "unpinned": {"ollama_stack_models": MODELS, "ollama_stack_keep_alive": "30m"},
    "no_models": {"ollama_stack_models": []},
    "nvidia": {"ollama_stack_gpu": "nvidia", "ollama_stack_cpus": 2.5, "ollama_stack_context_length": 4096},
    "amd": {"ollama_stack_gpu": "amd", "ollama_stack_gpu_groups": [44, 109, 44]},
    "amd_without_groups": {"ollama_stack_gpu": "amd", "ollama_stack_gpu_groups": []},
    "away": {
        "ollama_stack_ca_file": "/etc/ssl/ca.crt",
        "ollama_stack_https_proxy": "http://proxy:3128",
        "ollama_stack_no_proxy": ["intern"],
        "ollama_stack_init_extra_hosts": {"reg.example": "192.0.2.1"},
        "ollama_stack_no_cloud": False,
    },
    "backend": {
        "ollama_stack_backend_extra": {"logging": {"driver": "none"}, "ports": ["9:9"], "environment": {"A": "b"}},
        "ollama_stack_backend_environment": {"HINT": "$it's $$", "N": 1},
        "ollama_stack_backend_secrets": {"b_key": "not shown", "a_key": "neither"},
        "ollama_stack_backend_address": "::1",
        "ollama_stack_labels": {"team": "archive", "a": "b"},
    },
    "others": {
        "ollama_stack_extra_services": {"db": {"image": "db:16", "networks": ["own"]}},
        "ollama_stack_extra_networks": {"own": {}},
        "ollama_stack_extra_volumes": {"data": {}},
        "ollama_stack_models_dir": "/srv/ollama",
        "ollama_stack_dir": "/srv/archiv",
        "ollama_stack_project": "other",
    },
}
VARIANTS["others_dev"] = {**VARIANTS["others"], "ollama_stack_variant": "dev"}


def render_all(inventory: str, variants: Mapping[str, Mapping[str, Any]] = VARIANTS) -> dict[tuple[str, str], str]:
    """The file of each host in each variant; what cannot be rendered says why."""
    role = {"name": "archiv.ollama.ollama_stack", "tasks_from": "render"}
    tasks = [
        {"name": name, "block": [{"ansible.builtin.include_role": role, "vars": dict(inputs)}]}
        | {"rescue": [{"ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}]}
        for name, inputs in variants.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "play.yml")
        path.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}], sort_keys=False))
        env = {
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".collections"),
        }
        done = subprocess.run(
            [PLAYBOOK, "-i", inventory, path], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
        )
    if "{" not in done.stdout:
        raise SystemExit(done.stderr)
    answers: dict[str, list[str]] = {}
    for task in json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]:
        for host, answer in task["hosts"].items():
            if answer["action"] == "ansible.builtin.debug":
                answers.setdefault(host, []).append(answer["msg"])
    return {(host, name): text for host, texts in answers.items() for name, text in zip(variants, texts, strict=True)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for inventory in INVENTORIES:
        for (host, name), text in render_all(inventory).items():
            path = folder / inventory / f"{host}-{name}.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
