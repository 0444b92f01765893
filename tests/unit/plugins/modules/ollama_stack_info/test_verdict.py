"""One verdict on a stack: what is clean, what is waited for, what is read."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._entry import stack
from ansible_collections.archiv.ollama.plugins.module_utils._stack import look
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import look_at_all
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts
from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.stack_host import (
    CONFIG,
    CONTENT,
    Run,
    container,
    kinds,
    starting,
    write,
)
from tests.unit.support.stores import NAME, TinyModel, sha256


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


@pytest.mark.usefixtures("bare")
def test_what_is_not_ours_is_refused_beside_a_wrong_input(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "services: {}\n")
    other = tmp_path / "stack/docker-compose.yml"
    other.write_text(CONTENT)
    inputs = {"ollama_stack_dir": str(tmp_path / "stack"), "ollama_stack_adopt": False, "ollama_stack_max_queue": 0}
    told = [
        one for one in run(inputs=inputs)["refusals"] if not one.startswith(("there is no docker", "the tasks run"))
    ]
    assert [one.split(" ")[0] for one in told] == ["ollama_stack_max_queue", "ollama_stack_adopt", str(other)]
    # Where the folder itself cannot be meant, nothing is looked for in it.
    told = run(inputs={**inputs, "ollama_stack_dir": f"{tmp_path}/stack/"})["refusals"]
    assert not [one for one in told if one.startswith(str(other))]
    # A person's own file has neither wrapper nor secrets beside it.
    other.write_text("services: {}\n")
    assert not [one for one in run(inputs=inputs)["refusals"] if one.startswith(str(other))]


def test_failed_start_is_told_who_has_the_port(run: Run, engine: FakeEngine) -> None:
    failure = "Bind for 0.0.0.0:8080 failed: port is already allocated"
    assert run(docker_host=engine.host)["advice"] == []
    engine.answers["/containers/json?publish"] = (200, [{"Names": ["/web-1"]}])
    [told] = run(docker_host=engine.host, failure=failure)["advice"]
    assert told.startswith("Port 8080 is used by container web-1:")
    # An Engine that does not answer says nothing of ports.
    assert run(failure=failure)["advice"] == []


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
def test_image_that_is_not_the_locked_one_is_refused(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    image, has, other = "ollama/ollama:0.34.2", f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    engine.answers[f"/images/{image}/json"][1]["RepoDigests"] = [f"ollama/ollama@{has}"]
    verdict = run(docker_host=engine.host, locks={image: [has]})
    assert verdict["clean"] and verdict["images"] == {image: [has]}
    verdict = run(docker_host=engine.host, locks={image: [other]})
    assert kinds(verdict) == ["image_other"] and not verdict["clean"]
    told = f"image {image}: the lock file has {other}, the host has {has}"
    assert [one for one in verdict["refusals"] if one.startswith(told)]
    # It is told beside a mistake in the inputs as well.
    verdict = run(docker_host=engine.host, locks={image: [other]}, inputs={"ollama_stack_max_queue": 0})
    assert [one for one in verdict["refusals"] if one.startswith(told)]


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

    monkeypatch.setattr(look, "look_at_all", counted)
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


def passing(monkeypatch: pytest.MonkeyPatch, step: float, meanwhile: Callable[[], object]) -> None:
    """Have so many seconds go by between two looks, and this happen."""
    clock = itertools.count(0, step)
    fake = SimpleNamespace(monotonic=lambda: next(clock), time=time.time, sleep=lambda _seconds: meanwhile())
    monkeypatch.setattr(stack, "time", fake)


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


@pytest.mark.parametrize(
    ("said", "kind"),
    [("docker: 'compose' is not a docker command.", "engine_missing"), ("exec format error", "compose_refused")],
)
def test_compose_that_fails_to_tell_its_version_is_told(
    run: Run, cli: Path, engine: FakeEngine, tmp_path: Path, said: str, kind: str
) -> None:
    write(tmp_path)
    command = (cli / "docker").read_text().replace("echo 2.26.1-4", f'echo "{said}" >&2; exit 1')
    config_hash = container()["Config"]["Labels"]["com.docker.compose.config-hash"]
    (cli / "docker").write_text(command.replace(config_hash, "other"))
    verdict = run(docker_host=engine.host)
    assert kinds(verdict)[0] == kind and not verdict["clean"]
