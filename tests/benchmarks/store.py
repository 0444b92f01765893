"""How fast a store is verified, beside openssl and sha256sum in the same minute: python -m tests.benchmarks.store."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import ModelState, look_at
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey, Receipts

RESULTS = Path(".lab/benchmarks/store.json")
NAME = "archive/benchmark:1"
GIGABYTE = 1_000_000_000
RECEIPT_MODEL = 5 * GIGABYTE
SPEED = re.compile(r"^sha256\s+([0-9.]+)k", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One ratio, what it must reach, and the medians behind it."""

    what: str
    measured: float
    unit: str
    target: str
    met: bool
    detail: str


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=GIGABYTE, help="bytes of the hashed model")
    parser.add_argument("--pairs", type=int, default=10, help="ABAB pairs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="archiv-benchmark-") as folder:
        rows = [
            *measure_verify(Path(folder), options.size, options.pairs),
            *measure_receipt(Path(folder), options.size),
        ]
    show(rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")


def measure_verify(folder: Path, size: int, pairs: int) -> list[Row]:
    """A full verify of one model against openssl's ceiling and against sha256sum, in ABAB order."""
    models = folder / "verify" / "models"
    weights = install(models, size, written=True)
    store, name = Store(str(models)), parse_name(NAME)
    verified = rate(size, lambda: expect_intact(look_at(store, name)))
    summed = rate(size, lambda: subprocess.run(["sha256sum", weights], check=True, stdout=subprocess.DEVNULL))
    ours, openssl, coreutils = [], [], []
    verified()
    for _ in range(pairs):
        openssl.append(openssl_rate())
        ours.append(verified())
        coreutils.append(summed())
    ceiling = median_ratio(ours, openssl)
    against_sum = median_ratio(ours, coreutils)
    # A sha256sum linked to OpenSSL is as fast as the ceiling: then there is nothing to beat.
    slow_sum = statistics.median(coreutils) < statistics.median(openssl) / 3
    best = max(one / other for one, other in zip(ours, openssl, strict=True))
    detail = f"{gigabytes(ours)} against {gigabytes(openssl)} GB/s, {pairs} pairs, the best {best:.2f}, load {load()}"
    detail_sum = f"{gigabytes(ours)} against {gigabytes(coreutils)} GB/s"
    return [
        Row("full verify / openssl speed sha256", ceiling, "x", ">= 0.90", ceiling >= 0.9, detail),
        Row(
            "full verify / sha256sum",
            against_sum,
            "x",
            ">= 3.5 where that one is slow",
            against_sum >= 3.5 or not slow_sum,
            detail_sum,
        ),
    ]


def measure_receipt(folder: Path, hashed: int) -> list[Row]:
    """The check of a large model by receipt; its bytes are never read, so a sparse file does."""
    models = folder / "receipt" / "models"
    install(models, RECEIPT_MODEL, written=False)
    store, name = Store(str(models)), parse_name(NAME)
    state = look_at(store, name, "size")
    assert state.manifest is not None
    receipts_dir = str(folder / "receipts")
    Receipts(str(models), receipts_dir).write(
        {blob.digest: FileKey.of(os.stat(store.blob_path(blob.digest))) for blob in state.manifest.blobs}
    )

    def check() -> None:
        expect_intact(look_at(store, name, "receipt", receipts=Receipts(str(models), receipts_dir)))

    milliseconds = [1000 * seconds(check) for _ in range(200)]
    check_time = statistics.median(milliseconds)
    full = RECEIPT_MODEL / hashed * 1000 * seconds(lambda: look_at(Store(str(folder / "verify/models")), name))
    return [
        Row(
            "receipt check of a 5 GB model",
            check_time,
            "ms",
            "< 2",
            check_time < 2,
            f"worst {max(milliseconds):.2f} ms",
        ),
        Row(
            "receipt check / full hash",
            check_time / full,
            "x",
            "<= 1/1000",
            check_time / full <= 0.001,
            f"full hash of 5 GB {full / 1000:.1f} s",
        ),
    ]


def install(models: Path, size: int, written: bool) -> Path:
    """A model of one large blob and a config; sparse and wrongly named where only its shape counts."""
    blobs = models / "blobs"
    blobs.mkdir(parents=True)
    weights = blobs / "weights"
    if written:
        digest = write_noise(weights, size)
    else:
        digest = "b" * 64
        weights.touch()
        os.truncate(weights, size)
    weights = weights.rename(blobs / f"sha256-{digest}")
    config = b"{}"
    named = hashlib.sha256(config).hexdigest()
    (blobs / f"sha256-{named}").write_bytes(config)
    manifest = models / "manifests/registry.ollama.ai/archive/benchmark/1"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": size}
    described = {"mediaType": "application/json", "digest": f"sha256:{named}", "size": len(config)}
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": described, "layers": [layer]}))
    return weights


def write_noise(path: Path, size: int) -> str:
    """Write random bytes; their sha256."""
    block, digest, left = os.urandom(1 << 20), hashlib.sha256(), size
    with path.open("wb") as file:
        while left > 0:
            piece = block[:left]
            file.write(piece)
            digest.update(piece)
            left -= len(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def openssl_rate() -> float:
    """Bytes a second openssl hashes in memory, blocks of 1 MiB."""
    openssl = shutil.which("openssl") or "openssl"
    # -elapsed: by the clock, as the work beside it; by default openssl counts its own processor time.
    command = [openssl, "speed", "-elapsed", "-seconds", "1", "-bytes", str(1 << 20), "-evp", "sha256"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = SPEED.search(said)
    assert match is not None, said
    return float(match.group(1)) * 1000


def rate(size: int, work: Callable[[], object]) -> Callable[[], float]:
    """Bytes a second of work that reads size bytes."""
    return lambda: size / seconds(work)


def seconds(work: Callable[[], object]) -> float:
    """How long work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def expect_intact(state: ModelState) -> None:
    """A benchmark of a wrong answer is worth nothing."""
    assert state.intact is True, state


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over the pairs, each measured in the same seconds."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def load() -> str:
    """How many others want the processor: above the number of cores, wall-clock ratios mislead."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def gigabytes(rates: list[float]) -> str:
    """The median of rates as text."""
    return f"{statistics.median(rates) / GIGABYTE:.2f}"


def show(rows: list[Row]) -> None:
    """The table a person reads."""
    for row in rows:
        verdict = "met" if row.met else "NOT MET"
        print(f"{row.what:38} {row.measured:10.5f} {row.unit:3} {row.target:30} {verdict:8} {row.detail}")


if __name__ == "__main__":
    main()
