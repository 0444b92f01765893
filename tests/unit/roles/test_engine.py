"""Every task and every command names the host's own Engine, whatever the caller's variables and context say."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles/ollama_stack"
ENGINE = "unix:///var/run/docker.sock"
# What has nothing to do with an Engine.
NO_ENGINE = ("archiv.ollama.ollama_monitor", "archiv.ollama.ollama_lease")
FILES = sorted(ROLE.glob("tasks/*.yml"))


def tasks_of(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in listed:
        behind = task.get("archiv.ollama.in_background")
        # It is the module that it runs which asks an Engine.
        yield {"name": task["name"], behind["module"]: behind["args"]} if behind else task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def variables() -> dict[str, Any]:
    loaded: dict[str, Any] = DataLoader().load_from_file(str(ROLE / "vars/main.yml"), trusted_as_template=True)
    return {**loaded, "__ollama_stack_project": f"archiv-unit-{os.getpid()}", "ollama_stack_registries": []}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_task_names_the_engine(file: Path) -> None:
    for task in tasks_of(yaml.safe_load(file.read_text())):
        for module, options in task.items():
            if module.startswith(("community.docker.", "archiv.ollama.")) and module not in NO_ENGINE:
                assert options.get("docker_host") == "{{ __ollama_stack_engine }}", task["name"]
            if module.startswith("community.docker."):
                assert (options.get("tls"), options.get("validate_certs")) == (False, False), task["name"]
            if module in ("ansible.builtin.command", "ansible.builtin.shell"):
                assert re.search(r"(^|[\s'\"])docker(?![\w.-])", str(options)) is None, task["name"]


def test_wrapper_asks_the_hosts_engine_whatever_its_caller_has_set(tmp_path: Path) -> None:
    text = (ROLE / "templates/docker.sh.j2").read_text()
    wrapper = Templar(loader=DataLoader(), variables=variables()).template(trust_as_template(text))
    command = tmp_path / "docker"
    command.write_text("#!/bin/sh\nenv\n")
    command.chmod(0o755)
    theirs = {"DOCKER_HOST": "tcp://elsewhere:2375", "DOCKER_CONTEXT": "elsewhere", "DOCKER_TLS_VERIFY": "1"}
    done = subprocess.run(
        ["sh", "-s", "ps"],
        input=wrapper,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "OLLAMA_MEM_LIMIT": "1g", **theirs},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    given = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert given["DOCKER_HOST"] == ENGINE
    assert not given.keys() & {"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "OLLAMA_MEM_LIMIT"}
