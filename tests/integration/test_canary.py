"""Secrets go through every mode of the playbooks on the staging host, and each is in its own file and nowhere else."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from tests.lab import containers, engine, passwords
from tests.lab.settings import REGISTRY_USER, ROOT, container_name

SECRET_FILE = "/opt/archiv/.archiv/secrets/letter"
TOKEN_FILE = "/opt/archiv/.archiv/secrets/token"
LOGIN_FILE = "/opt/archiv/.archiv/docker-config/config.json"
DONE, REFUSED = 0, 2
# What the host tells when it is asked.
TOLD = {
    "docker inspect": "docker ps --all --quiet | xargs docker inspect",
    "docker logs": "for each in $(docker ps --all --quiet); do docker logs $each 2>&1; done",
    "docker events": "docker events --since 1h --until 0s",
    "docker compose config": "cd /opt/archiv && docker compose --file docker-compose.prod.yml config",
    "the journal": "journalctl --no-pager --output verbose",
    "ollama-stack status": "ollama-stack status --json || test $? = 1",
    "ollama-stack metrics": "ollama-stack metrics",
    "ollama-stack history": "ollama-stack history -n 2000 --json",
    "wanted.json": "cat /var/lib/archiv-ollama/wanted.json",
}
# Of each only what is not another file system: a container's view of its secret is the one file itself.
PLACES = ("/", "/run", "/tmp", "/dev/shm", "/var/lib/docker")


class Canaries:
    """Values that nobody has by chance, found in whichever way they are written."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.forms = {form: name for name, value in values.items() for form in forms(value)}
        self.pattern = re.compile("|".join(map(re.escape, self.forms)))

    def found_in(self, text: str) -> list[str]:
        return sorted({self.forms[form] for form in self.pattern.findall(text)})


def forms(value: str) -> list[str]:
    """As it is, and as base64, where it may begin at any of three places; a login has the user before it."""
    ahead = ("", "x", "xx", f"{REGISTRY_USER}:")
    return [value, *(base64.b64encode(f"{each}{value}".encode()).decode()[4:-4] for each in ahead)]


@dataclass
class Watch:
    """What the processes of this machine, those in the lab's containers among them, are started with."""

    canaries: Canaries
    found: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def look(self) -> None:
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    text = (process / name).read_bytes().decode(errors="replace")
                except OSError:
                    continue
                self.seen.add(text.partition("\0")[0])
                self.found |= {f"{canary} in {name} of {text[:80]!r}" for canary in self.canaries.found_in(text)}

    @contextmanager
    def going(self) -> Iterator[None]:
        ended = threading.Event()

        def go_on() -> None:
            while not ended.wait(0.05):
                self.look()

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@dataclass
class Evidence:
    """All that was said and left while the secrets went through, by where."""

    canaries: Canaries
    watch: Watch
    tmp: Path
    said: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)

    def play(self, title: str, playbook: str, given: dict[str, Any], *options: str, code: int = DONE) -> None:
        # On the controller the secrets are in a file too, which is the operator's.
        variables = self.tmp / "given.json"
        variables.write_text(json.dumps({"ollama_stack_monitor": True, "ollama_stack_backend_uid": 10001, **given}))
        as_much_as_it_can_say = {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(self.tmp / "left/log"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.tmp / "left/facts"),
            "ANSIBLE_RETRY_FILES_ENABLED": "1",
            "ANSIBLE_RETRY_FILES_SAVE_PATH": str(self.tmp / "left/retry"),
            "ANSIBLE_LOCAL_TEMP": str(self.tmp / "left/ansible"),
        }
        done = subprocess.run(
            [tool(), f"playbooks/{playbook}.yml", "-l", "staging", "-vvv", "-e", f"@{variables}", *options],
            cwd=ROOT,
            env={**os.environ, **as_much_as_it_can_say},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        variables.unlink()
        self.said[title] = done.stdout + done.stderr
        assert done.returncode == code, f"{title}: {done.stdout[-4000:]}{done.stderr[-2000:]}"

    def leaks(self) -> list[str]:
        """All that says too much, and what it says."""
        return [f"{name} in {where}" for where, text in self.said.items() for name in self.canaries.found_in(text)]


def tool() -> str:
    return str(Path(sys.executable).with_name("ansible-playbook"))


def with_secrets(letter: str, password: str, token: str) -> dict[str, Any]:
    login = {"host": "private.lab", "token_host": "auth.lab", "username": REGISTRY_USER, "password": password}
    return {
        "ollama_stack_backend_secrets": {"letter": letter, "token": token},
        "ollama_stack_backend_environment": {"APP_OLLAMA_TOKEN_FILE": "/run/secrets/token"},
        "ollama_stack_registries": [login],
        "ollama_stack_backend_image": "private.lab/archiv/backend:1.0.0",
        "ollama_stack_gate": True,
        "ollama_stack_gate_tokens": "require",
        "ollama_stack_gate_clients": {"archive": token},
    }


def on(host: Container, command: str) -> str:
    done = host.exec_run(["sh", "-c", command])
    assert done.exit_code == 0, done.output
    assert isinstance(done.output, bytes)
    return done.output.decode(errors="replace")


def files_with(host: Container, canaries: Canaries) -> list[str]:
    """Every file of the host that holds one, images and the Engine's own among them."""
    host.put_archive("/", containers.tar_of([("/root/canaries", "\n".join(canaries.forms).encode(), 0o600)]))
    search = "grep -rlaF --devices=skip --exclude-dir=proc --exclude-dir=sys --exclude=canaries -f /root/canaries"
    # 1 is none, 2 that some went away while it looked.
    found = on(host, f"{search} {' '.join(PLACES)} 2>/dev/null || test $? -le 2; rm /root/canaries")
    return sorted(set(found.split()))


@pytest.fixture(scope="module")
def host() -> Container:
    found = containers.find(engine.require(), container_name("staging-1"))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def evidence(host: Container, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """What all modes said and left."""
    canaries = Canaries(
        secret=secrets.token_hex(16),
        rotated=secrets.token_hex(16),
        wrong=secrets.token_hex(16),
        token=secrets.token_hex(16),
        password=passwords.ensure(passwords.REGISTRY_FILE),
    )
    seen = Evidence(canaries, Watch(canaries), tmp_path_factory.mktemp("canary"))
    (seen.tmp / "left").mkdir()
    with seen.watch.going():
        go_through(seen, host)
    yield seen
    seen.play("afterwards", "deploy", {"ollama_stack_monitor": False})


def go_through(seen: Evidence, host: Container) -> None:
    values = seen.canaries.values
    password, token = values["password"], values["token"]
    first, second = (with_secrets(values[name], password, token) for name in ("secret", "rotated"))
    removed = ("-e", "teardown_confirmed=archiv")
    page, lock = seen.tmp / "left/status", ("-e", f"ollama_stack_lock_file={seen.tmp}/left/lock.yml")
    seen.play("a teardown before", "teardown", first, *removed)
    seen.play("a check on a host that has nothing", "deploy", first, "--check", "--diff")
    seen.play("a first deploy", "deploy", first, "--diff")
    seen.play("a check of a rotation", "deploy", second, "--check", "--diff")
    seen.play("a rotation", "deploy", second, "--diff")
    wrong = with_secrets(values["secret"], values["wrong"], token)
    seen.play("a deploy with a wrong password", "deploy", wrong, "--diff", code=REFUSED)
    absent = {**first, "ollama_stack_backend_image": "private.lab/archiv/backend:9.9.9"}
    seen.play("a deploy of an image that is not there", "deploy", absent, "--diff", code=REFUSED)
    on(host, f"rm {SECRET_FILE} && mkdir {SECRET_FILE}")
    seen.play("a deploy with a folder in the secret's place", "deploy", second, "--diff", code=REFUSED)
    on(host, f"rmdir {SECRET_FILE}")
    broken = {**second, "ollama_stack_backend_extra": {"command": ["false"]}, "ollama_stack_health_timeout": 5}
    seen.play("a deploy of a backend that ends", "deploy", broken, "--diff", code=REFUSED)
    seen.play("a repair", "deploy", second, "--diff")
    seen.play("verify", "verify", second, "--diff", "-e", "verify=full")
    seen.play("lock", "lock", second, "--diff", *lock)
    seen.play("lock, asked upstream", "lock", second, "-e", "check=true", *lock)
    seen.play("the status page", "status", second, "-e", f"status_file={page}.html")
    seen.play("the status for a chat", "status", second, "-e", "format=markdown", "-e", f"status_file={page}.md")
    seen.said |= {where: on(host, command) for where, command in TOLD.items()}
    seen.files["with the stack"] = files_with(host, seen.canaries)
    seen.play("a teardown", "teardown", second, "--diff", *removed)
    seen.files["after a teardown"] = files_with(host, seen.canaries)


def test_nothing_that_is_said_shows_a_secret(evidence: Evidence) -> None:
    assert evidence.leaks() == []
    # What was searched was really said, at length.
    assert all("TASK [" in text for title, text in evidence.said.items() if title not in TOLD)
    assert [where for where in TOLD if len(evidence.said[where]) < 100] == []


def test_no_process_is_started_with_a_secret(evidence: Evidence) -> None:
    assert evidence.watch.found == set()
    assert {name for name in ("docker", "systemctl") if any(name in seen for seen in evidence.watch.seen)} != set()


def test_each_secret_lies_in_its_own_file_alone(evidence: Evidence) -> None:
    assert evidence.files == {"with the stack": [LOGIN_FILE, SECRET_FILE, TOKEN_FILE], "after a teardown": []}


def test_nothing_stays_on_the_controller(evidence: Evidence) -> None:
    left = [path for path in (evidence.tmp / "left").rglob("*") if path.is_file()]
    assert {"log", "status.html", "status.md", "lock.yml"} <= {path.name for path in left}
    assert [path for path in left if evidence.canaries.found_in(path.read_text(errors="replace"))] == []


@pytest.mark.parametrize("write", [str, lambda value: base64.b64encode(f"{REGISTRY_USER}:{value}".encode()).decode()])
def test_a_canary_is_found_in_both_ways_in_which_it_is_written(write: Any) -> None:
    canaries = Canaries(secret=secrets.token_hex(16))
    assert canaries.found_in(f"auth: {write(canaries.values['secret'])}\n") == ["secret"]
    assert canaries.found_in(f"auth: {write(secrets.token_hex(16))}\n") == []


def test_a_process_that_is_started_with_a_canary_is_seen() -> None:
    watch = Watch(Canaries(argument=secrets.token_hex(16), variable=secrets.token_hex(16)))
    argument, variable = watch.canaries.values.values()
    with subprocess.Popen(["/bin/sh", "-c", "read line", argument], env={"A": variable}, stdin=subprocess.PIPE):
        watch.look()
    assert {each.split()[0] for each in watch.found} == {"argument", "variable"}
