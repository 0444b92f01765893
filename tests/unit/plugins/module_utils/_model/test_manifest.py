"""Manifests are untrusted bytes: a typed error or a list of blobs, nothing in between."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.archiv.ollama.plugins.module_utils._model.manifest import (
    MANIFEST_LIMIT,
    ManifestInvalid,
    parse_manifest,
)
from tests.unit.support.stores import sha256, tiny_model

DIGEST = "sha256:" + "a" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def with_changes(**changes: Any) -> bytes:
    """A whole manifest, some of its keys replaced."""
    return json.dumps(json.loads(tiny_model().manifest) | changes).encode()


def layer(**changes: Any) -> dict[str, Any]:
    """A whole layer, some of its keys replaced."""
    return {"mediaType": "application/vnd.ollama.image.model", "digest": DIGEST, "size": 1} | changes


def test_parse_manifest_reads_every_blob_once() -> None:
    model = tiny_model()
    manifest = parse_manifest(model.manifest)
    assert manifest.digest == model.digest
    assert {blob.role: blob.digest for blob in manifest.blobs} == {
        role: sha256(content) for role, content in model.blobs.items()
    }
    assert manifest.blobs[0].role == "weights"
    assert manifest.size == sum(map(len, model.blobs.values()))


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("model", "weights"),
        ("tensor", "weights"),
        ("prompt", "template"),
        ("params", "parameters"),
        ("system", "system"),
    ],
)
def test_layer_role_names_its_use(kind: str, role: str) -> None:
    raw = with_changes(layers=[layer(mediaType=f"application/vnd.ollama.image.{kind}")])
    assert parse_manifest(raw).layers[0].role == role


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "an empty file", id="empty"),
        pytest.param(bytes(500), "only zero bytes", id="zeroed"),
        pytest.param(b"<html>502</html>", "not JSON", id="garbage"),
        pytest.param(tiny_model().manifest[:-40], "not JSON", id="cut short"),
        pytest.param(tiny_model().manifest + b"\0\0", "not JSON", id="zeroes behind"),
        pytest.param(b"\xff\xfe", "not JSON", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "not JSON", id="nested deeply"),
        pytest.param(b" " * (MANIFEST_LIMIT + 1), f"more than {MANIFEST_LIMIT} bytes", id="too large"),
        pytest.param(b"[]", "JSON, but not an object", id="list"),
        pytest.param(b"{}", "schemaVersion None", id="no schema"),
        pytest.param(with_changes(schemaVersion=1), "schemaVersion 1", id="schema 1"),
        pytest.param(with_changes(mediaType="application/vnd.oci.image.index.v1+json"), "media type", id="index"),
        pytest.param(with_changes(layers=None), "no list of layers", id="no layers"),
        pytest.param(with_changes(layers=["x"]), "layer 1 is not an object", id="layer a string"),
        pytest.param(with_changes(config=None), "config is not an object", id="no config"),
        pytest.param(with_changes(layers=[layer(mediaType=1)]), "layer 1 has no media type", id="media type a number"),
        pytest.param(with_changes(layers=[layer(), layer(size=-1)]), "layer 2 has size -1", id="negative size"),
        pytest.param(with_changes(layers=[layer(size=10**19)]), "not JSON", id="size beyond any disk"),
        pytest.param(with_changes(layers=[layer(size=True)]), "has size True", id="size a bool"),
        pytest.param(with_changes(layers=[layer(size=1.5)]), "has size 1.5", id="size a fraction"),
        pytest.param(with_changes(layers=[layer(digest="sha256:abc")]), "malformed digest", id="short digest"),
        pytest.param(with_changes(layers=[layer(digest=DIGEST + "\n")]), "malformed digest", id="digest and newline"),
        pytest.param(
            with_changes(layers=[layer(digest="sha256:../../../../etc/passwd")]), "malformed digest", id="traversal"
        ),
    ],
)
def test_parse_manifest_refuses(raw: bytes, reason: str) -> None:
    with pytest.raises(ManifestInvalid, match=reason):
        parse_manifest(raw)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_parse_manifest_survives_any_bytes(raw: bytes) -> None:
    with pytest.raises(ManifestInvalid):
        parse_manifest(raw)


@given(JSON, st.sampled_from(["schemaVersion", "mediaType", "config", "layers"]))
def test_parse_manifest_survives_any_value_anywhere(value: Any, key: str) -> None:
    try:
        manifest = parse_manifest(with_changes(**{key: value}))
    except ManifestInvalid:
        return
    assert all(blob.size >= 0 and len(blob.digest) == 71 for blob in manifest.blobs)


@given(st.integers(0, len(tiny_model().manifest) * 8 - 1))
def test_parse_manifest_never_keeps_the_digest_of_other_bytes(bit: int) -> None:
    raw = bytearray(tiny_model().manifest)
    raw[bit // 8] ^= 1 << bit % 8
    try:
        assert parse_manifest(bytes(raw)).digest != tiny_model().digest
    except ManifestInvalid as error:
        assert str(error)


def test_parse_manifest_refuses_a_huge_number_at_once() -> None:
    raw = with_changes(layers=[layer(size=7)]).replace(b'"size": 7', b'"size": ' + b"7" * 3_000_000)
    begun = time.monotonic()
    with pytest.raises(ManifestInvalid, match="not JSON"):
        parse_manifest(raw)
    assert time.monotonic() - begun < 1
