"""What a scrub costs those who ask a model meanwhile: python -m tests.benchmarks.scrub, with the lab's images built.

A real Ollama answers the same question in turn alone and beside a scrub of another store, which has the unit's policies
but not its quota of the processor, so a host feels less of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from tests.benchmarks.store import GIGABYTE, NAME, Row, install, load, show
from tests.lab import engine, images, model
from tests.lab.settings import ROOT, STATE_DIR

RESULTS = STATE_DIR / "benchmarks" / "scrub.json"
ASKED = "benchmark"
MODEL_BYTES = 50_000_000
LIMIT = 1.10
ANSWERS = 4
WAIT_SECONDS = 60
SCRUB = """
import argparse, sys
from ansible_collections.archiv.ollama.plugins.module_utils._monitor import paths, scrub
for name, file in zip(("HOME", "STATE_DIR", "WANTED", "SCRUB", "HISTORY", "LOCK", "SCRUB_LOCK"), sys.argv[1:]):
    setattr(paths, name, file)
print("begins", flush=True)
sys.stdout = open("/dev/null", "w")
while scrub.run(argparse.Namespace(progress=False)) == 0:
    pass
"""


@dataclass(frozen=True)
class Round:
    """Seconds of the answers alone and beside a scrub, and how many bytes that one read meanwhile."""

    alone: float
    beside: float
    scrubbed: int


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=GIGABYTE, help="bytes of the store that is scrubbed")
    parser.add_argument("--pairs", type=int, default=12, help="how often each is asked, in turn")
    parser.add_argument("--tokens", type=int, default=150, help="of one answer")
    options = parser.parse_args()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    # Not in memory, where there is no disk to read.
    with tempfile.TemporaryDirectory(prefix="scrub-", dir=RESULTS.parent) as folder:
        home = Path(folder)
        install(home / "volume/models", options.size, written=True)
        want(home)
        with serving(home / "asked") as address:
            ask(address, options.tokens)
            rounds = [one_round(home, address, options.tokens, bool(n % 2)) for n in range(options.pairs)]
    if not any(one.scrubbed for one in rounds):
        raise SystemExit("The scrubs read nothing meanwhile: nothing is compared.")
    rows = judge(rounds)
    show(rows)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}
    document = {"machine": machine, "rounds": list(map(asdict, rounds)), "rows": list(map(asdict, rows))}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


def want(home: Path) -> None:
    """What a deploy writes down for the scrub."""
    document = {
        "format": 1,
        "version": "0",
        "project": "archiv",
        "dir": str(home),
        "docker_host": "unix:///nowhere",
        "files": [{"path": "docker-compose.prod.yml", "sha256": "", "mode": "0644"}],
        "secrets": [],
        "owner": 0,
        "models": [{"name": NAME, "digest": None, "warm": True}],
        "models_dir": str(home / "volume/models"),
        "receipts_dir": str(home / "receipts"),
        "answer_within": 60,
        "context_length": 0,
        "gpu": "",
        "metrics_interval": 30,
    }
    (home / "wanted.json").write_text(json.dumps(document))
    (home / "wanted.json").chmod(0o600)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of an Ollama with a small real model."""
    made = model.build_model(ASKED, MODEL_BYTES, folder)
    blobs = folder / "models/blobs"
    blobs.mkdir(parents=True)
    for digest, content in made.blobs.items():
        path = blobs / digest.replace(":", "-")
        if isinstance(content, Path):
            content.rename(path)
        else:
            path.write_bytes(content)
    manifest = folder / f"models/manifests/registry.ollama.ai/library/{ASKED}/latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_bytes(made.manifest)
    container = engine.require().containers.run(
        images.tag_of("ollama"),
        environment={"OLLAMA_MODELS": "/store/models", "OLLAMA_KEEP_ALIVE": "-1", "OLLAMA_NOPRUNE": "1"},
        volumes=[f"{folder}:/store"],
        detach=True,
    )
    try:
        container.reload()
        networks = container.attrs["NetworkSettings"]["Networks"]
        address = f"http://{next(iter(networks.values()))['IPAddress']}:11434"
        wait_for(address)
        yield address
    finally:
        container.remove(force=True)


def wait_for(address: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            requests.get(f"{address}/api/version", timeout=2)
            return
        except requests.RequestException:
            time.sleep(0.2)
    raise SystemExit(f"Ollama did not answer at {address} within {WAIT_SECONDS} s.")


def ask(address: str, tokens: int) -> float:
    """Seconds of some answers of so many tokens; a model of random weights repeats itself in a longer one."""
    question = {"model": ASKED, "prompt": "the quick", "stream": False, "options": {"num_predict": tokens, "seed": 1}}
    begun = time.perf_counter()
    for _ in range(ANSWERS):
        answer = requests.post(f"{address}/api/generate", json=question, timeout=300)
        if answer.status_code != 200 or answer.json()["eval_count"] != tokens:
            raise SystemExit(f"Ollama answered {answer.status_code}, {answer.text[:300]}: nothing is compared.")
    return time.perf_counter() - begun


def one_round(home: Path, address: str, tokens: int, beside_first: bool) -> Round:
    """Who comes first changes, because the first of two finds colder caches."""
    if beside_first:
        beside, scrubbed = ask_beside(home, address, tokens)
        return Round(ask(address, tokens), beside, scrubbed)
    alone = ask(address, tokens)
    beside, scrubbed = ask_beside(home, address, tokens)
    return Round(alone, beside, scrubbed)


def ask_beside(home: Path, address: str, tokens: int) -> tuple[float, int]:
    """The same while a store is scrubbed, again and again; and the bytes that were read from the disk meanwhile."""
    with scrubbing(home) as process:
        before = read_bytes(process)
        seconds = ask(address, tokens)
        scrubbed = read_bytes(process) - before
    return seconds, scrubbed


@contextmanager
def scrubbing(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A scrub with the policies of its unit, which has begun to read."""
    files = [home, home / "monitor", home / "wanted.json"]
    files += [home / "monitor" / name for name in ("scrub.json", "history.jsonl", "lock", "scrub.lock")]
    command = ["chrt", "--idle", "0", "ionice", "-c", "3", sys.executable, "-c", SCRUB, *map(str, files)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "begins\n":
            raise SystemExit(f"The scrub ended by itself: {process.communicate()[1]}")
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=WAIT_SECONDS)


def read_bytes(process: subprocess.Popen[str]) -> int:
    """What the kernel counts as read from disks by a process; O_DIRECT counts, the page cache does not."""
    lines = Path(f"/proc/{process.pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["read_bytes"])


def judge(rounds: Sequence[Round]) -> list[Row]:
    """The ratio within each pair, measured in the same minute."""
    ratio = statistics.median(one.beside / one.alone for one in rounds)
    alone, beside = (statistics.median(getattr(one, name) for one in rounds) for name in ("alone", "beside"))
    speed = statistics.median(one.scrubbed / one.beside for one in rounds)
    detail = f"{beside:.2f} s against {alone:.2f} s, {len(rounds)} pairs, {speed / 1e6:.0f} MB/s read, load {load()}"
    return [Row("answers beside a scrub / alone", ratio, "x", f"<= {LIMIT}", ratio <= LIMIT, detail)]


if __name__ == "__main__":
    main()
