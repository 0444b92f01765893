"""What the models of a deploy need, and what their registries say."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.manifest import parse_manifest
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import read_wishes
from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.module_utils._stack import look
from ansible_collections.archiv.ollama.plugins.module_utils._stack import needs as _wanted
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import look_at
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from tests.lab import model as lab
from tests.unit.support.fake_engine import FakeEngine, serve_engine
from tests.unit.support.fake_registry import FakeRegistry, Reply
from tests.unit.support.stack_host import (
    CONFIG,
    NAMES,
    REFUSAL,
    ROOT,
    Run,
    refused,
)
from tests.unit.support.stores import NAME, TinyModel, sha256, tiny_model


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

    monkeypatch.setattr(look, "assess_models", closed)
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
