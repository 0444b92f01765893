"""Logins to registries on their way from the inventory to the host, and nowhere their passwords."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import yaml

from tests.render import render
from tests.unit.support.evaluate import evaluate

CANARY = "canary-7f3a"
LOGINS = [
    {"host": "reg.example:5000", "username": "me", "password": CANARY},
    {"host": "docker.io", "username": "hub", "password": 12345},
]


def test_docker_command_gets_each_login_under_the_name_it_knows(tmp_path: Path) -> None:
    hosts = {"with": {"ollama_stack_registries": LOGINS}, "without": {}}
    # Templates are the role's.
    (tmp_path / "templates").symlink_to(Path(__file__).resolve().parents[3] / "roles/ollama_stack/templates")
    told = evaluate(tmp_path, hosts, "__ollama_stack_logins_content")
    content = told["with"]["__ollama_stack_logins_content"]
    auths = content["auths"] if isinstance(content, dict) else json.loads(content)["auths"]
    pairs = {server: base64.b64decode(entry["auth"]).decode() for server, entry in auths.items()}
    assert pairs == {"reg.example:5000": f"me:{CANARY}", "https://index.docker.io/v1/": "hub:12345"}
    assert told["without"]["__ollama_stack_logins_content"] == ""


def test_init_says_that_it_cannot_log_in_where_it_cannot() -> None:
    models = [{"name": "qwen2.5:7b"}, {"name": "reg.example:5000/team/m:1"}, {"name": "other.example/team/m:1"}]
    text = render("staging-1", {"ollama_stack_registries": LOGINS, "ollama_stack_models": models})
    script = yaml.safe_load(text)["services"]["ollama-model-init"]["command"][0]
    assert 'case "$$model" in reg.example:5000/team/m:1)' in script
    assert CANARY not in text
    assert "cannot log in" not in render("staging-1", {"ollama_stack_registries": LOGINS})


def test_reading_containers_leaves_the_folder_of_the_logins_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "templates").symlink_to(Path(__file__).resolve().parents[3] / "roles/ollama_stack/templates")
    folder = tmp_path / ".archiv" / "docker-config"
    folder.mkdir(parents=True)
    (tmp_path / "docker").write_text('#!/bin/sh\necho "$DOCKER_CONFIG"\n')
    (tmp_path / "docker").chmod(0o755)
    variables = {"ollama_stack_dir": str(tmp_path), "ollama_stack_project": "archiv-unit"}
    hosts = {"one": {**variables, "ollama_stack_registries": LOGINS}}
    wrapper = evaluate(tmp_path, hosts, "__ollama_stack_cli_content")["one"]["__ollama_stack_cli_content"]

    def call(word: str) -> str:
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-s", word], input=wrapper, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert (call("ps"), list(folder.iterdir())) == ("", [])
    assert (call("compose"), [one.name for one in folder.iterdir()]) == (str(folder), ["cli-plugins"])
