"""Mistakes of the inputs, and looks that fail or hang."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._entry import stack
from ansible_collections.archiv.ollama.plugins.module_utils._stack import judge, look
from ansible_collections.archiv.ollama.plugins.modules import ollama_stack_info
from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.fake_ollama import FakeOllama
from tests.unit.support.stack_host import (
    CONFIG,
    Run,
    kinds,
    write,
)
from tests.unit.support.stores import TinyModel

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
    for room, name in ((stack, "observe"), (look, "look_at_wanted")):
        monkeypatch.setattr(room, name, lambda *_: looks.append("a wrong place"))
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

    monkeypatch.setattr(stack, "observe", stumble)
    result = run()
    assert result["failed"] is True and result["kind"] == "defect"
    assert result["msg"].startswith("unexpected KeyError at test_inputs.py:")
    assert "'NetworkSettings'" in result["msg"] and "report it" in result["msg"]
    assert "exception" not in result


def test_look_that_hangs_ends_by_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_stack_info, "MOST_SECONDS", -59.8)
    monkeypatch.setattr(stack, "observe", lambda _query: time.sleep(30))
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

    # Not the sleep of every thread there is.
    monkeypatch.setattr(stack, "time", SimpleNamespace(monotonic=time.monotonic, time=time.time, sleep=sleep))
    # As if their bytes were proven, which no time does.
    monkeypatch.setattr(judge, "_judge_model", lambda _state: [])
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
    assert set(documented) - clean - on_failure == {"advice", "ollama_version"}
