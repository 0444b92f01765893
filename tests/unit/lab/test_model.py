"""The tiny models: the same bytes on every run, whole, of the size asked for, and pushed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import gguf
import pytest

from tests.lab import model as lab_model
from tests.lab.settings import LabError


def content(blob: bytes | Path) -> bytes:
    return blob.read_bytes() if isinstance(blob, Path) else blob


def test_same_seed_gives_same_bytes(tmp_path: Path) -> None:
    in_memory = lab_model.build_model("a")
    in_folder = lab_model.build_model("a", folder=tmp_path)
    assert in_memory.manifest == in_folder.manifest
    assert in_memory.digest == in_folder.digest


def test_published_digests_stay_as_recorded() -> None:
    digests = {published.name: lab_model.build_model(published.seed).digest for published in lab_model.MODELS}
    assert digests == {
        "qwen2.5:7b-instruct-q4_K_M": ("sha256:c5c949618139b60b3326002a4db0e8e2f46ec7034d0fe226a8e7a5572176b6bf"),
        "llama3.2:1b": "sha256:53f6258b3a60538e15cb70427e1f80571b1a1fe4d3833422637226080bd9b2bc",
    }


def test_other_seed_gives_other_weights_only() -> None:
    one, two = (lab_model.build_model(seed) for seed in ("a", "b"))
    kinds = {layer["mediaType"] for layer in json.loads(one.manifest)["layers"] if layer["digest"] not in two.blobs}
    assert kinds == {"application/vnd.ollama.image.model"}


def test_manifest_names_every_blob_with_its_size_and_digest() -> None:
    model = lab_model.build_model("a")
    manifest = json.loads(model.manifest)
    named = {item["digest"]: item["size"] for item in [manifest["config"], *manifest["layers"]]}
    assert named == {
        "sha256:" + hashlib.sha256(content(blob)).hexdigest(): len(content(blob)) for blob in model.blobs.values()
    }
    assert set(model.blobs) == set(named)


def test_smallest_model_stays_small() -> None:
    assert lab_model.build_model("a").size < 1_000_000


def test_tokens_are_unique_and_hold_every_byte() -> None:
    tokens, kinds, first_word = lab_model.vocabulary()
    assert len(tokens) == len(kinds) == len(set(tokens))
    assert kinds.count(gguf.TokenType.BYTE) == 256
    assert len(tokens) - first_word > 300


def test_weights_read_back_with_every_tensor(tmp_path: Path) -> None:
    model = lab_model.build_model("a", 2_000_000, tmp_path)
    (path,) = (blob for blob in model.blobs.values() if isinstance(blob, Path))
    reader = gguf.GGUFReader(path)
    tokens, _, _ = lab_model.vocabulary()
    width, hidden = lab_model.dimensions(2_000_000, len(tokens))
    shapes = {tensor.name: tuple(reversed(tensor.shape.tolist())) for tensor in reader.tensors}
    assert shapes == lab_model.tensor_shapes(width, hidden, len(tokens))


@pytest.mark.parametrize("size", [1_000_000, 3_333_333, 40_000_000])
def test_padded_model_is_within_two_percent(size: int, tmp_path: Path) -> None:
    assert lab_model.build_model("a", size, tmp_path).size == pytest.approx(size, rel=0.02)


@pytest.mark.parametrize("size", [100 * 10**6, 10**9, 5 * 10**9])
def test_planned_size_is_within_two_percent(size: int) -> None:
    words = len(lab_model.vocabulary()[0])
    planned = lab_model.weights_size(*lab_model.dimensions(size, words), words)
    assert planned == pytest.approx(size, rel=0.02)


def test_install_writes_ollamas_layout(tmp_path: Path) -> None:
    model = lab_model.build_model("a", folder=tmp_path / "build")
    published = lab_model.MODELS[0]
    manifest = lab_model.install(model, tmp_path / "models", published.repository, published.tag)
    place = "manifests/registry.ollama.ai/library/qwen2.5/7b-instruct-q4_K_M"
    assert manifest == tmp_path / "models" / place
    assert manifest.read_bytes() == model.manifest
    blobs = list((tmp_path / "models" / "blobs").iterdir())
    assert len(blobs) == len(model.blobs)
    for blob in blobs:
        assert blob.name == "sha256-" + hashlib.sha256(blob.read_bytes()).hexdigest()


class Registry(ThreadingHTTPServer):
    """Speaks the four requests of a push, and calls itself by a name that leads nowhere."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads = 0
        self.full = False


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def reply(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.reply(200 if self.path.rpartition("/")[2] in self.server.blobs else 404)

    def do_POST(self) -> None:
        self.server.uploads += 1
        self.reply(202, Location=f"http://registry.invalid{self.path}{self.server.uploads}?_state=x")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        place = urlsplit(self.path)
        if self.server.full:
            self.reply(507)
        elif "/manifests/" in place.path:
            self.server.manifests[place.path] = body
            self.reply(201)
        else:
            query = parse_qs(place.query)
            known = query["_state"] == ["x"] and query["digest"] == [lab_model.sha256(body)]
            self.server.blobs[query["digest"][0]] = body
            self.reply(201 if known else 400)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def registry() -> Iterator[tuple[Registry, str]]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_publish_sends_every_blob_once(tmp_path: Path) -> None:
    model = lab_model.build_model("a", folder=tmp_path)
    with registry() as (server, url):
        digest = lab_model.publish(model, url, "library/tiny", "1b")
        lab_model.publish(model, url, "library/tiny", "again")
        assert digest == model.digest
        assert server.uploads == len(model.blobs)
        assert server.blobs == {key: content(blob) for key, blob in model.blobs.items()}
        assert server.manifests == dict.fromkeys(
            ["/v2/library/tiny/manifests/1b", "/v2/library/tiny/manifests/again"], model.manifest
        )


def test_publish_says_what_a_full_registry_answered() -> None:
    with registry() as (server, url):
        server.full = True
        with pytest.raises(LabError, match="507 instead of 201"):
            lab_model.publish(lab_model.build_model("a"), url, "library/tiny", "1b")


def test_publish_says_which_registry_does_not_answer() -> None:
    with pytest.raises(LabError, match=r"library/tiny:1b at http://127\.0\.0\.1:1 broke off"):
        lab_model.publish(lab_model.build_model("a"), "http://127.0.0.1:1", "library/tiny", "1b")
