"""The module itself: options in, one JSON result out, exactly as its documentation says."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.archiv.ollama.plugins.doc_fragments._options import ModuleDocFragment
from ansible_collections.archiv.ollama.plugins.module_utils._registry import client as _registry
from ansible_collections.archiv.ollama.plugins.modules import ollama_model_info
from tests.unit.support.fake_engine import FakeEngine, serve_engine
from tests.unit.support.fake_ollama import PORT, FakeOllama, answer_of, serve_ollama
from tests.unit.support.fake_registry import FakeRegistry, Reply, Seen, Twist, registry
from tests.unit.support.stores import NAME, TinyModel, tiny_model

Run = Callable[..., dict[str, Any]]
TYPES = {"str": str, "bool": bool, "int": int, "float": float, "list": list, "dict": dict}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the module as Ansible would; its result, and `code` beside it."""

    def call(_check_mode: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {"models": [NAME], **options, "_ansible_check_mode": _check_mode}
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            ollama_model_info.main()
        return {**json.loads(capsys.readouterr().out), "code": ended.value.code}

    return call


@pytest.fixture
def model(tmp_path: Path) -> TinyModel:
    """A whole model in a store at tmp_path/data/models."""
    whole = tiny_model()
    whole.install(tmp_path / "data" / "models")
    return whole


@pytest.fixture
def store(tmp_path: Path, model: TinyModel) -> str:
    """The models folder that holds it."""
    return str(tmp_path / "data" / "models")


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
    """An Engine with that server's container and that store's volume."""
    with serve_engine(tmp_path) as fake:
        assert fake.inspect is not None
        fake.inspect["NetworkSettings"]["Networks"] = {"archiv-net": {"IPAddress": ollama.address}}
        fake.volume["Mountpoint"] = str(tmp_path / "data")
        yield fake


def documented(returned: Mapping[str, Any], contains: Mapping[str, Any], where: str = "") -> list[str]:
    """Every difference between a result and the documentation of it."""
    wrong = [f"{where}{key} is not documented" for key in returned if key not in contains]
    for key, told in contains.items():
        if key not in returned:
            wrong.append(f"{where}{key} is not returned")
            continue
        values = returned[key] if told.get("elements") == "dict" else [returned[key]]
        if returned[key] is not None and not isinstance(returned[key], TYPES[told["type"]]):
            wrong.append(f"{where}{key} is {returned[key]!r}, not {told['type']}")
        elif "contains" in told:
            wrong += [
                line for value in values if value for line in documented(value, told["contains"], f"{where}{key}.")
            ]
    return wrong


@pytest.fixture
def upstream(model: TinyModel) -> Iterator[FakeRegistry]:
    """A registry that has this very model under its name."""
    with registry() as server:
        server.publish(f"library/{NAME}", model)
        yield server


@pytest.fixture
def ask(run: Run, store: str, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What the registry says of the model, in few words and in many."""
    monkeypatch.setattr(_registry, "WAITS", (0.01, 0.01))

    def call(**options: Any) -> dict[str, Any]:
        given = {"store": store, "health": False, "upstream": True, "mirror": upstream.url, "insecure": True}
        result = run(**{**given, **options})
        assert result["code"] == 0, result["msg"]
        return {**result["models"][0]["upstream"], "msg": result["msg"]}

    return call


def without_frame(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result without what Ansible and the fixture add to it."""
    return {key: value for key, value in result.items() if key not in ("changed", "failed", "invocation", "code")}


def test_whole_served_model_meets_every_expectation(run: Run, engine: FakeEngine, model: TinyModel) -> None:
    result = run(docker_host=engine.host, expect=["cached", "intact", "healthy", "pinned"])
    assert (result["code"], result["changed"]) == (0, False)
    whole = {"name": NAME, "digest": model.digest, "cached": True, "intact": True, "problems": [], "upstream": None}
    assert result["models"] == [whole]
    assert result["healthy"]["ok"] is True
    assert result["msg"] == f"{NAME}: cached, intact. healthy: it answers"


def test_result_is_what_the_documentation_says(run: Run, engine: FakeEngine, model: TinyModel, store: str) -> None:
    model.blob_path(Path(store), "weights").chmod(0o600)
    (Path(store) / "blobs" / "stray").write_bytes(b"x")
    (Path(store) / "blobs" / f"sha256-{'a' * 64}-partial").write_bytes(b"x")
    assert engine.inspect is not None
    engine.inspect["RestartCount"] = 1
    engine.inspect["State"]["Health"]["Status"] = "starting"
    with registry() as upstream:
        result = run(docker_host=engine.host, upstream=True, mirror=upstream.url, insecure=True)
    told = yaml.safe_load(ollama_model_info.RETURN)
    assert documented(without_frame(result), told) == []
    assert result["models"][0]["problems"]
    assert result["models"][0]["upstream"]
    assert result["healthy"]["problems"]
    assert result["healthy"]["warnings"]
    assert result["store"]["partials"]
    assert result["store"]["unreferenced_bytes"] == 1


def test_failure_is_what_the_documentation_says(run: Run, tmp_path: Path) -> None:
    result = run(docker_host=f"unix://{tmp_path}/none")
    assert result["failed"]
    assert documented({"store": {}, **without_frame(result)}, yaml.safe_load(ollama_model_info.RETURN)) == []


def bare(option: dict[str, Any]) -> dict[str, Any]:
    """What documentation and argument spec both say of an option; they call what is below it differently."""
    kept = {key: value for key, value in option.items() if key not in ("description", "no_log", "suboptions")}
    below = {**kept.pop("options", {}), **option.get("suboptions", {})}
    return {**kept, "below": {name: bare(one) for name, one in below.items()}}


def test_documented_options_are_the_options() -> None:
    document = yaml.safe_load(ollama_model_info.DOCUMENTATION)
    told = dict(document["options"])
    for fragment in document["extends_documentation_fragment"]:
        told |= yaml.safe_load(getattr(ModuleDocFragment, fragment.rpartition(".")[2].upper()))["options"]
    assert told.keys() == ollama_model_info.ARGUMENTS.keys()
    for name, option in ollama_model_info.ARGUMENTS.items():
        assert bare(told[name]) == bare(option)


def test_store_alone_needs_neither_engine_nor_server(run: Run, store: str, tmp_path: Path) -> None:
    away = f"unix://{tmp_path}/none"
    result = run(store=store, health=False, docker_host=away, expect=["cached", "intact"])
    assert (result["code"], result["healthy"]) == (0, {})
    result = run(store=store, docker_host=away, expect=["cached", "intact"])
    assert (result["code"], result["healthy"]["ok"]) == (0, False)
    assert "no Docker Engine listens" in result["msg"]


def test_store_alone_works_without_the_sdk(run: Run, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    assert run(store=store, health=False)["models"][0]["intact"] is True
    assert "install python3-docker" in run()["msg"]


@pytest.mark.parametrize("verify", ["full", "receipt", "size"])
def test_check_mode_gives_the_same_result(run: Run, store: str, verify: str) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in Path(store).parent.rglob("*"))
    real, check = (run(_check, store=store, health=False, verify=verify) for _check in (False, True))
    assert without_frame(real) == without_frame(check)
    assert real["changed"] is check["changed"] is False
    assert sorted((path, path.stat().st_mtime_ns) for path in Path(store).parent.rglob("*")) == before


@pytest.mark.parametrize(("verify", "intact"), [("full", False), ("receipt", None), ("size", None)])
def test_flipped_bit_is_never_intact(run: Run, store: str, model: TinyModel, verify: str, intact: bool | None) -> None:
    weights = model.blob_path(Path(store), "weights")
    before, content = weights.stat(), bytearray(weights.read_bytes())
    content[0] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run(store=store, health=False, verify=verify)
    assert (result["models"][0]["cached"], result["models"][0]["intact"]) == (True, intact)


def test_every_unmet_expectation_comes_in_one_message(
    run: Run, engine: FakeEngine, ollama: FakeOllama, model: TinyModel, store: str
) -> None:
    model.blob_path(Path(store), "template").unlink()
    ollama.answers["/api/ps"] = answer_of("ps_expiring")
    ollama.answers["/api/generate"] = answer_of("generate_truncated")
    result = run(docker_host=engine.host, expect=["cached", "intact", "healthy", "pinned"])
    assert (result["code"], result["failed"]) == (1, True)
    assert len(result["models"]) == 1
    for part in (
        str(model.blob_path(Path(store), "template")),
        "/api/ps says it expires at",
        "exceeds file size",
        "repair: true",
        "OLLAMA_KEEP_ALIVE",
    ):
        assert part in result["msg"]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        pytest.param({"models": []}, ["name at least one model"], id="no models"),
        pytest.param({"models": "a b,c@d"}, ["models[0]", "models[1]"], id="two bad names"),
        pytest.param({"models": [{"name": "a", "digest": "beef"}]}, ["64 hexadecimal digits"], id="short digest"),
        pytest.param({"models": [["a"]]}, ["is neither a model name"], id="a list in the list"),
        pytest.param({"store": "/", "health": False, "expect": ["pinned"]}, ["health: true"], id="blind expectation"),
        pytest.param({"store": "/", "answer_within": 0}, ["more than 0 seconds"], id="no time"),
        pytest.param(
            {"store": "/", "timeout": 0, "mirror": "http://x", "ca_path": "/none"},
            ["timeout: 0", "plain HTTP", "/none is not a file"],
            id="three mistakes about a registry",
        ),
        pytest.param({"docker_host": "ssh://root@x"}, ["docker_host is 'ssh://root@x'"], id="another machine's Engine"),
        pytest.param({"verify": "quick"}, ["verify", "full, receipt, size"], id="unknown choice"),
        pytest.param({"expect": ["warm"]}, ["expect", "cached, intact, healthy, pinned"], id="unknown expectation"),
        pytest.param({"answer_within": "soon"}, ["answer_within"], id="wrong type"),
    ],
)
def test_bad_options_are_refused_in_words(run: Run, options: dict[str, Any], parts: list[str]) -> None:
    result = run(**options)
    assert result["code"] == 1
    assert all(part in result["msg"] for part in parts)
    assert "Traceback" not in json.dumps(result)


def test_folder_that_cannot_be_read_is_a_sentence(run: Run, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listdir = os.listdir

    def refuse(folder: int) -> list[str]:
        if "library" in os.readlink(f"/proc/self/fd/{folder}"):
            raise PermissionError(13, "Permission denied")
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    result = run(store=store, health=False)
    assert (result["code"], "become: true" in result["msg"]) == (1, True)


def test_examples_are_options_the_module_takes() -> None:
    for task in yaml.safe_load(ollama_model_info.EXAMPLES):
        options = task["archiv.ollama.ollama_model_info"]
        assert set(options) <= set(ollama_model_info.ARGUMENTS)


def test_upstream_that_has_the_same_is_asked_for_a_manifest_alone(
    ask: Run, upstream: FakeRegistry, model: TinyModel
) -> None:
    told = ask()
    assert (told["state"], told["digest"]) == ("same", model.digest)
    assert [seen.path.rpartition("/")[0] for seen in upstream.seen] == ["/v2/library/qwen2.5/manifests"]


def test_nobody_is_asked_unless_told(run: Run, store: str, upstream: FakeRegistry) -> None:
    result = run(store=store, health=False, mirror=upstream.url, insecure=True)
    assert (result["models"][0]["upstream"], upstream.seen) == (None, [])


def test_tag_that_moved_is_told_with_both_digests(ask: Run, upstream: FakeRegistry, model: TinyModel) -> None:
    newer = tiny_model(seed=7)
    upstream.publish(f"library/{NAME}", newer)
    told = ask()
    assert (told["state"], told["digest"]) == ("moved", newer.digest)
    assert told["why"] == f"moved: {model.digest} -> {newer.digest}"
    assert told["why"] in told["msg"]


def test_pin_is_what_upstream_is_compared_with(ask: Run, model: TinyModel) -> None:
    pin = "sha256:" + "0" * 64
    assert ask(models=[{"name": NAME, "digest": pin}])["why"] == f"moved: {pin} -> {model.digest}"


def test_model_nobody_has_is_compared_with_nothing(ask: Run, upstream: FakeRegistry, model: TinyModel) -> None:
    upstream.publish("library/other:1b", model)
    told = ask(models=["other:1b"])
    assert (told["state"], told["digest"]) == ("unknown", model.digest)


def answer(status: int, body: bytes = b"{}") -> Twist:
    return lambda seen, reply: Reply(status, body)


def cut(_seen: Seen, reply: Reply) -> Reply:
    return Reply(reply.status, reply.body, reply.headers, cut=10)


@pytest.mark.parametrize(
    ("twist", "state", "word"),
    [
        pytest.param(answer(404), "gone", "404", id="gone"),
        pytest.param(answer(401), "unreachable", "denied access", id="refused"),
        pytest.param(answer(503), "unreachable", "503", id="ill"),
        pytest.param(answer(200, b"<html>log in</html>"), "unreachable", "login page", id="a login page"),
        pytest.param(cut, "unreachable", "closed the", id="cut"),
    ],
)
def test_upstream_without_an_answer_is_a_sentence(
    ask: Run, upstream: FakeRegistry, twist: Twist, state: str, word: str
) -> None:
    upstream.twist = twist
    told = ask()
    assert (told["state"], told["digest"]) == (state, None)
    assert word in told["why"] and "Traceback" not in told["msg"]


def test_upstream_that_is_away_is_a_sentence(ask: Run, upstream: FakeRegistry) -> None:
    upstream.close()
    told = ask()
    assert (told["state"], told["digest"]) == ("unreachable", None)
    assert "refused; is the registry running" in told["why"]


def test_upstream_that_hangs_is_left_in_time(ask: Run, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.twist = lambda seen, reply: Reply(200, reply.body, stall=0)
    began = time.monotonic()
    assert ask(timeout=0.5)["state"] == "unreachable"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("error", "says"),
    [(KeyError("Mounts"), "KeyError at test_ollama"), (OSError(5, "Input/output error", "/x"), "cannot access /x")],
)
def test_what_nobody_expected_is_one_sentence(
    run: Run, store: str, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def stumble(*_: object) -> None:
        raise error

    monkeypatch.setattr(ollama_model_info, "look", stumble)
    result = run(store=store, health=False)
    assert result["failed"] is True and says in result["msg"] and "exception" not in result


def test_look_that_hangs_ends_by_itself(run: Run, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_model_info, "MOST_SECONDS", 0)
    monkeypatch.setattr(ollama_model_info, "look", lambda *_: time.sleep(30))
    began = time.monotonic()
    assert "timed out after 0 s" in run(store=store, timeout=0.1, answer_within=0.1)["msg"]
    assert time.monotonic() - began < 10
