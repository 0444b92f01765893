"""What every test of ollama_stack_info begins with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.module_utils._engine import compose
from ansible_collections.archiv.ollama.plugins.modules import ollama_stack_info
from tests.unit.support.fake_engine import FakeEngine, serve_engine
from tests.unit.support.fake_ollama import PORT, FakeOllama, answer_of, serve_ollama
from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.stack_host import (
    CLI,
    CONFIG,
    CONTENT,
    Run,
    container,
)
from tests.unit.support.stores import NAME, TinyModel, tiny_model


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
        # pytest shows it with a failure: a list of kinds alone tells nobody why.
        print(json.dumps(result, indent=1), file=sys.stderr)
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
    monkeypatch.setattr(compose, "PLUGIN_FOLDERS", ())
    return folder


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No docker command anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))


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


@pytest.fixture
def missing(cli: Path) -> str:
    """An image that Compose wants and the Engine does not have."""
    image = "reg.example/archive/backend:1"
    changed = json.loads((cli / "config.json").read_text())
    changed["services"]["backend"] = {"image": image}
    (cli / "config.json").write_text(json.dumps(changed))
    return image


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """One that has the first model and not the second."""
    server = FakeRegistry()
    server.publish(f"library/{NAME}", tiny_model())
    yield server
    server.close()
