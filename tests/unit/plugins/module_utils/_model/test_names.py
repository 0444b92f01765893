"""Model names are read as Ollama reads them, and refused with a reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import (
    DigestInvalid,
    ModelName,
    NameInvalid,
    parse_digest,
    parse_name,
    same_model,
)

# Written from Ollama's documented grammar as one expression, so that parser and oracle share no step.
PART = r"[A-Za-z0-9_][A-Za-z0-9_{}-]{{0,{}}}"
ORACLE = re.compile(
    "(?:(?:(?P<host>{})/)?(?P<namespace>{})/)?(?P<model>{})(?::(?P<tag>{}))?".format(
        PART.format(".:", 349), PART.format("", 79), PART.format(".", 79), PART.format(".", 79)
    )
)


@pytest.mark.parametrize(
    ("text", "parts", "display"),
    [
        pytest.param(
            "qwen2.5:7b-instruct-q4_K_M",
            ("registry.ollama.ai", "library", "qwen2.5", "7b-instruct-q4_K_M"),
            "qwen2.5:7b-instruct-q4_K_M",
            id="the stack's",
        ),
        pytest.param("m", ("registry.ollama.ai", "library", "m", "latest"), "m:latest", id="bare"),
        pytest.param("me/m", ("registry.ollama.ai", "me", "m", "latest"), "me/m:latest", id="namespace"),
        pytest.param("LIBRARY/m:1", ("registry.ollama.ai", "LIBRARY", "m", "1"), "m:1", id="default in capitals"),
        pytest.param("hub:5000/me/m:1", ("hub:5000", "me", "m", "1"), "hub:5000/me/m:1", id="port"),
        pytest.param("hub:5000/me/m", ("hub:5000", "me", "m", "latest"), "hub:5000/me/m:latest", id="port, no tag"),
        pytest.param("hub/library/m:1", ("hub", "library", "m", "1"), "hub/library/m:1", id="other host, library"),
        pytest.param("_m:_1", ("registry.ollama.ai", "library", "_m", "_1"), "_m:_1", id="underscore first"),
    ],
)
def test_parse_name_fills_and_displays(text: str, parts: tuple[str, ...], display: str) -> None:
    name = parse_name(text)
    assert name.path_parts == parts
    assert name.display == display
    assert parse_name(name.display) == name or name.key == parse_name(name.display).key


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" m", "spaces"),
        ("m\n", "spaces"),
        ("m:", "tag has 0 characters"),
        (":tag", "model has 0 characters"),
        ("/m", "namespace has 0 characters"),
        ("me//m", "namespace has 0 characters"),
        ("a/b/c/m", "4 parts"),
        ("hub:5000/m", "all three parts"),
        ("hub.example/m", "all three parts"),
        ("https://hub/me/m", "URL scheme"),
        ("m@sha256:" + "0" * 64, "cannot pin a digest in the name"),
        ("../../m:1", "must start with a letter"),
        ("hub/../m:1", "must start with a letter"),
        ("m:..", "must start with a letter"),
        ("m:" + "t" * 81, "tag has 81 characters"),
        ("h" * 351 + "/me/m", "host has 351 characters"),
        ("modèle", "letters, digits"),
        ("m:1\0", "letters, digits"),
        ("m:cloud", "reserves the tags"),
        ("m:LOCAL", "reserves the tags"),
        ("m:20b-Cloud", "reserves the tags"),
    ],
)
def test_parse_name_refuses_with_reason(text: str, reason: str) -> None:
    with pytest.raises(NameInvalid, match=re.escape(reason)) as caught:
        parse_name(text)
    assert len(str(caught.value)) < 500


@given(st.text(alphabet="aZ9_.:-/@ é", max_size=24) | st.text(max_size=12))
def test_parse_name_agrees_with_the_grammar(text: str) -> None:
    expected = ORACLE.fullmatch(text)
    try:
        name: ModelName | None = parse_name(text)
    except NameInvalid:
        name = None
    assert (name is not None) == (expected is not None)
    if name is not None and expected is not None:
        assert (name.model, name.tag) == (expected["model"], expected["tag"] or "latest")
        assert (name.host, name.namespace) == (
            expected["host"] or "registry.ollama.ai",
            expected["namespace"] or "library",
        )
        assert not any("/" in part or part in ("", ".", "..") for part in name.path_parts)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("qwen2.5:7b", "QWEN2.5:7B", True),
        ("m", "registry.ollama.ai/library/m:latest", True),
        ("qwen2.5:7b", "qwen2.5:7b-instruct", False),
        ("m", "other/m", False),
        ("m:1", "not a name", False),
    ],
)
def test_same_model_folds_case_and_defaults(one: str, other: str, same: bool) -> None:
    assert same_model(one, other) is same


@pytest.mark.parametrize("text", ["sha256:" + "aB" * 32, "AB" * 32, "sha256-" + "ab" * 32])
def test_parse_digest_normalises(text: str) -> None:
    assert parse_digest(text) == "sha256:" + "ab" * 32


@pytest.mark.parametrize("text", ["", "845dbda0ea48", "sha256:" + "a" * 63, "sha512:" + "a" * 64, "g" * 64, "a" * 65])
def test_parse_digest_refuses_wrong_length(text: str) -> None:
    with pytest.raises(DigestInvalid, match="64 hexadecimal digits"):
        parse_digest(text)
