"""Networks that others use, and the stack of a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.stack_host import (
    CONTENT,
    RECORDED,
    Run,
    refused,
    write,
)

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
