"""The list of the lab's models: tiny and real, random weights in Ollama's own layout, the same bytes on every run."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit

import gguf
import numpy as np
import requests

from tests.lab.settings import LabError

LAYERS = 2
HEADS = 4
CONTEXT = 2048
WIDTH = 64
FLOAT = 4
CHUNK = 4 * 1024 * 1024

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.ollama.image."

PARAMS = {"num_predict": 8, "temperature": 1}
TEMPLATE = "{{ if .System }}{{ .System }}\n{{ end }}{{ .Prompt }}"
# Ollama 0.34 reads this one first and warns at every read of a file without it.
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
LICENSE = "Random numbers for tests. Public domain (CC0-1.0).\n"

WORDS = Path(__file__).with_name("words.txt").read_text().split()


@dataclass(frozen=True)
class Published:
    """A name the lab publishes in Ollama's default namespace, and the seed of its weights."""

    name: str
    seed: str

    @property
    def repository(self) -> str:
        return "library/" + self.name.partition(":")[0]

    @property
    def tag(self) -> str:
        return self.name.partition(":")[2]


MODELS = (
    Published("qwen2.5:7b-instruct-q4_K_M", "archiv-a"),
    Published("llama3.2:1b", "archiv-b"),
)


@dataclass(frozen=True)
class Model:
    """A manifest and its blobs by digest; big weights stay in a file."""

    manifest: bytes
    blobs: dict[str, bytes | Path]

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def size(self) -> int:
        return sum(blob_size(blob) for blob in self.blobs.values())


def build_model(seed: str, size: int = 0, folder: Path | None = None) -> Model:
    """A model of about `size` bytes (0: the smallest), its weights in `folder` or in memory."""
    weights, digest, length = write_weights(seed, size, folder)
    layers: list[dict[str, str | int]] = [{"mediaType": LAYER_TYPE + "model", "digest": digest, "size": length}]
    blobs: dict[str, bytes | Path] = {digest: weights}
    for kind, content in (
        ("template", TEMPLATE.encode()),
        ("license", LICENSE.encode()),
        ("params", to_json(PARAMS)),
    ):
        blobs[sha256(content)] = content
        layers.append(descriptor(LAYER_TYPE + kind, content))
    config = to_json(
        {
            "model_format": "gguf",
            "model_family": "llama",
            "model_families": ["llama"],
            "model_type": f"{length // FLOAT / 1e6:.2f}M",
            "file_type": "F32",
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        }
    )
    blobs[sha256(config)] = config
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(CONFIG_TYPE, config),
        "layers": layers,
    }
    return Model(to_json(manifest), blobs)


def to_json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def descriptor(media_type: str, content: bytes) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content)}


def blob_size(blob: bytes | Path) -> int:
    return blob.stat().st_size if isinstance(blob, Path) else len(blob)


# --- weights ---


def vocabulary() -> tuple[list[str], list[int], int]:
    """Tokens, their types, and the index of the first whole word."""
    types = gguf.TokenType
    pieces = ["\u2581", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'()-"]
    special = ["<unk>", "<s>", "</s>"]
    raw = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = special + raw + pieces + ["\u2581" + word for word in WORDS]
    kinds = [types.UNKNOWN, types.CONTROL, types.CONTROL] + [types.BYTE] * len(raw)
    kinds += [types.NORMAL] * (len(tokens) - len(kinds))
    return tokens, [int(kind) for kind in kinds], len(special) + len(raw) + len(pieces)


def tensor_shapes(width: int, hidden: int, words: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (words, width),
        "output_norm.weight": (width,),
        "output.weight": (words, width),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        shapes[block + "attn_norm.weight"] = (width,)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"{block}{name}.weight"] = (width, width)
        shapes[block + "ffn_norm.weight"] = (width,)
        shapes[block + "ffn_gate.weight"] = (hidden, width)
        shapes[block + "ffn_up.weight"] = (hidden, width)
        shapes[block + "ffn_down.weight"] = (width, hidden)
    return shapes


def weights_size(width: int, hidden: int, words: int) -> int:
    shapes = tensor_shapes(width, hidden, words).values()
    return sum(FLOAT * int(np.prod(shape, dtype=np.int64)) for shape in shapes)


def dimensions(size: int, words: int) -> tuple[int, int]:
    """Width and hidden width of a model of about `size` bytes.

    One unused tensor would be refused, and a huge hidden width alone costs compute buffers of its
    own size, so the whole model grows; the hidden width then takes up the rest.
    """
    step = 2 * HEADS  # a head's width is even, for its rotation
    width = WIDTH
    while weights_size(width + step, 2 * (width + step), words) <= size:
        width += step
    rest = max(0, size - weights_size(width, 2 * width, words))
    return width, 2 * width + rest // (3 * LAYERS * width * FLOAT)


def write_weights(seed: str, size: int, folder: Path | None) -> tuple[bytes | Path, str, int]:
    """The GGUF file as a path (or as bytes, without a folder), its digest and its length."""
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{seed}-{size}.gguf"
        write_gguf(path, seed, size)
        with path.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        content: bytes | Path = path if folder else path.read_bytes()
        return content, digest, path.stat().st_size


def write_gguf(path: Path, seed: str, size: int) -> None:
    tokens, kinds, first_word = vocabulary()
    width, hidden = dimensions(size, len(tokens))
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(seed)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(width // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    # A higher score joins first: whole words before letters.
    writer.add_token_scores([float(index >= first_word) for index in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHAT_TEMPLATE)
    shapes = tensor_shapes(width, hidden, len(tokens))
    for name, shape in shapes.items():
        writer.add_tensor_info(name, shape, np.dtype(np.float32), FLOAT * int(np.prod(shape)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    assert writer.fout is not None
    file = writer.fout[0]
    for name, shape in shapes.items():
        pad(file)
        # GGUFWriter would want each tensor in memory whole.
        for chunk in tensor_chunks(name, shape, seed, first_word):
            chunk.tofile(file)
    pad(file)
    writer.close()


def pad(file: BinaryIO) -> None:
    file.write(bytes(-file.tell() % gguf.GGUF_DEFAULT_ALIGNMENT))


def tensor_chunks(
    name: str, shape: tuple[int, ...], seed: str, first_word: int
) -> Iterator[np.typing.NDArray[np.float32]]:
    """A tensor's numbers, a few MB at a time."""
    if len(shape) == 1:
        yield np.ones(shape, np.float32)
        return
    rows, columns = shape
    if name == "output.weight":
        # Nothing speaks for bytes, letters and the end mark, so that answers are words.
        yield np.zeros((first_word, columns), np.float32)
        rows -= first_word
    # Raw bits, because numpy promises only these to stay the same from release to release.
    key = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    bits = np.random.PCG64(int.from_bytes(key[:16], "big"))
    scale = 1.0 if name in ("output.weight", "token_embd.weight") else columns**-0.5
    left = rows * columns
    while left:
        count = min(left, CHUNK // FLOAT)
        halves = bits.random_raw(-(-count // 4)).astype("<u8").view("<u2")[:count]
        yield ((halves / 32768 - 1) * scale).astype(np.float32)
        left -= count


# --- where models go ---


def install(model: Model, models_dir: Path, repository: str, tag: str, host: str = "registry.ollama.ai") -> Path:
    """Write the model as `ollama pull` would into a store on disk; the manifest's path."""
    blobs = models_dir / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    for digest, blob in model.blobs.items():
        target = blobs / digest.replace(":", "-")
        with target.open("wb") as out:
            for chunk in blob_chunks(blob):
                out.write(chunk)
    manifest = models_dir / "manifests" / host / repository / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(model.manifest)
    return manifest


def blob_chunks(blob: bytes | Path) -> Iterator[bytes]:
    if isinstance(blob, bytes):
        yield blob
        return
    with blob.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def publish(model: Model, registry: str, repository: str, tag: str) -> str:
    """Push what the registry at this base URL lacks of the model; the manifest's digest."""
    base = registry.rstrip("/")
    with requests.Session() as session:
        session.trust_env = False
        try:
            for digest, blob in model.blobs.items():
                push_blob(session, base, repository, digest, blob)
            reply = session.put(
                f"{base}/v2/{repository}/manifests/{tag}",
                data=model.manifest,
                headers={"Content-Type": MANIFEST_TYPE},
                timeout=60,
            )
        except requests.RequestException as error:
            raise LabError(
                f"Publishing {repository}:{tag} at {base} broke off ({error}); "
                "look at the registry's log and try again."
            ) from None
    expect(reply, 201, f"manifest {repository}:{tag}")
    return model.digest


def push_blob(session: requests.Session, base: str, repository: str, digest: str, blob: bytes | Path) -> None:
    blobs = f"{base}/v2/{repository}/blobs/"
    if session.head(blobs + digest, timeout=60).status_code == 200:
        return
    reply = session.post(blobs + "uploads/", timeout=60)
    expect(reply, 202, f"upload to {repository}")
    # A registry names itself by the name its clients use, which need not lead there from here.
    place = urlsplit(reply.headers["Location"])
    query = f"{place.query}&" if place.query else ""
    with ExitStack() as stack:
        data = stack.enter_context(blob.open("rb")) if isinstance(blob, Path) else blob
        reply = session.put(
            f"{base}{place.path}?{query}digest={quote(digest)}",
            data=data,
            headers={"Content-Type": "application/octet-stream"},
            timeout=600,
        )
    expect(reply, 201, f"blob {digest} of {repository}")


def expect(reply: requests.Response, status: int, what: str) -> None:
    if reply.status_code != status:
        raise LabError(
            f"The registry answered {reply.status_code} instead of {status} to the {what} "
            f"({reply.text[:200].strip()}); look at its log."
        )
