"""Direct fetch beside a real `ollama pull`, same model, registry and scheme, both ending in a sync.

python -m tests.benchmarks.fetch, with the lab up; both sides run in containers on the lab's network.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

import ansible
import docker
import requests

from tests.benchmarks.store import GIGABYTE, Row, show
from tests.lab import engine, images, model, network, registry, tls
from tests.lab.settings import ROOT, STATE_DIR, host_image

RESULTS = STATE_DIR / "benchmarks" / "fetch.json"
REPOSITORY = "library/benchmark"
MEMORY_LIMIT = 150_000_000
CPU_SHARES = 64 * 1024

# Both sides are timed by the shell of their own container, from the command to the end of the sync.
TIMED = 'begun=$(date +%s%N); {command} && sync -f /store && echo "took $(( $(date +%s%N) - begun ))"'
PULL = """
ollama serve >/dev/null 2>&1 &
until ollama list >/dev/null 2>&1; do sleep 0.1; done
""" + TIMED.format(command='ollama pull "$MODEL" >/dev/null 2>&1')
FETCH = TIMED.format(command='python3 -c "$WRAPPER" "$ARGUMENTS"')
WRAPPER = """
import resource, subprocess, sys
module = "/repo/plugins/modules/ollama_model.py"
said = subprocess.run([sys.executable, module], input=sys.argv[1], text=True, capture_output=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(said.stdout[-500:] if '"changed": true' not in said.stdout else f"peak {peak * 1024}", said.stderr[-2000:])
sys.exit(said.returncode)
"""


def main() -> None:
    """Measure in ABAB order, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=GIGABYTE, help="bytes of the model")
    parser.add_argument("--pairs", type=int, default=5, help="ABAB pairs")
    parser.add_argument("--connections", type=int, default=8, help="of the direct fetch")
    options = parser.parse_args()
    client = engine.require()
    tag = str(options.size)
    publish(client, tag, options.size)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=RESULTS.parent) as folder:
        store = Path(folder)
        fetched, pulled, peaks = [], [], []
        for _ in range(options.pairs):
            seconds, peak = run_fetch(client, store, tag, options.connections)
            fetched.append(seconds)
            peaks.append(peak)
            pulled.append(run_pull(client, store, tag))
    rows = judge(fetched, pulled, peaks, options.size)
    show(rows)
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}
    runs = {"fetch_seconds": fetched, "pull_seconds": pulled, "peak_bytes": peaks}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows], **runs}, indent=1) + "\n")


def publish(client: docker.DockerClient, tag: str, size: int) -> None:
    """Have a model of that size in the lab's registry; its bytes are made once."""
    base = registry.base_url(client)
    if requests.head(f"{base}/v2/{REPOSITORY}/manifests/{tag}", timeout=20).status_code == 200:
        return
    with tempfile.TemporaryDirectory(dir=STATE_DIR) as folder:
        model.publish(model.build_model("benchmark", size, Path(folder)), base, REPOSITORY, tag)


def run_fetch(client: docker.DockerClient, store: Path, tag: str, connections: int) -> tuple[float, int]:
    """Seconds and peak memory of our module with an empty store."""
    arguments = {
        "models": [f"benchmark:{tag}"],
        "store": "/store/models",
        "receipts_dir": "/store/receipts",
        "restart": False,
        "ca_path": "/ca.pem",
        "connections": connections,
    }
    environment = {
        "ARGUMENTS": json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        "WRAPPER": WRAPPER,
        "PYTHONPATH": "/repo/.collections:/site",
    }
    volumes = [f"{ROOT}:/repo:ro", f"{Path(ansible.__file__).parent}:/site/ansible:ro"]
    said = run(client, images.tag_of(host_image()), FETCH, store, environment, volumes)
    return int(value(said, "took")) / 1e9, int(value(said, "peak"))


def run_pull(client: docker.DockerClient, store: Path, tag: str) -> float:
    """Seconds of Ollama's own pull into an empty store, its server already up."""
    environment = {
        "MODEL": f"benchmark:{tag}",
        "OLLAMA_MODELS": "/store/models",
        "OLLAMA_NOPRUNE": "1",
        "SSL_CERT_FILE": "/ca.pem",
        "HOME": "/tmp",
    }
    return int(value(run(client, images.tag_of("ollama"), PULL, store, environment, []), "took")) / 1e9


def run(
    client: docker.DockerClient, image: str, script: str, store: Path, environment: dict[str, str], volumes: list[str]
) -> str:
    """Run a script in a container of the lab's network over an emptied store; what it printed."""
    for left in store.iterdir():
        shutil.rmtree(left)
    joined = network.find(client)
    assert joined is not None
    said: bytes = client.containers.run(
        image,
        entrypoint=["/bin/sh", "-c", script],
        environment=environment,
        network=joined.name,
        volumes=[f"{store}:/store", f"{tls.CA_FILE}:/ca.pem:ro", *volumes],
        # Whatever else runs here must not decide the ratio.
        cpu_shares=CPU_SHARES,
        remove=True,
        stderr=True,
    )
    return said.decode()


def value(said: str, word: str) -> str:
    for line in said.splitlines():
        if line.startswith(f"{word} "):
            return line.split()[1]
    raise RuntimeError(f"the run did not say {word!r}: {said}")


def judge(fetched: list[float], pulled: list[float], peaks: list[int], size: int) -> list[Row]:
    """The ratio within each pair, measured in the same minute."""
    ratio = statistics.median(ours / theirs for ours, theirs in zip(fetched, pulled, strict=True))
    speeds = f"{size / statistics.median(fetched) / 1e6:.0f} against {size / statistics.median(pulled) / 1e6:.0f} MB/s"
    detail = f"{speeds}, {len(fetched)} pairs, ratios {min(map(per, fetched, pulled)):.2f} to"
    detail += f" {max(map(per, fetched, pulled)):.2f}"
    peak = max(peaks)
    return [
        Row("direct fetch / ollama pull, both synced", ratio, "x", "<= 1.0", ratio <= 1.0, detail),
        Row(
            "peak memory of the module", peak / 1e6, "MB", "< 150", peak < MEMORY_LIMIT, f"model of {size / 1e9:.1f} GB"
        ),
    ]


def per(ours: float, theirs: float) -> float:
    return ours / theirs


if __name__ == "__main__":
    main()
