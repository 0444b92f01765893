"""What the module refuses, predicts and returns."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.modules import ollama_model
from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.model_host import (
    MODEL,
    Fact,
    Host,
    lie,
)
from tests.unit.support.stores import NAME


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"models": ["Bad Name!"]}, "models[0]"),
        ({"models": []}, "empty"),
        ({"models": [{"name": "m:1", "digest": "sha256:12"}]}, "64 hexadecimal"),
        ({"models": ["registry.example:port/ns/m:1"]}, "port 'port'"),
        ({"models": [{"name": "registry.example:65536/ns/m:1"}]}, "port '65536'"),
        ({"ollama_version": "0.34.2\n"}, "ollama_version"),
        ({"ollama_version": "0.34.2\u2013rc1"}, "ollama_version"),
        ({"mirror": "ftp://x"}, "mirror"),
        ({"insecure": False}, "insecure"),
        ({"connections": 0}, "connections"),
        ({"timeout": -1}, "timeout"),
        ({"stall_timeout": 0}, "stall_timeout"),
        ({"ca_path": "/nonexistent"}, "ca_path"),
        ({"docker_host": "tcp://elsewhere:2375"}, "docker_host is 'tcp://elsewhere:2375'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_touched(host: Host, options: Fact, words: str) -> None:
    assert words in host.fails("input", **options)
    assert host.upstream.seen == [] and not host.models.parent.exists()


def test_all_mistakes_come_in_one_message(host: Host) -> None:
    message = host.fails("input", models=["a b", "x@y"], mirror="nonsense", connections=99, timeout=0)
    for words in ("models[0]", "models[1]", "mirror", "connections", "timeout"):
        assert words in message


def test_missing_engine_is_a_sentence_or_in_check_mode_a_prediction(host: Host, tmp_path: Path) -> None:
    options: Fact = {"store": None, "docker_host": f"unix://{tmp_path}/no.sock"}
    assert "no Docker Engine" in host.fails("store", **options)
    predicted = host.ok(check=True, **options)
    assert predicted["changed"] and "no Docker Engine" in json.dumps(predicted["warnings"])
    assert predicted["download_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())


def test_result_is_as_documented(host: Host, upstream: FakeRegistry) -> None:
    documented = yaml.safe_load(ollama_model.RETURN)
    installed, removed = host.ok(), host.ok(state="absent")
    host.upstream.twist = lie(404)
    failed = host.run()
    known = {"changed", "diff", "failed", "invocation", "warnings", "deprecations"}
    assert {*installed, *removed, *failed} - known == set(documented)
    assert {*installed["models"][0], *removed["models"][0]} == set(documented["models"]["contains"])
    fetched = documented["models"]["contains"]["fetched"]["contains"]
    assert set(installed["models"][0]["fetched"][0]) == set(fetched)
    assert failed["kind"] in documented["kind"]["description"]


def test_check_mode_predicts_a_pull_without_an_engine(host: Host, tmp_path: Path) -> None:
    nobody = f"unix://{tmp_path}/none.sock"
    predicted = host.ok(check=True, method="engine", docker_host=nobody)
    assert predicted["changed"] is True and predicted["msg"] == f"{NAME}: pulled"


def test_what_nobody_expected_is_one_sentence(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise IndexError("pop from an empty list")

    monkeypatch.setattr(ollama_model, "run", stumble)
    assert host.fails("defect").startswith("unexpected IndexError at test_options.py:")


def test_run_that_hangs_ends_by_itself(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_model, "GRACE_SECONDS", 0)
    monkeypatch.setattr(ollama_model, "run", lambda *_: time.sleep(30))
    began = time.monotonic()
    assert host.fails("deadline", timeout=0.2, load_timeout=0.1).startswith("timed out after 0 s")
    assert time.monotonic() - began < 10
