"""Models and images of a registry that asks for a login, its tokens given out elsewhere, on the lab's staging host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from tests.lab import containers, engine, passwords
from tests.lab.settings import REGISTRY, REGISTRY_USER, ROOT, container_name

MODEL = "private.lab/library/llama3.2:1b"
IMAGE = "private.lab/archiv/backend:1.0.0"
LOGINS = "/opt/archiv/.archiv/docker-config"
Deploy = Callable[..., str]


def login(**given: str) -> dict[str, list[dict[str, str]]]:
    """The role's input with the right login, but for what is given."""
    right = {
        "host": "private.lab",
        "token_host": "auth.lab",
        "username": REGISTRY_USER,
        "password": passwords.ensure(passwords.REGISTRY_FILE),
    }
    return {"ollama_stack_registries": [{**right, **given}]}


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Deploy]:
    """Deploy to staging with these variables: its output, once its exit code is as expected; then as it was."""

    def call(variables: dict[str, Any], code: int = 0) -> str:
        tool = Path(sys.executable).with_name("ansible-playbook")
        # Not on the command line, as nobody should.
        (tmp_path / "variables.json").write_text(json.dumps(variables))
        done = subprocess.run(
            [str(tool), "playbooks/deploy.yml", "-l", "staging", "-vvv", "-e", f"@{tmp_path}/variables.json"],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        assert "Traceback" not in output
        for one in variables.get("ollama_stack_registries", ()):
            assert one["password"] not in output
        return " ".join(output.split())

    yield call
    call({})


@pytest.fixture
def host() -> Container:
    found = containers.find(engine.require(), container_name("staging-1"))
    assert found is not None
    return found


def on_host(host: Container, command: str, code: int = 0) -> str:
    result = host.exec_run(["sh", "-c", command])
    assert result.exit_code == code, result.output
    return str(result.output)


def changed(output: str) -> int:
    match = re.search(r"staging-1 .*changed=(\d+) ", output)
    assert match is not None, output
    return int(match.group(1))


def test_model_of_a_registry_that_asks_for_a_login_is_installed_with_the_right_one(
    deploy: Deploy, host: Container
) -> None:
    models = {"ollama_stack_models": [{"name": "qwen2.5:7b-instruct-q4_K_M"}, {"name": MODEL, "warm": False}]}
    deploy({})
    # A run before this one may have left it, and what is there is asked of nobody.
    on_host(host, "rm -rf /var/lib/docker/volumes/archiv_ollama-models/_data/models/manifests/private.lab")
    assert "add one to `registries` (ollama_stack_registries) with token_host: auth.lab" in deploy(models, code=2)
    wrong = deploy({**models, **login(password="canary-wrong")}, code=2)
    assert "private.lab rejected the username and password" in wrong
    elsewhere = deploy({**models, **login(token_host="private.lab")}, code=2)
    assert "auth.lab, which does not get the login for private.lab" in elsewhere
    assert changed(deploy({**models, **login()})) > 0
    assert changed(deploy({**models, **login()})) == 0


@pytest.fixture
def rotated() -> Iterator[str]:
    """Another password at the registry, for as long as the test runs."""
    registry = containers.find(engine.require(), REGISTRY)
    assert registry is not None

    def set_password(password: str) -> None:
        content = f"{REGISTRY_USER}:{password}".encode()
        registry.put_archive("/", containers.tar_of([("/etc/lab/login", content, 0o600)]))

    set_password("another-password")
    yield "another-password"
    set_password(passwords.ensure(passwords.REGISTRY_FILE))


@pytest.mark.more
def test_password_that_rotates_is_picked_up_and_an_input_that_goes_leaves_nothing(
    deploy: Deploy, host: Container, request: pytest.FixtureRequest
) -> None:
    deploy(login())
    before = on_host(host, f"stat -c '%a %U' {LOGINS} {LOGINS}/config.json; docker ps --quiet | sort")
    assert before.startswith("b'700 root\\n600 root\\n")
    new = request.getfixturevalue("rotated")
    # What is on the host is believed until it differs: nothing is asked of a registry then.
    assert changed(deploy(login())) == 0
    assert changed(deploy(login(password=new))) > 0
    assert changed(deploy(login(password=new))) == 0
    assert on_host(host, f"stat -c '%a %U' {LOGINS} {LOGINS}/config.json; docker ps --quiet | sort") == before
    on_host(host, f"docker rmi --force {IMAGE}; docker --config {LOGINS} pull {IMAGE}")
    deploy({})
    on_host(host, f"test -e {LOGINS}", code=1)
    assert changed(deploy({})) == 0


@pytest.mark.more
def test_roots_own_login_counts_without_the_input(deploy: Deploy, host: Container) -> None:
    image = {"ollama_stack_backend_image": IMAGE}
    on_host(host, f"docker rmi --force {IMAGE}; docker logout private.lab")
    assert f"access to image {IMAGE} was denied" in deploy(image, code=2)
    password = passwords.ensure(passwords.REGISTRY_FILE)
    try:
        on_host(host, f"echo {password} | docker login --username {REGISTRY_USER} --password-stdin private.lab")
        assert changed(deploy(image)) > 0
        assert changed(deploy(image)) == 0
    finally:
        on_host(host, "docker logout private.lab")
