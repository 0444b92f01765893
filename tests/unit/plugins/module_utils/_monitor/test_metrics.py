"""`metrics` writes what is on the host, and only that, in the format of node_exporter's textfile collector."""

from __future__ import annotations

import os

from tests.unit.support.monitor_host import MIB, MonitorHost
from tests.unit.support.stores import NAME

MODEL = f'{{model="{NAME}"}}'
OLLAMA = '{service="ollama"}'


def test_clean_host(host: MonitorHost) -> None:
    found = host.metrics()
    assert found['info{project="archiv",version="1.2.3",ollama_version="0.34.2",engine_version="26.1.5+dfsg1"}'] == 1
    expected = {
        "engine_up": 1,
        "server_up": 1,
        "wanted_present": 1,
        "wanted_current": 1,
        f"container_memory_unreclaimable_bytes{OLLAMA}": 410 * MIB,
        f"container_memory_working_set_bytes{OLLAMA}": 600 * MIB,
        f"container_memory_peak_bytes{OLLAMA}": 900 * MIB,
        f"container_memory_limit_bytes{OLLAMA}": 1000 * MIB,
        f"container_oom_kills_total{OLLAMA}": 0,
        f"container_oom_gaps_total{OLLAMA}": 0,
        f"container_running{OLLAMA}": 1,
        f"container_healthy{OLLAMA}": 1,
        f"model_cached{MODEL}": 1,
        f"model_wanted_digest_matches{MODEL}": 1,
        f"model_resident{MODEL}": 1,
        f"model_pinned{MODEL}": 1,
        f"model_gpu_ratio{MODEL}": 0,
        "store_blobs_damaged": 0,
        "store_blobs_missing": 0,
        "metrics_interval_seconds": 30,
    }
    assert {name: found.get(name) for name in expected} == expected
    # Nobody has hashed it, verified, deployed or scrubbed.
    assert not [name for name in found if name.startswith(("model_intact", "verify_", "deploy_", "scrub_", "answer"))]


def test_file_is_replaced_whole_and_readable_by_the_collector(host: MonitorHost) -> None:
    host.metrics()
    assert os.listdir(host.textfiles) == ["archiv_ollama.prom"]
    assert (host.textfiles / "archiv_ollama.prom").stat().st_mode & 0o777 == 0o644
