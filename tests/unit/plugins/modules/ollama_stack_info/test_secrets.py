"""Secrets and logins are compared and tried, and never shown."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack import files
from ansible_collections.archiv.ollama.plugins.module_utils._stack.files import SECRETS, find_outdated, find_uid
from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.stack_host import (
    Run,
    digest,
    secret,
)


def test_secret_is_compared_without_being_shown(run: Run, bare: None, tmp_path: Path) -> None:
    folder = tmp_path / "stack" / ".archiv" / "secrets"
    folder.mkdir(parents=True)
    for name in ("kept", "rotated"):
        (folder / name).write_text("canary-old")
        (folder / name).chmod(0o400)
    wanted = {"kept": digest("canary-old"), "rotated": digest("canary-new"), "added": digest("canary-new")}
    verdict = run(secrets=wanted, owner=os.getuid())
    found = {Path(one["subject"]).name: one["kind"] for one in verdict["reasons"] if "/secrets/" in one["subject"]}
    assert found == {"rotated": "file_differs", "added": "file_missing"}
    told = json.dumps(verdict)
    assert not [word for word in ("canary", *wanted.values()) if word in told]
    verdict = run(secrets={"kept": wanted["kept"]}, owner=os.getuid() + 1)
    assert [one["kind"] for one in verdict["reasons"] if "/secrets/" in one["subject"]] == ["file_owner"]


def test_secret_with_the_name_of_a_path_is_refused(run: Run, bare: None) -> None:
    refusals = run(secrets={"../../etc/passwd": digest("canary")})["refusals"]
    assert [line for line in refusals if line.startswith("ollama_stack_backend_secrets is '../../etc/passwd'")]


def login(host: str) -> dict[str, str]:
    return {"host": host, "username": "me", "password": "canary-password"}


def test_logins_for_images_are_compared_without_being_shown(run: Run, bare: None, tmp_path: Path) -> None:
    def told(logins: str) -> list[str]:
        verdict = run(registries=[login("reg.example")], logins=logins)
        assert not [word for word in ("canary", logins or "canary") if word in json.dumps(verdict)]
        return [one["kind"] for one in verdict["reasons"] if one["subject"].endswith("docker-config/config.json")]

    assert told(digest("canary-new")) == ["file_missing"]
    folder = tmp_path / "stack" / ".archiv" / "docker-config"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("canary-old")
    (folder / "config.json").chmod(0o600)
    assert told(digest("canary-new")) == ["file_differs"]
    assert told(digest("canary-old")) == []
    assert told("") == ["file_unwanted"]
    (folder / "config.json").chmod(0o644)
    assert told(digest("canary-old")) == ["file_mode"]


# As Engine 26.1.5 answers what a registry refuses, and where no registry answers.
REFUSED = (500, {"message": 'Get "https://reg.example/v2/": unauthorized: authentication required'})
AWAY = (500, {"message": 'Get "https://reg.example/v2/": dial tcp: lookup reg.example: no such host'})


def of_registries(verdict: dict[str, Any]) -> list[str]:
    return [one for one in verdict["refusals"] if "reg.example" in one]


def test_image_that_asks_for_a_login_is_refused_in_a_sentence(run: Run, engine: FakeEngine, missing: str) -> None:
    engine.answers[f"/distribution/{missing}/json"] = REFUSED
    [refusal] = of_registries(run(docker_host=engine.host))
    assert refusal.startswith(f"access to image {missing} was denied: add a login for reg.example to")
    assert "unauthorized: authentication required" in refusal
    assert engine.posted == []


def test_wrong_password_is_refused_in_a_sentence(run: Run, engine: FakeEngine, missing: str) -> None:
    engine.answers["/auth"] = REFUSED
    engine.answers[f"/distribution/{missing}/json"] = REFUSED
    verdict = run(docker_host=engine.host, registries=[login("reg.example")], logins=digest("x"))
    [refusal] = of_registries(verdict)
    assert refusal.startswith("ollama_stack_registries: reg.example rejected the username and password")
    assert "canary" not in json.dumps(verdict)
    assert [(one["serveraddress"], one["password"]) for one in engine.posted] == [("reg.example", "canary-password")]


def test_registry_that_cannot_be_asked_refuses_nothing(run: Run, engine: FakeEngine, missing: str) -> None:
    engine.answers["/auth"] = engine.answers[f"/distribution/{missing}/json"] = AWAY
    assert of_registries(run(docker_host=engine.host, registries=[login("reg.example")], logins=digest("x"))) == []
    # Each question may take the time-out of a dead connection.
    assert engine.registry_auth == []


def test_login_is_told_to_the_registry_it_is_for(
    run: Run, engine: FakeEngine, missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Root's own login, which counts as long as there is no other.
    settings = tmp_path / "bin" / "settings"
    settings.mkdir()
    own = base64.b64encode(b"root:own").decode()
    (settings / "config.json").write_text(json.dumps({"auths": {"reg.example": {"auth": own}}}))

    def asked(*hosts: str) -> Any:
        engine.registry_auth.clear()
        engine.answers["/auth"] = (200, {"Status": "Login Succeeded"})
        run(docker_host=engine.host, registries=[login(host) for host in hosts])
        [sent] = engine.registry_auth
        return json.loads(base64.urlsafe_b64decode(sent)).get("username")

    assert asked() == "root"
    assert asked("reg.example") == "me"
    assert asked("other.example") is None


@pytest.mark.parametrize("host", ["Reg.Example", "REG.EXAMPLE"])
def test_login_is_found_by_its_registry_however_that_is_written(
    run: Run, engine: FakeEngine, missing: str, host: str
) -> None:
    engine.answers["/auth"] = (200, {"Status": "Login Succeeded"})
    run(docker_host=engine.host, registries=[login(host)])
    [sent] = engine.registry_auth
    assert json.loads(base64.urlsafe_b64decode(sent))["username"] == "me"


def test_dockers_own_registry_under_two_names_is_refused(run: Run, bare: None) -> None:
    refusals = run(registries=[login("docker.io"), login("Index.docker.io")])["refusals"]
    assert [one for one in refusals if "host 'index.docker.io' is listed more than once" in one]


def test_image_that_compose_builds_is_asked_of_nobody(run: Run, engine: FakeEngine, missing: str, cli: Path) -> None:
    changed = json.loads((cli / "config.json").read_text())
    changed["services"]["backend"]["build"] = {"context": "/srv"}
    (cli / "config.json").write_text(json.dumps(changed))
    engine.answers[f"/distribution/{missing}/json"] = REFUSED
    assert of_registries(run(docker_host=engine.host)) == []


def test_logins_that_cannot_be_meant_are_refused_under_the_inputs_name(run: Run, bare: None) -> None:
    refusals = run(registries=[login("https://reg.example")])["refusals"]
    assert [one for one in refusals if one.startswith("ollama_stack_registries: host 'https://reg.example'")]


def test_password_that_is_a_word_of_the_verdict_is_refused(run: Run, engine: FakeEngine, cli: Path) -> None:
    # Ansible blanks it out of all that a module returns, and the role works with the names and paths that it returned.
    word = {**login("reg.example"), "password": "archiv"}
    verdict = run(docker_host=engine.host, registries=[word], logins=digest("x"))
    assert verdict["services"][0]["name"] == "********-ollama-1"
    assert [one for one in verdict["refusals"] if "the password for reg.example is too simple" in one]
    verdict = run(docker_host=engine.host, registries=[login("reg.example")], logins=digest("x"))
    assert not [one for one in verdict["refusals"] if "too simple" in one]


# What kernel 6.18 says of a secret's mount, the container's own mounts around it.
MOUNTS = """\
455 178 0:61 / / rw,relatime master:12 - overlay overlay rw
456 455 254:0 {root} /run/secrets/token ro,relatime - ext4 /dev/vda rw
457 455 254:0 /opt/archiv/uploads /run/secrets-of-others rw - ext4 /dev/vda rw
458 455 0:62
"""


@pytest.mark.parametrize(
    ("root", "content", "outdated"),
    [
        pytest.param("/opt/archiv/.archiv/secrets/token", "new", (), id="started with it"),
        pytest.param("/opt/archiv/.archiv/secrets/token//deleted", "new", ("token",), id="replaced, as the role does"),
        pytest.param("/opt/archiv/.archiv/secrets/token", "old", ("token",), id="about to be replaced"),
        # The container sees what was written; nothing is outdated.
        pytest.param("/opt/archiv/.archiv/secrets/token", "new", (), id="written to in place"),
        pytest.param("/opt/archiv/.archiv/secrets/token~", "new", ("token",), id="moved away by hand"),
        pytest.param("/opt/archiv/.archiv/secrets.old/token", "new", ("token",), id="its folder moved away"),
        pytest.param("/@/opt/archiv/.archiv/secrets/token", "new", (), id="in a subvolume"),
        pytest.param("/archiv/.archiv/secrets/token", "new", (), id="on a disk of its own"),
        pytest.param("/token", "new", (), id="in a tmpfs of its own"),
    ],
)
def test_container_that_runs_with_an_old_secret_is_found(
    root: str, content: str, outdated: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PROCESSES", str(tmp_path))
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "mountinfo").write_text(MOUNTS.format(root=root))
    assert find_outdated(7, [secret(content, "new")]) == outdated
    elsewhere = dataclasses.replace(secret("old", "new"), path="/opt/archiv/.archiv/secrets/not-mounted")
    assert find_outdated(7, [elsewhere]) == find_outdated(7, []) == ()
    # No process, no secret.
    assert find_outdated(0, [secret("old", "new")]) == find_outdated(8, [secret("old", "new")]) == ()
    assert (find_uid(7), find_uid(8), find_uid(0)) == (os.getuid(), None, None)


def test_nothing_in_a_containers_tree_is_opened_for_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PROCESSES", str(tmp_path))
    secrets = tmp_path / "7" / "root" / "run" / "secrets"
    secrets.mkdir(parents=True)
    os.mkfifo(secrets / "token")
    (tmp_path / "7" / "mountinfo").write_text(MOUNTS.format(root="/opt/archiv/.archiv/secrets/token"))
    woken = threading.Event()

    def write() -> None:
        # On a busy machine the pipe may be gone before this begins.
        with contextlib.suppress(FileNotFoundError):
            os.close(os.open(secrets / "token", os.O_WRONLY))
            woken.set()

    threading.Thread(target=write, daemon=True).start()
    time.sleep(0.1)
    find_outdated(7, [secret("new", "new")])
    heard = woken.wait(0.2)
    os.close(os.open(secrets / "token", os.O_RDONLY | os.O_NONBLOCK))
    assert not heard


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")  # the gates run as root, so there it runs
def test_kernel_tells_a_replaced_secret_from_one_that_was_written_to(tmp_path: Path) -> None:
    # In a mount namespace of its own, as a container has one; skipped where even root may not have that.
    (tmp_path / "stack" / SECRETS).mkdir(parents=True)
    path = tmp_path / "stack" / SECRETS / "token"
    path.write_text("old")
    (tmp_path / "run" / "secrets").mkdir(parents=True)
    (tmp_path / "run" / "secrets" / "token").touch()
    mount = f"mount --bind {path} {tmp_path}/run/secrets/token && echo ready && exec sleep 60"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", mount], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            pytest.skip("no mount namespace can be had here")
        seen = dataclasses.replace(secret("new", "new"), path=str(path))
        path.write_text("new")
        written = find_outdated(process.pid, [seen])
        other = path.with_name("other")
        other.write_text("new")
        other.rename(path)
        replaced = find_outdated(process.pid, [seen])
        process.kill()
    assert (written, replaced) == ((), ("token",))


@pytest.mark.usefixtures("engine")
def test_compose_runs_without_the_callers_variables(
    run: Run, cli: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_MEM_LIMIT", "1g")
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "other")
    monkeypatch.setenv("DOCKER_CONFIG", "/srv/docker")
    run(docker_host=engine.host)
    names = {line.partition("=")[0] for line in (cli / "env").read_text().splitlines()}
    assert "DOCKER_CONFIG" in names
    assert not names & {"OLLAMA_MEM_LIMIT", "COMPOSE_PROJECT_NAME"}


def test_commands_ask_the_named_engine_whatever_its_user_has_chosen(
    run: Run, cli: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    command = cli / "docker"
    command.write_text(command.read_text().replace("env >", "env >>"))
    run(docker_host=engine.host)
    told = {line for line in (cli / "env").read_text().splitlines() if line.startswith("DOCKER_")}
    assert told == {f"DOCKER_HOST={engine.host}", f"DOCKER_CONFIG={cli}/settings"}


def test_version_that_a_tag_does_not_tell_is_the_running_servers_and_no_container_is_started(
    run: Run, cli: Path, engine: FakeEngine
) -> None:
    engine.answers["/images/ollama/ollama:stable/json"] = engine.answers["/images/ollama/ollama:0.34.2/json"]
    document = json.loads((cli / "config.json").read_text().replace("0.34.2", "stable"))
    (cli / "config.json").write_text(json.dumps(document))
    command = cli / "docker"
    command.write_text(command.read_text().replace("env >", f'echo "$*" >>{cli}/asked\nenv >'))
    verdict = run(docker_host=engine.host, inputs={"ollama_stack_image": "ollama/ollama:stable"})
    assert verdict["ollama_version"] == "0.34.2"
    assert verdict["refusals"] == [one for one in verdict["refusals"] if "become: true" in one]
    asked = (cli / "asked").read_text().splitlines()
    assert asked and not [line for line in asked if line.split()[0] == "run"]
