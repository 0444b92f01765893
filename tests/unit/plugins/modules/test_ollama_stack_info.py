"""The module itself: a virgin host, one without Docker, a clean one and a changed one, each by one verdict."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils import _observe
from ansible_collections.archiv.ollama.plugins.modules import ollama_stack_info
from tests.unit.plugins.fake_engine import FakeEngine, serve_engine
from tests.unit.plugins.fake_ollama import PORT, FakeOllama, answer_of, serve_ollama
from tests.unit.plugins.stores import NAME, TinyModel, tiny_model

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
    verdict = run(inputs={"ollama_stack_image": "ollama/ollama:latest"})
    assert kinds(verdict) == ["file_missing", "engine_missing"]
    assert any("ollama_stack_image" in refusal for refusal in verdict["refusals"])


@pytest.mark.usefixtures("bare")
def test_file_of_a_person_is_foreign(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "services: {}\n")
    verdict = run()
    assert kinds(verdict)[0] == "file_foreign"
    assert verdict["foreign"] == [f"{tmp_path}/stack/docker-compose.prod.yml was not written by us"]


@pytest.mark.usefixtures("cli")
def test_stack_that_is_as_wanted_is_clean_but_for_unproven_bytes(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    verdict = run(docker_host=engine.host)
    assert kinds(verdict) == ["model_unproven"]
    assert verdict["healthy"]["ok"] is True
    assert verdict["start"] is False


@pytest.mark.usefixtures("cli")
def test_retagged_image_is_found(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    engine.answers["/images/ollama/ollama:0.34.2/json"] = (200, {"Id": "sha256:another"})
    assert kinds(run(docker_host=engine.host)) == ["image_retagged", "model_unproven"]


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


def test_container_that_runs_with_an_old_secret_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A process in a root of its own is what the kernel shows under /proc; no process, no secret.
    monkeypatch.setattr(_observe, "PROCESSES", str(tmp_path))
    mounted = tmp_path / "7" / "root" / "run" / "secrets"
    mounted.mkdir(parents=True)
    (mounted / "kept").write_text("one")
    (mounted / "rotated").write_text("two")
    wanted = {"kept": digest("one"), "rotated": digest("three"), "elsewhere": digest("four")}
    assert _observe.find_outdated(7, wanted) == ("rotated",)
    assert _observe.find_outdated(0, wanted) == ()
    assert (_observe.find_uid(7), _observe.find_uid(8), _observe.find_uid(0)) == (os.getuid(), None, None)


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
    # Its tag says no version, so a container of it is asked.
    content = CONTENT.replace("0.34.2", "stable")
    engine.answers["/images/ollama/ollama:stable/json"] = engine.answers["/images/ollama/ollama:0.34.2/json"]
    command = cli / "docker"
    command.write_text(
        command.read_text().replace("env >", "env >>").replace("exit 64", 'echo "$1: version is 0.16.0"')
    )
    verdict = run(
        docker_host=engine.host,
        files=[{"path": "docker-compose.prod.yml", "content": content}],
        inputs={"ollama_stack_image": "ollama/ollama:stable"},
    )
    assert [refusal for refusal in verdict["refusals"] if "Ollama 0.16.0" in refusal]
    told = {line for line in (cli / "env").read_text().splitlines() if line.startswith("DOCKER_")}
    assert told == {f"DOCKER_HOST={engine.host}", f"DOCKER_CONFIG={cli}/settings"}


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
    assert set(run()) - {"changed", "invocation", "warnings"} == set(documented)
