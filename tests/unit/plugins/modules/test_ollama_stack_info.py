"""The module itself: a virgin host, one without Docker, a clean one and a changed one, each by one verdict."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._model.manifest import parse_manifest
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import read_wishes
from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.module_utils._stack import judge as _stack
from ansible_collections.archiv.ollama.plugins.module_utils._stack import look as _observe
from ansible_collections.archiv.ollama.plugins.module_utils._stack import needs as _wanted
from ansible_collections.archiv.ollama.plugins.module_utils._store.hashing import FileKey
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import look_at, look_at_all
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import Receipts
from ansible_collections.archiv.ollama.plugins.modules import ollama_stack_info
from tests.lab import model as lab
from tests.unit.plugins.fake_engine import FakeEngine, serve_engine
from tests.unit.plugins.fake_ollama import PORT, FakeOllama, answer_of, serve_ollama
from tests.unit.plugins.fake_registry import FakeRegistry, Reply
from tests.unit.plugins.stores import NAME, TinyModel, sha256, tiny_model

ROOT = Path(__file__).parents[4]
RECORDED = Path(__file__).parents[2] / "fixtures" / "compose_2.26.1"
CONTENT = "# Managed by archiv.ollama\nservices:\n  ollama:\n    image: ollama/ollama:0.34.2\n"
CONFIG = {
    "services": {"ollama": {"image": "ollama/ollama:0.34.2", "networks": {"archiv-net": None}}},
    "networks": {"archiv-net": {"name": "archiv_archiv-net", "internal": True, "ipam": {}}},
    "volumes": {"ollama-models": {"name": "archiv_ollama-models"}},
}
CLI = """#!/bin/sh
env >{folder}/env
case "$*" in
  *--hash*) echo "ollama {hash}" ;;
  *"version --short"*) echo 2.26.1-4 ;;
  *"--format json"*) cat {folder}/config.json ;;
  *) exit 64 ;;
esac
"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call the module as Ansible would; a host without an Engine unless one is given."""

    def call(**options: Any) -> dict[str, Any]:
        arguments = {
            "project": "archiv",
            "dir": str(tmp_path / "stack"),
            "files": [{"path": "docker-compose.prod.yml", "content": CONTENT}],
            "models": [{"name": NAME}],
            "models_dir": str(tmp_path / "data" / "models"),
            "docker_host": f"unix://{tmp_path}/none.sock",
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            ollama_stack_info.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command that says what Compose would, and notes the environment it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    command = folder / "docker"
    command.write_text(
        CLI.format(folder=folder, hash=container()["Config"]["Labels"]["com.docker.compose.config-hash"])
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "settings"))
    monkeypatch.setattr(_observe, "PLUGIN_FOLDERS", ())
    return folder


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No docker command anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))


def container() -> dict[str, Any]:
    """The recorded ollama, on the one network of CONFIG."""
    recorded: list[dict[str, Any]] = json.loads((RECORDED / "containers.json").read_text())
    return next(item for item in recorded if item["Name"] == "/archiv-ollama-1")


@pytest.fixture
def model(tmp_path: Path) -> TinyModel:
    """A whole model where the module looks."""
    whole = tiny_model()
    whole.install(tmp_path / "data" / "models")
    return whole


@pytest.fixture
def ollama(model: TinyModel) -> Iterator[FakeOllama]:
    """A server that holds this very model for good."""
    with serve_ollama(PORT) as server:
        document = answer_of("ps_pinned")[1]
        document["models"][0]["digest"] = model.digest.removeprefix("sha256:")
        server.answers["/api/ps"] = (200, document)
        yield server


@pytest.fixture
def engine(tmp_path: Path, ollama: FakeOllama) -> Iterator[FakeEngine]:
    """An Engine that runs the recorded ollama and nothing else."""
    with serve_engine(tmp_path) as fake:
        assert fake.inspect is not None
        recorded = container()
        networks = {"archiv_archiv-net": {"NetworkID": "n1", "IPAddress": ollama.address}}
        fake.inspect.update({"State": recorded["State"], "NetworkSettings": {"Networks": networks}})
        fake.inspect["HostConfig"]["Memory"] = 0
        fake.inspect["Config"]["Labels"] = recorded["Config"]["Labels"]
        fake.answers["/images/ollama/ollama:0.34.2/json"] = (200, {"Id": fake.inspect["Image"]})
        fake.answers["/networks"] = (200, [{"Name": "archiv_archiv-net", "Id": "n1", "Internal": True}])
        fake.answers["/info"] = (200, {"MemTotal": 2**34, "MemoryLimit": True, "DockerRootDir": str(tmp_path)})
        yield fake


def kinds(verdict: dict[str, Any]) -> list[str]:
    return [reason["kind"] for reason in verdict["reasons"]]


def write(tmp_path: Path, content: str = CONTENT) -> None:
    (tmp_path / "stack").mkdir()
    file = tmp_path / "stack" / "docker-compose.prod.yml"
    file.write_text(content)
    file.chmod(0o644)


@pytest.mark.usefixtures("bare")
def test_host_without_docker_is_told_what_would_be_done(run: Run) -> None:
    verdict = run()
    assert kinds(verdict) == ["file_missing", "engine_missing"]
    assert verdict["changed"] is False and verdict["clean"] is False and verdict["engine"] is False


@pytest.mark.usefixtures("cli")
def test_host_without_engine_still_has_compose_read_the_file(run: Run) -> None:
    verdict = run()
    assert kinds(verdict) == ["file_missing", "engine_missing"]
    # From the file as Compose reads it.
    assert verdict["pull"] == ["ollama/ollama:0.34.2"]
    # Nothing is missed that was not given.
    assert verdict["refusals"] == [verdict["reasons"][1]["why"]]


@pytest.mark.usefixtures("bare")
def test_file_of_a_person_is_foreign(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "services: {}\n")
    verdict = run()
    assert kinds(verdict)[0] == "file_foreign"
    assert verdict["foreign"] == [f"{tmp_path}/stack/docker-compose.prod.yml is not managed by archiv.ollama"]


@pytest.mark.usefixtures("cli")
def test_stack_that_is_as_wanted_is_clean_but_for_unproven_bytes(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    verdict = run(docker_host=engine.host)
    assert (verdict["clean"], kinds(verdict), verdict["prove"]) == (True, [], [NAME])
    assert verdict["models"][0]["unproven"] == ["weights, template, config: it was never hashed"]
    assert verdict["healthy"]["ok"] is True
    assert verdict["start"] is False
    assert verdict["store"]["unreferenced_bytes"] == 0 and verdict["store"]["free_bytes"] > 0


@pytest.mark.usefixtures("cli")
def test_full_look_reads_every_byte_once(
    run: Run, engine: FakeEngine, model: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    verdict = run(docker_host=engine.host, verify="full")
    assert (verdict["clean"], verdict["prove"], verdict["models"][0]["intact"]) == (True, [], True)
    [weights] = (tmp_path / "data" / "models" / "blobs").glob(sha256(model.blobs["weights"]).replace(":", "-"))
    weights.write_bytes(bytes(weights.stat().st_size))
    hashed: list[Any] = []

    def counted(*given: Any) -> Any:
        hashed.append(given)
        return look_at_all(*given)

    monkeypatch.setattr(_observe, "look_at_all", counted)
    starting(engine, 3600)
    passing(monkeypatch, 1, lambda: None)
    verdict = run(docker_host=engine.host, verify="full", wait=10)
    assert kinds(verdict) == ["container_starting", "model_damaged"] and not verdict["clean"]
    assert len(hashed) == 1


@pytest.mark.usefixtures("cli")
def test_bytes_that_were_changed_behind_their_receipt_are_no_note(
    run: Run, engine: FakeEngine, model: TinyModel, tmp_path: Path
) -> None:
    write(tmp_path)
    store = tmp_path / "data" / "models"
    weights = store / "blobs" / sha256(model.blobs["weights"]).replace(":", "-")
    receipts = Receipts(str(store), str(tmp_path / "receipts"))
    proven = {f"sha256:{blob.name[7:]}": FileKey.of(blob.stat()) for blob in (store / "blobs").iterdir()}
    receipts.write(proven, sleep=lambda _seconds: None)
    weights.write_bytes(bytes(weights.stat().st_size))
    verdict = run(docker_host=engine.host, receipts_dir=receipts.folder)
    assert (verdict["clean"], kinds(verdict)) == (False, ["model_changed"])


def starting(engine: FakeEngine, seconds_ago: float) -> None:
    """Have the server's container be within its start period since so many seconds."""
    assert engine.inspect is not None
    moment = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - seconds_ago))
    engine.inspect["State"] = {**engine.inspect["State"], "Health": {"Status": "starting"}, "StartedAt": moment}


def passing(monkeypatch: pytest.MonkeyPatch, step: float, meanwhile: Callable[[], object]) -> None:
    """Have so many seconds go by between two looks, and this happen."""
    clock = itertools.count(0, step)
    fake = SimpleNamespace(monotonic=lambda: next(clock), time=time.time, sleep=lambda _seconds: meanwhile())
    monkeypatch.setattr(ollama_stack_info, "time", fake)


@pytest.mark.usefixtures("cli")
def test_container_that_was_started_lately_is_waited_for_with_bytes_unproven(
    run: Run, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    starting(engine, 10)
    # The rest of the start period takes longer than what has run long since is given.
    assert engine.inspect is not None
    state = engine.inspect["State"]
    passing(monkeypatch, 70, lambda: state.update({"Health": {"Status": "healthy"}}))
    verdict = run(docker_host=engine.host, wait=300)
    assert (verdict["clean"], verdict["prove"]) == (True, [NAME])


@pytest.mark.parametrize(("wait_for", "looks"), [("settled", 1), ("clean", 3)])
@pytest.mark.usefixtures("cli")
def test_what_has_run_long_since_is_waited_for_a_minute_unless_a_deploy_started_it(
    run: Run, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: str, looks: int
) -> None:
    write(tmp_path)
    starting(engine, 3600)
    slept: list[None] = []
    passing(monkeypatch, 70, lambda: slept.append(None))
    assert not run(docker_host=engine.host, wait=200, wait_for=wait_for)["clean"]
    assert len(slept) + 1 == looks


@pytest.mark.usefixtures("cli")
def test_retagged_image_is_found(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    engine.answers["/images/ollama/ollama:0.34.2/json"] = (200, {"Id": "sha256:another"})
    assert kinds(run(docker_host=engine.host)) == ["image_retagged"]


def test_image_whose_name_is_made_of_variables_is_asked_for_as_compose_reads_it(
    run: Run, cli: Path, engine: FakeEngine, tmp_path: Path
) -> None:
    content = CONTENT + "  db:\n    image: db:${TAG}\n"
    write(tmp_path, content)
    document = json.loads(json.dumps(CONFIG))
    document["services"]["db"] = {"image": "db:16"}
    (cli / "config.json").write_text(json.dumps(document))
    # What an Engine says of it as it is written.
    engine.answers["/images/db:$%7BTAG%7D/json"] = (400, {"message": "invalid reference format"})
    engine.answers["/images/db:16/json"] = (200, {"Id": "sha256:db"})
    verdict = run(docker_host=engine.host, files=[{"path": "docker-compose.prod.yml", "content": content}])
    assert verdict["engine"] is True
    assert verdict["pull"] == []


@pytest.mark.parametrize("said", ["docker: 'compose' is not a docker command.", "exec format error"])
def test_compose_that_fails_to_tell_its_version_is_told(
    run: Run, cli: Path, engine: FakeEngine, tmp_path: Path, said: str
) -> None:
    write(tmp_path)
    command = (cli / "docker").read_text().replace("echo 2.26.1-4", f'echo "{said}" >&2; exit 1')
    config_hash = container()["Config"]["Labels"]["com.docker.compose.config-hash"]
    (cli / "docker").write_text(command.replace(config_hash, "other"))
    verdict = run(docker_host=engine.host)
    assert kinds(verdict)[0] in ("engine_missing", "compose_refused") and not verdict["clean"]


@pytest.mark.usefixtures("cli")
def test_store_that_others_could_write_is_a_reason_and_a_refusal(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    models = tmp_path / "data" / "models"
    (models / "blobs").rename(tmp_path / "moved")
    (models / "blobs").symlink_to(tmp_path / "moved")
    (tmp_path / "moved" / "pipe").touch()
    engine.answers["/info"][1]["SecurityOptions"] = ["name=seccomp,profile=builtin", "name=userns"]
    verdict = run(docker_host=engine.host)
    assert "models_unknown" in kinds(verdict)
    refused = [one for one in verdict["refusals"] if str(models / "blobs") in one]
    assert len(refused) == 1 and "is a link to" in refused[0]
    assert [one for one in verdict["refusals"] if "userns-remap" in one]


@pytest.mark.usefixtures("cli")
def test_what_was_planted_in_a_store_is_told(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    os.mkfifo(tmp_path / "data/models/blobs/pipe")
    verdict = run(docker_host=engine.host)
    assert verdict["clean"], "told, and no reason to do anything"
    assert f"{tmp_path}/data/models/blobs/pipe is a pipe, which is never read" in json.dumps(verdict["warnings"])


@pytest.mark.parametrize(
    ("environment", "native"),
    [("OLLAMA_MODELS={models}", True), ("HOME={home}", True), ("OLLAMA_MODELS=/elsewhere", False), ("", False)],
)
def test_native_service_is_seen_by_the_folder_it_works_in(
    environment: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / ".ollama"
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/sh\n[ "$*" = "show --property=MainPID --value ollama.service" ] && echo 7\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(_observe, "PROCESSES", str(tmp_path))
    (tmp_path / "7").mkdir()
    told = environment.format(models=root / "models", home=tmp_path)
    (tmp_path / "7" / "environ").write_text(f"PATH=/bin\0{told}\0")
    assert _observe.find_native(str(root)) is native
    assert _observe.find_native("") is False
    systemctl.write_text("#!/bin/sh\necho 0\n")
    assert _observe.find_native(str(root)) is False


def test_device_is_a_device_with_the_group_that_may_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_observe, "DEVICES", str(tmp_path))
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").write_text("no device")
    (tmp_path / "dri" / "card0").symlink_to("/dev/null")
    assert _observe.find_amd_devices() == {}
    # Everybody may open it; nodes of a group are made on a real host.
    (tmp_path / "kfd").symlink_to("/dev/null")
    assert _observe.find_amd_devices() == {f"{tmp_path}/kfd": None}


@pytest.mark.parametrize(
    ("info", "hook", "found"),
    [
        ({"Runtimes": {"runc": {}}}, "", False),
        ({"Runtimes": {"runc": {}, "nvidia": {}}}, "", True),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}, "", True),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "vendor.com/nic=0"}], "CDISpecDirs": ["{here}"]}, "", False),
        ({"CDISpecDirs": ["{here}/cdi"]}, "", True),
        ({}, "nvidia-container-runtime-hook", True),
        ({}, "nvidia-cdi-hook", True),
    ],
)
def test_nvidia_is_seen_by_any_of_its_signs(
    info: dict[str, Any], hook: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdi").mkdir()
    (tmp_path / "cdi" / "nvidia.yaml").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    if hook:
        (tmp_path / hook).touch(mode=0o755)
    folders = [folder.format(here=tmp_path) for folder in info.get("CDISpecDirs", ())]
    assert _observe.has_nvidia({**info, "CDISpecDirs": folders}) is found


def test_folder_that_may_not_be_opened_says_nothing_of_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    assert _observe._has_locks(str(tmp_path))
    monkeypatch.setattr(os, "open", refuse)
    assert _observe._has_locks(str(tmp_path))


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


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


@pytest.fixture
def missing(cli: Path) -> str:
    """An image that Compose wants and the Engine does not have."""
    image = "reg.example/archive/backend:1"
    changed = json.loads((cli / "config.json").read_text())
    changed["services"]["backend"] = {"image": image}
    (cli / "config.json").write_text(json.dumps(changed))
    return image


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


def secret(content: str, wanted: str) -> _stack.File:
    path = "/opt/archiv/.archiv/secrets/token"
    return _stack.File(path, digest(wanted), "0400", sha256=digest(content))


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
    monkeypatch.setattr(_observe, "PROCESSES", str(tmp_path))
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "mountinfo").write_text(MOUNTS.format(root=root))
    assert _observe.find_outdated(7, [secret(content, "new")]) == outdated
    elsewhere = dataclasses.replace(secret("old", "new"), path="/opt/archiv/.archiv/secrets/not-mounted")
    assert _observe.find_outdated(7, [elsewhere]) == _observe.find_outdated(7, []) == ()
    # No process, no secret.
    assert _observe.find_outdated(0, [secret("old", "new")]) == _observe.find_outdated(8, [secret("old", "new")]) == ()
    assert (_observe.find_uid(7), _observe.find_uid(8), _observe.find_uid(0)) == (os.getuid(), None, None)


def test_nothing_in_a_containers_tree_is_opened_for_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_observe, "PROCESSES", str(tmp_path))
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
    _observe.find_outdated(7, [secret("new", "new")])
    heard = woken.wait(0.2)
    os.close(os.open(secrets / "token", os.O_RDONLY | os.O_NONBLOCK))
    assert not heard


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")  # the gates run as root, so there it runs
def test_kernel_tells_a_replaced_secret_from_one_that_was_written_to(tmp_path: Path) -> None:
    # In a mount namespace of its own, as a container has one; skipped where even root may not have that.
    (tmp_path / "stack" / _observe.SECRETS).mkdir(parents=True)
    path = tmp_path / "stack" / _observe.SECRETS / "token"
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
        written = _observe.find_outdated(process.pid, [seen])
        other = path.with_name("other")
        other.write_text("new")
        other.rename(path)
        replaced = _observe.find_outdated(process.pid, [seen])
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


# What would lead a look astray, and what the deploy of it would end in.
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("ollama_stack_models_dir", {"models_dir": "srv/models"}),
    ("ollama_stack_models_dir", {"models_dir": "/"}),
    ("ollama_stack_dir", {"dir": "opt/archiv"}),
    ("ollama_stack_project", {"project": "Archiv!"}),
    ("ollama_stack_models", {"models": []}),
    ("ollama_stack_models", {"models": [{"name": "a b"}]}),
]


@pytest.mark.parametrize(("variable", "options"), WRONG)
def test_input_that_leads_astray_is_refused_before_the_host_is_looked_at(
    run: Run, cli: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, variable: str, options: dict[str, Any]
) -> None:
    looks: list[str] = []
    for name in ("observe", "look_at_file"):
        monkeypatch.setattr(_observe, name, lambda *_: looks.append("a wrong place"))
    (value,) = options.values()
    verdict = run(docker_host=engine.host, inputs={variable: value, "ollama_stack_backend_port": 0}, **options)
    assert looks == []
    told = [one for one in verdict["refusals"] if "become: true" not in one]
    assert {one.split()[0].rstrip(":") for one in told} == {variable, "ollama_stack_backend_port"} and len(told) == 2
    assert verdict["clean"] is False and set(kinds(verdict)) == {"input"}


def test_hosts_own_reasons_are_told_beside_a_mistake(run: Run, cli: Path, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path, "services: {}\n")
    document = json.loads(json.dumps(CONFIG))
    document["services"]["ollama"] |= {"cpus": 4, "mem_limit": str(2**40)}
    (cli / "config.json").write_text(json.dumps(document))
    engine.answers["/info"][1]["NCPU"] = 2
    inputs = {"ollama_stack_backend_image": "archiv:latest", "ollama_stack_gpu": "nvidia"}
    verdict = run(docker_host=engine.host, inputs=inputs)
    told = [one for one in verdict["refusals"] if "become: true" not in one]
    assert ["archiv:latest" in told[0], "ollama_stack_gpu is 'nvidia'" in told[1], "4 CPUs" in told[2]] == [True] * 3
    assert "1024.0 GiB" in told[3] and len(told) == 4
    assert verdict["foreign"][0] == f"{tmp_path}/stack/docker-compose.prod.yml is not managed by archiv.ollama"
    # What Compose has against the file would be the mistake once more.
    (cli / "docker").write_text('#!/bin/sh\necho "invalid reference format" >&2\nexit 1\n')
    told = [one for one in run(docker_host=engine.host, inputs=inputs)["refusals"] if "become: true" not in one]
    assert [one.split()[0] for one in told] == ["ollama_stack_backend_image", "ollama_stack_gpu"]


def test_host_without_engine_is_told_beside_a_mistake_but_in_check_mode(run: Run, bare: None) -> None:
    inputs = {"ollama_stack_project": "A"}
    told = [one for one in run(inputs=inputs)["refusals"] if "become: true" not in one]
    assert told[0].startswith("ollama_stack_project is 'A'") and "no Docker Engine listens" in told[1]
    told = [one for one in run(inputs=inputs, _ansible_check_mode=True)["refusals"] if "become: true" not in one]
    assert len(told) == 1


def test_example_without_inputs_is_refused_nothing(run: Run, cli: Path, engine: FakeEngine) -> None:
    [example] = yaml.safe_load(ollama_stack_info.EXAMPLES)
    assert "inputs" not in example["archiv.ollama.ollama_stack_info"]
    verdict = run(docker_host=engine.host)
    assert [one for one in verdict["refusals"] if "become: true" not in one] == []


@pytest.mark.parametrize("name", ["Archiv/Backend:1.0", "db:1 2"])
def test_name_that_docker_cannot_read_is_no_broken_engine(run: Run, cli: Path, engine: FakeEngine, name: str) -> None:
    document = json.loads(json.dumps(CONFIG))
    document["services"]["db"] = {"image": name}
    (cli / "config.json").write_text(json.dumps(document))
    engine.answers["/images/" + name.replace(" ", "%20") + "/json"] = (400, {"message": "invalid reference format"})
    verdict = run(docker_host=engine.host)
    assert verdict["engine"] is True
    told = [one for one in verdict["refusals"] if "become: true" not in one]
    assert [one.startswith("ollama_stack_extra_services: the image of service db is") for one in told] == [True]


def test_folder_of_models_is_read_without_an_engine(run: Run, cli: Path, model: TinyModel, tmp_path: Path) -> None:
    verdict = run(_ansible_check_mode=True)
    assert verdict["models_dir"] == f"{tmp_path}/data/models"
    assert [one["cached"] for one in verdict["models"]] == [True]


def test_no_files_are_refused_in_a_sentence(run: Run) -> None:
    result = run(files=[])
    assert result["failed"] is True and result["msg"].startswith("files is []: the first entry")


def test_what_nobody_expected_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_query: object) -> None:
        raise KeyError("NetworkSettings")

    monkeypatch.setattr(_observe, "observe", stumble)
    result = run()
    assert result["failed"] is True and result["kind"] == "defect"
    assert result["msg"].startswith("unexpected KeyError at test_ollama_stack_info.py:")
    assert "'NetworkSettings'" in result["msg"] and "report it" in result["msg"]
    assert "exception" not in result


def test_look_that_hangs_ends_by_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_stack_info, "MOST_SECONDS", -59.8)
    monkeypatch.setattr(_observe, "observe", lambda _query: time.sleep(30))
    began = time.monotonic()
    result = run()
    assert time.monotonic() - began < 10
    assert result["kind"] == "deadline" and result["msg"].startswith("timed out after 0 s")


def test_waiting_for_a_container_asks_no_model(
    run: Run, cli: Path, engine: FakeEngine, ollama: FakeOllama, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    assert engine.inspect is not None
    engine.inspect["State"]["Health"]["Status"] = "starting"
    looks = iter(range(9))

    def sleep(_seconds: float) -> None:
        if next(looks) == 3:
            assert engine.inspect is not None
            engine.inspect["State"]["Health"]["Status"] = "healthy"

    monkeypatch.setattr(time, "sleep", sleep)
    # As if their bytes were proven, which no time does.
    monkeypatch.setattr(_stack, "_judge_model", lambda _state: [])
    run(docker_host=engine.host, wait=60)
    # Once at first, and once more when all else is well.
    asked = [path for path, _ in ollama.bodies if path == "/api/generate"]
    assert len(asked) == 2 and next(looks) > 4


@pytest.mark.parametrize("address", ["tcp://elsewhere:2375", "ssh://root@elsewhere", "/var/run/docker.sock", "unix://"])
def test_engine_of_another_machine_is_refused_in_a_sentence(run: Run, address: str) -> None:
    result = run(docker_host=address)
    assert result["failed"] is True
    assert result["msg"].startswith(f"docker_host is {address!r}: ")
    assert "unix:///var/run/docker.sock" in result["msg"] and result["msg"].count(". ") == 0


@pytest.mark.parametrize(
    ("settings", "called"),
    [
        ('{"auths": {}}', "plugin --project-directory"),
        # Only the docker command knows which of all folders counts then.
        ('{"cliPluginsExtraDirs": ["/opt/plugins"]}', "docker compose"),
    ],
)
def test_compose_is_called_by_the_shortest_way(
    run: Run, cli: Path, engine: FakeEngine, settings: str, called: str
) -> None:
    plugin = cli / "settings" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    (cli / "settings" / "config.json").write_text(settings)
    for name, command in (("docker", cli / "docker"), ("plugin", plugin)):
        command.write_text(f'#!/bin/sh\necho "{name} $1" >&2\nexit 1\n')
        command.chmod(0o755)
    [said] = [reason["why"] for reason in run(docker_host=engine.host)["reasons"] if reason["subject"] == "Compose"]
    assert said == called


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("docker: 'compose' is not a docker command.", "engine_missing"),
        ("services.ollama.mem_limit: invalid size", "compose_refused"),
        ("", "compose_refused"),
    ],
)
def test_compose_that_refuses_is_quoted(run: Run, cli: Path, engine: FakeEngine, said: str, kind: str) -> None:
    (cli / "docker").write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    verdict = run(docker_host=engine.host)
    assert kinds(verdict) == ["file_missing", kind]
    assert verdict["engine"] is False


def test_verdict_is_the_documented_one(run: Run, bare: None) -> None:
    documented = yaml.safe_load(ollama_stack_info.RETURN)
    on_failure = {name for name, one in documented.items() if one["returned"] == "failure"}
    assert set(run()) - {"changed", "invocation", "warnings"} == set(documented) - on_failure
    clean = {name for name, one in documented.items() if one["returned"] == "always"}
    assert set(documented) - clean - on_failure == {"ollama_version"}


NAMES = [NAME, "llama3.2:1b"]
REFUSAL = f"ollama_stack_models is {NAME!r}: "


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """One that has the first model and not the second."""
    server = FakeRegistry()
    server.publish(f"library/{NAME}", tiny_model())
    yield server
    server.close()


def refused(run: Run, models: Sequence[dict[str, Any]] = ({"name": NAME},), **options: Any) -> list[str]:
    """What speaks against a deploy of these models, but for who runs this test, and for an Engine that is not there."""
    image = {"ollama_stack_image": "ollama/ollama:0.34.2", "ollama_stack_backend_image": "archiv:1"}
    inputs = {"ollama_stack_models": models, **image, **options.pop("inputs", {})}
    verdict = run(models=models, inputs=inputs, **options)
    absent = [reason["why"] for reason in verdict["reasons"] if reason["kind"] == "engine_missing"]
    return [one for one in verdict["refusals"] if "become: true" not in one and one not in absent]


def ask(
    run: Run, registry: FakeRegistry, models: Sequence[dict[str, Any]] = ({"name": NAME},), **options: Any
) -> list[str]:
    return refused(run, models, **{"mirror": registry.url, "insecure": True, "upstream": True, **options})


def limit_memory(cli: Path, size: int) -> None:
    """Have Compose say that the server may use so much."""
    document = json.loads(json.dumps(CONFIG))
    document["services"]["ollama"]["mem_limit"] = str(size)
    (cli / "config.json").write_text(json.dumps(document))


BOTH = [{"name": name} for name in NAMES]


def test_more_cpus_than_the_host_has_are_refused(run: Run, cli: Path, engine: FakeEngine) -> None:
    document = json.loads(json.dumps(CONFIG))
    document["services"]["ollama"]["cpus"] = 4
    (cli / "config.json").write_text(json.dumps(document))
    engine.answers["/info"][1]["NCPU"] = 4
    assert refused(run, docker_host=engine.host) == []
    engine.answers["/info"][1]["NCPU"] = 2
    [refusal] = refused(run, docker_host=engine.host)
    assert "service ollama may use 4 CPUs" in refusal


def test_models_in_the_store_that_do_not_fit_together_are_refused(
    run: Run, cli: Path, engine: FakeEngine, model: TinyModel, tmp_path: Path
) -> None:
    other = tiny_model(1)
    other.install(tmp_path / "data" / "models", "registry.ollama.ai", "library", *NAMES[1].split(":"))
    sizes = [parse_manifest(one.manifest).size for one in (model, other)]
    limit_memory(cli, sum(sizes))
    assert refused(run, BOTH, docker_host=engine.host) == []
    limit_memory(cli, sum(sizes) - 1)
    [refusal] = refused(run, BOTH, docker_host=engine.host)
    assert all(name in refusal for name in ("ollama_stack_mem_limit", *NAMES))
    # Neither is pinned: one is loaded at a time.
    assert refused(run, [{**one, "warm": False} for one in BOTH], docker_host=engine.host) == []


def test_context_of_a_model_in_the_store_is_counted(run: Run, cli: Path, engine: FakeEngine, tmp_path: Path) -> None:
    model = lab.build_model("archiv-a")
    lab.install(model, tmp_path / "data" / "models", "library/" + NAME.split(":")[0], NAME.split(":")[1])
    limit_memory(cli, model.size + 2 * lab.LAYERS * lab.WIDTH * lab.CONTEXT * 2)
    assert refused(run, docker_host=engine.host) == []
    [refusal] = refused(run, docker_host=engine.host, inputs={"ollama_stack_num_parallel": 2})
    assert "2.0 MiB of context" in refusal
    assert refused(run, docker_host=engine.host, inputs={"ollama_stack_num_parallel": 2}, context_length=1024) == []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({"num_ctx": 1024}, 1024), ({"num_ctx": 0}, 2048), ({"num_ctx": "x"}, 2048), ([], 2048), ({}, 2048)],
)
def test_context_that_a_model_asks_for_goes_before_the_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parameters: Any, expected: int
) -> None:
    monkeypatch.setattr(lab, "PARAMS", parameters)
    model, store = lab.build_model("archiv-a"), Store(str(tmp_path))
    lab.install(model, tmp_path, "library/m", "1")
    [wish] = read_wishes(["m:1"])
    [found] = _wanted.measure([wish], [look_at(store, wish.name)], store, None, "", 4096, 1)
    assert found.context == 2 * lab.LAYERS * lab.WIDTH * expected * 2


def test_damaged_blob_needs_its_room_again(tmp_path: Path) -> None:
    model, store = tiny_model(), Store(str(tmp_path))
    model.install(tmp_path)
    weights = model.blob_path(tmp_path, "weights")
    weights.write_bytes(bytes(weights.stat().st_size))
    [wish] = read_wishes([NAME])
    [found] = _wanted.measure([wish], [look_at(store, wish.name)], store, None, "", 4096, 1)
    assert found.to_fetch == weights.stat().st_size


@pytest.mark.usefixtures("bare")
def test_model_with_a_typo_is_refused(run: Run, registry: FakeRegistry) -> None:
    [refusal] = ask(run, registry, [{"name": "llama3.2:1x"}])
    assert refusal.startswith("ollama_stack_models is 'llama3.2:1x': ")
    assert "404" in refusal and "check the name" in refusal
    # By the version the registry tells whether it would give a model to this Ollama.
    assert [seen.headers["user-agent"] for seen in registry.seen] == ["ollama/0.34.2 (archiv.ollama)"]


@pytest.mark.usefixtures("bare")
def test_model_with_a_typo_is_told_beside_other_mistakes(run: Run, registry: FakeRegistry) -> None:
    wrong = {"ollama_stack_backend_port": 0}
    told = ask(run, registry, [{"name": "llama3.2:1x"}], inputs=wrong)
    assert [one.split()[0] for one in told if "docker command" not in one] == [
        "ollama_stack_backend_port",
        "ollama_stack_models",
    ]
    # By a proxy that cannot be meant nobody is asked.
    before = len(registry.seen)
    ask(run, registry, [{"name": "llama3.2:1x"}], inputs={"ollama_stack_https_proxy": "proxy"})
    assert len(registry.seen) == before


@pytest.mark.usefixtures("cli")
def test_store_that_may_not_be_read_is_a_reason_among_others(
    run: Run, engine: FakeEngine, model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/models")

    monkeypatch.setattr(_observe, "assess_models", closed)
    verdict = run(docker_host=engine.host)
    assert any("cannot access /srv/models" in one for one in verdict["refusals"])
    assert len(verdict["reasons"]) > 1


@pytest.mark.parametrize("host", ["reg..example", "a" * 64 + ".example"])
@pytest.mark.usefixtures("bare")
def test_host_that_no_registry_can_have_is_refused(run: Run, registry: FakeRegistry, host: str) -> None:
    [refusal] = ask(run, registry, [{"name": f"{host}/archive/llama:1"}])
    assert refusal.startswith(f"ollama_stack_models is '{host}/archive/llama:1': ")


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, [REFUSAL]), (403, [REFUSAL]), (412, ["ollama_stack_image is 'ollama/ollama:0.34.2': "]), (503, [])],
)
@pytest.mark.usefixtures("bare")
def test_registry_that_keeps_a_model_back_refuses_a_deploy(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, status: int, said: list[str]
) -> None:
    monkeypatch.setattr(_registry, "WAITS", ())
    registry.twist = lambda _seen, _reply: Reply(status)
    assert [one.partition(": ")[0] + ": " for one in ask(run, registry)] == said


@pytest.mark.usefixtures("bare")
def test_pinned_model_that_is_gone_is_refused(run: Run, registry: FakeRegistry) -> None:
    pinned = "sha256:" + "1" * 64
    [refusal] = ask(run, registry, [{"name": NAME, "digest": pinned}])
    assert refusal.startswith(REFUSAL) and pinned in refusal


@pytest.mark.usefixtures("bare")
def test_registry_that_is_away_refuses_nothing_and_is_asked_once(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_wanted, "STALL_SECONDS", 0.4)
    registry.twist = lambda _seen, reply: dataclasses.replace(reply, stall=0)
    assert ask(run, registry, BOTH) == []
    assert len(registry.seen) == 1


@pytest.mark.usefixtures("bare")
def test_name_server_that_is_away_is_not_waited_for_long(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RES_OPTIONS", "")
    monkeypatch.delenv("RES_OPTIONS")
    ask(run, registry, upstream=False)
    assert "RES_OPTIONS" not in os.environ
    ask(run, registry)
    # Of glibc, which reads it at a process's first look-up.
    assert os.environ["RES_OPTIONS"] == "timeout:2 attempts:1"


def test_first_deploy_learns_sizes_from_the_registry(
    run: Run, cli: Path, registry: FakeRegistry, tmp_path: Path
) -> None:
    with serve_engine(tmp_path) as fake:
        limit_memory(cli, 10_000)
        [refusal] = ask(run, registry, docker_host=fake.host)
    assert "ollama_stack_mem_limit" in refusal and NAME in refusal
    assert registry.blob_requests() == []


@pytest.mark.usefixtures("cli")
def test_models_in_the_store_are_not_asked_for(run: Run, engine: FakeEngine, registry: FakeRegistry) -> None:
    assert ask(run, registry, docker_host=engine.host) == []
    assert ask(run, registry, BOTH, docker_host=engine.host, upstream=False) == []
    assert registry.seen == []
    # Another one is wanted than is there.
    pinned = {"name": NAME, "digest": "sha256:" + "1" * 64}
    assert len(ask(run, registry, [pinned], docker_host=engine.host)) == 1


def test_rest_of_an_interrupted_download_is_all_that_must_fit(tmp_path: Path) -> None:
    model = tiny_model(weights=1 << 20)
    store = Store(str(tmp_path / "models"))
    wish, state = read_wishes([NAME])[0], look_at(Store(str(tmp_path / "none")), read_wishes([NAME])[0].name)
    manifest = parse_manifest(model.manifest)
    state = dataclasses.replace(state, manifest=manifest, digest=manifest.digest)

    def missing() -> int:
        [found] = _wanted.measure([wish], [state], store, None, "", 0, 1)
        return found.to_fetch

    assert missing() == manifest.size
    partial = Path(store.partials_dir) / sha256(model.blobs["weights"]).replace(":", "-")
    partial.parent.mkdir(parents=True)
    with partial.open("wb") as file:
        file.write(bytes(1 << 19))
        os.fsync(file.fileno())
    assert manifest.size - (1 << 19) - 8192 <= missing() <= manifest.size - (1 << 19)
    model.install(tmp_path / "models")
    assert missing() == 0


def test_clean_host_loads_nothing_that_speaks_with_registries(tmp_path: Path) -> None:
    code = "import sys, ansible_collections.archiv.ollama.plugins.modules.ollama_stack_info\nprint(*sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(ROOT / ".collections")}
    loaded = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert "ollama_stack_info" in loaded
    assert "ansible.module_utils.urls" not in loaded.split()


OTHER = "containers of other projects use it (monitoring-1, proxy)"


def test_network_that_others_use_is_not_made_anew_under_them(run: Run, cli: Path, engine: FakeEngine) -> None:
    engine.answers["/networks"][1][0]["Internal"] = False
    own = {"com.docker.compose.project": "archiv", "com.docker.compose.oneoff": "False"}
    listed: list[dict[str, Any]] = [{"Names": ["/archiv-backend-1"], "Labels": own}]
    engine.answers["/containers/json?network"] = (200, listed)
    assert not [refusal for refusal in run(docker_host=engine.host)["refusals"] if "network" in refusal]
    listed += [{"Names": ["/proxy"], "Labels": None}]
    listed += [{"Names": ["/monitoring-1"], "Labels": {**own, "com.docker.compose.oneoff": "True"}}]
    verdict = run(docker_host=engine.host)
    [refusal] = [refusal for refusal in verdict["refusals"] if refusal.startswith("network archiv_archiv-net must be")]
    assert OTHER in refusal and "docker network disconnect archiv_archiv-net monitoring-1" in refusal
    assert json.loads(engine.asked[-1])["network"] == ["archiv_archiv-net"]


@pytest.mark.usefixtures("cli")
def test_network_that_stays_is_not_asked_for_its_users(run: Run, engine: FakeEngine) -> None:
    run(docker_host=engine.host)
    assert not [asked for asked in engine.asked if "network" in asked]


@pytest.fixture
def theirs(cli: Path, engine: FakeEngine, tmp_path: Path) -> Path:
    """The file of a stack that a person made, with a backend that runs; Compose reads it as it was recorded."""
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "compose.yml").write_text("services: {}\n")
    (cli / "old.json").write_text((RECORDED / "adopted.json").read_text())
    changed = json.loads((cli / "config.json").read_text())
    changed["services"]["backend"] = {"image": "a:1", "environment": {"APP_OLLAMA_BASEURL": "http://ollama:11434"}}
    (cli / "config.json").write_text(json.dumps(changed))
    command = (cli / "docker").read_text()
    (cli / "docker").write_text(
        command.replace('case "$*" in', f'case "$*" in\n  *compose.yml*) echo "$*" >{cli}/old; cat {cli}/old.json ;;')
    )
    assert engine.inspect is not None
    labels = {
        "com.docker.compose.service": "backend",
        "com.docker.compose.project.config_files": f"{folder}/compose.yml,{folder}/more.yml",
        "com.docker.compose.project.working_dir": str(folder),
        "com.docker.compose.project.environment_file": f"{folder}/prod.env",
    }
    engine.inspect["Config"]["Labels"] = {**engine.inspect["Config"]["Labels"], **labels}
    return folder


LOST = "settings that the new one lacks or changes: "


def test_backend_of_a_person_loses_nothing_unsaid(run: Run, cli: Path, engine: FakeEngine, theirs: Path) -> None:
    verdict = run(docker_host=engine.host)
    [refusal] = [refusal for refusal in verdict["refusals"] if LOST in refusal]
    assert f"the backend in {theirs}/compose.yml,{theirs}/more.yml has" in refusal
    assert "environment.DB_URL" in refusal and "environment.APP_OLLAMA_BASEURL" not in refusal
    assert "canary" not in json.dumps(verdict)
    # Read as it was started: its own project, folder, settings and files.
    asked = (cli / "old").read_text()
    assert f"-f {theirs}/compose.yml -f {theirs}/more.yml --project-name archiv --project-directory {theirs}" in asked
    assert f"--env-file {theirs}/prod.env" in asked
    names = [name.strip() for name in refusal.partition(LOST)[2].partition(";")[0].split(",")]
    told = run(docker_host=engine.host, inputs={"ollama_stack_adopt_without": names})["refusals"]
    assert not [refusal for refusal in told if "the backend in" in refusal]
    told = run(docker_host=engine.host, inputs={"ollama_stack_adopt_without": [*names, "environment.NONE"]})["refusals"]
    assert [refusal for refusal in told if refusal.startswith("ollama_stack_adopt_without lists environment.NONE")]


def test_file_of_a_person_without_containers_is_compared_as_well(
    run: Run, cli: Path, engine: FakeEngine, theirs: Path, tmp_path: Path
) -> None:
    engine.answers["/containers/json"] = (200, [])
    files = [{"path": "compose.yml", "content": CONTENT}]
    refusals = run(docker_host=engine.host, dir=str(theirs), files=files)["refusals"]
    assert [refusal for refusal in refusals if f"the backend in {theirs}/compose.yml has {LOST}" in refusal]
    assert (cli / "old").read_text().startswith(f"compose -f {theirs}/compose.yml config")


def test_file_of_a_person_that_compose_does_not_read_is_refused(
    run: Run, cli: Path, engine: FakeEngine, theirs: Path
) -> None:
    command = (cli / "docker").read_text()
    (cli / "docker").write_text(command.replace(f"cat {cli}/old.json", "echo 'bad \"canary\"' >&2; exit 1"))
    verdict = run(docker_host=engine.host)
    [refusal] = [refusal for refusal in verdict["refusals"] if "cannot tell what the backend in" in refusal]
    assert "(bad ...)" in refusal and "canary" not in json.dumps(verdict)


@pytest.mark.usefixtures("theirs")
def test_stack_of_ours_is_compared_with_no_old_one(run: Run, cli: Path, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    verdict = run(docker_host=engine.host, inputs={"ollama_stack_adopt_without": ["environment.LONG_AGO"]})
    assert not [refusal for refusal in verdict["refusals"] if "adopt" in refusal or "the backend in" in refusal]
    assert not (cli / "old").exists()


@pytest.mark.usefixtures("cli")
def test_stack_behind_a_link_is_ours_by_either_path(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "stack").symlink_to(tmp_path / "real")
    assert engine.inspect is not None
    for folder in ("real", "stack"):
        label = {"com.docker.compose.project.config_files": f"{tmp_path}/{folder}/docker-compose.prod.yml"}
        engine.inspect["Config"]["Labels"] = {**engine.inspect["Config"]["Labels"], **label}
        assert run(docker_host=engine.host)["foreign"] == []
    label = {"com.docker.compose.project.config_files": f"{tmp_path}/other/docker-compose.prod.yml"}
    engine.inspect["Config"]["Labels"] = {**engine.inspect["Config"]["Labels"], **label}
    assert len(run(docker_host=engine.host)["foreign"]) == 1


@pytest.mark.usefixtures("cli")
def test_engine_that_confines_with_selinux_is_refused_what_is_mounted_from_the_host(
    run: Run, engine: FakeEngine
) -> None:
    mounted = {"ollama_stack_ca_file": "/etc/hostname"}
    assert not [one for one in refused(run, docker_host=engine.host, inputs=mounted) if "SELinux" in one]
    engine.answers["/info"][1]["SecurityOptions"] = ["name=seccomp,profile=builtin", "name=selinux"]
    [refusal] = [one for one in refused(run, docker_host=engine.host, inputs=mounted) if "SELinux" in one]
    assert "ollama_stack_ca_file mounts from the host" in refusal
    assert not [one for one in refused(run, docker_host=engine.host) if "SELinux" in one]
