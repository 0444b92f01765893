"""`metrics` writes what is on the host, and only that, in the format of node_exporter's textfile collector."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.names import METRICS
from tests.unit.support.fake_ollama import Handler, answer_of
from tests.unit.support.monitor_host import COMPOSE, MIB, MonitorHost
from tests.unit.support.stores import NAME, tiny_model

MODEL = f'{{model="{NAME}"}}'
OLLAMA = '{service="ollama"}'
ROW = re.compile(
    r'archiv_ollama_[a-z_]+(?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.]+'
)


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
    assert abs(found["time_seconds"] - time.time()) < 60
    # Nobody has hashed it, verified, deployed or scrubbed.
    assert not [name for name in found if name.startswith(("model_intact", "verify_", "deploy_", "scrub_", "answer"))]
    # No token was asked, and nothing was run or changed in the Engine.
    assert {path for path, _ in host.ollama.bodies} == {"/api/version", "/api/ps"}
    assert host.engine.posted == []


def test_each_look_writes_what_is_there_then(host: MonitorHost) -> None:
    name = f"container_memory_unreclaimable_bytes{OLLAMA}"
    first = host.metrics()
    host.write_group(memory__stat=f"anon {900 * MIB}\nkernel 0\nshmem {MIB}\ninactive_file 0\n")
    second = host.metrics()
    assert (first[name], second[name]) == (410 * MIB, 901 * MIB)
    assert second["time_seconds"] > first["time_seconds"]


def test_file_is_replaced_whole_and_readable_by_the_collector(host: MonitorHost) -> None:
    host.metrics()
    assert os.listdir(host.textfiles) == ["archiv_ollama.prom"]
    assert (host.textfiles / "archiv_ollama.prom").stat().st_mode & 0o777 == 0o644


def test_text_is_as_promtool_wants_it(host: MonitorHost) -> None:
    """Each name once, with help and type before its samples; only counters end in _total."""
    lines = host.run("metrics").stdout.splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert names == [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(names)) == len(names) and set(names) <= {metric.name for metric in METRICS}
    current = ""
    for line in lines:
        if line.startswith("#"):
            current = line.split()[2]
            assert line.split()[1] != "TYPE" or line.endswith("counter") == current.endswith("_total")
        else:
            assert ROW.fullmatch(line), line
            assert re.split("[{ ]", line)[0] == current


@pytest.mark.parametrize("version", ["0.34\ud800", "0.34\0", '0.34"\n\\'])
def test_version_of_a_hostile_server_spoils_no_other_metric(host: MonitorHost, version: str) -> None:
    host.ollama.answers["/api/version"] = (200, {"version": version})
    found = host.run("metrics")
    assert found.returncode == 0 and found.stdout.isascii() and "\0" not in found.stdout
    assert all(ROW.fullmatch(line) for line in found.stdout.splitlines() if not line.startswith("#"))


def test_lost_model(host: MonitorHost) -> None:
    host.ollama.answers["/api/ps"] = answer_of("ps_empty")
    found = host.metrics()
    assert (found[f"model_resident{MODEL}"], found[f"model_pinned{MODEL}"]) == (0, 0)
    assert f"model_gpu_ratio{MODEL}" not in found


def test_model_that_expires_is_not_pinned(host: MonitorHost) -> None:
    host.ollama.answers["/api/ps"] = answer_of("ps_expiring")
    found = host.metrics()
    assert (found[f"model_resident{MODEL}"], found[f"model_pinned{MODEL}"]) == (1, 0)


def test_part_of_a_model_on_the_gpu(host: MonitorHost) -> None:
    document = answer_of("ps_pinned")[1]
    document["models"][0].update(size=1000, size_vram=250)
    host.ollama.answers["/api/ps"] = (200, document)
    host.want(gpu="nvidia")
    found = host.metrics()
    assert (found[f"model_gpu_ratio{MODEL}"], found["gpu_wanted"]) == (0.25, 1)


def test_missing_and_short_blobs(host: MonitorHost) -> None:
    host.model.blob_path(host.models, "weights").unlink()
    host.model.blob_path(host.models, "template").write_bytes(b"short")
    found = host.metrics()
    assert (found["store_blobs_missing"], found["store_blobs_damaged"]) == (1, 1)
    assert (found[f"model_cached{MODEL}"], found[f"model_intact{MODEL}"]) == (0, 0)


def test_other_digest_is_no_damage(host: MonitorHost) -> None:
    host.want(models=[{"name": NAME, "digest": tiny_model(9).digest, "warm": True}])
    found = host.metrics()
    assert found[f"model_wanted_digest_matches{MODEL}"] == 0
    assert f"model_intact{MODEL}" not in found and found["store_blobs_damaged"] == 0


def test_bytes_nobody_needs(host: MonitorHost) -> None:
    (host.models / "blobs" / ("sha256-" + "0" * 64)).write_bytes(b"x" * 8192)
    assert host.metrics()["store_unreferenced_bytes"] == 8192


def test_verified_bytes_are_intact_until_a_scrub_finds_them_damaged(host: MonitorHost) -> None:
    assert host.run("verify", "--full").returncode == 0
    assert host.metrics()[f"model_intact{MODEL}"] == 1
    digest = host.model.blob_path(host.models, "weights").name.replace("-", ":", 1)
    finding = {"digest": digest, "missing": False, "model": NAME, "path": "", "text": "", "key": None}
    last = {"ended": time.time() - 60, "ok": False}
    scrub = {"format": 1, "store": str(host.models), "last": last, "round": None, "findings": [finding]}
    (host.home / "monitor/scrub.json").write_text(json.dumps(scrub))
    # Its receipt still holds, so it was mended after the scrub.
    assert host.metrics()["store_blobs_damaged"] == 0
    for receipts in (host.home / "receipts").iterdir():
        receipts.unlink()
    found = host.metrics()
    assert (found["store_blobs_damaged"], found[f"model_intact{MODEL}"], found["scrub_success"]) == (1, 0, 0)
    assert found["scrub_timestamp_seconds"] == pytest.approx(last["ended"], abs=0.01)


def test_engine_that_is_down(host: MonitorHost, tmp_path: Path) -> None:
    before = host.metrics()
    host.want(docker_host=f"unix://{tmp_path}/none.sock", models_dir="")
    found = host.metrics()
    assert (found["engine_up"], found["server_up"]) == (0, 0)
    # The counters stay, and whether containers run is unknown.
    assert found[f"container_oom_kills_total{OLLAMA}"] == before[f"container_oom_kills_total{OLLAMA}"]
    assert f"container_running{OLLAMA}" not in found


def test_models_in_a_volume_are_known_while_the_engine_is_down(host: MonitorHost, tmp_path: Path) -> None:
    host.engine.volume["Mountpoint"] = str(host.models.parent)
    host.want(models_dir="")
    assert host.metrics()[f"model_cached{MODEL}"] == 1
    host.want(models_dir="", docker_host=f"unix://{tmp_path}/none.sock")
    assert host.metrics()[f"model_cached{MODEL}"] == 1


def test_server_that_hangs_costs_two_seconds(host: MonitorHost) -> None:
    def hang(_handler: Handler) -> None:
        host.ollama.stopping.wait(20)

    host.ollama.answers["/api/ps"] = hang
    begun = time.monotonic()
    found = host.metrics()
    assert time.monotonic() - begun < 10
    assert found["server_up"] == 0 and f"model_resident{MODEL}" not in found


def test_container_that_is_gone(host: MonitorHost) -> None:
    host.metrics()
    host.engine.answers["/containers/json"] = (200, [])
    found = host.metrics()
    assert found[f"container_running{OLLAMA}"] == 0
    assert f"container_memory_limit_bytes{OLLAMA}" not in found


def test_container_without_limit_and_health(host: MonitorHost) -> None:
    assert host.engine.inspect is not None
    host.engine.inspect["State"].pop("Health")
    host.write_group(memory__max="max")
    found = host.metrics()
    assert f"container_memory_limit_bytes{OLLAMA}" not in found and f"container_healthy{OLLAMA}" not in found
    assert found[f"container_memory_unreclaimable_bytes{OLLAMA}"] == 410 * MIB


def test_without_wanted_counters_stay_and_the_lack_shows(host: MonitorHost) -> None:
    host.write_group(memory__events="oom_kill 2\n")
    host.metrics()
    (host.home / "wanted.json").unlink()
    found = host.metrics()
    assert (found["wanted_present"], found[f"container_oom_kills_total{OLLAMA}"]) == (0, 2)
    assert "engine_up" not in found and f"container_running{OLLAMA}" not in found


def test_compose_file_that_was_changed(host: MonitorHost) -> None:
    (host.stack / "docker-compose.prod.yml").write_text(COMPOSE + "# by hand\n")
    assert host.metrics()["wanted_current"] == 0


def test_times_and_answers_come_from_records(host: MonitorHost) -> None:
    assert host.run("record", "deploy", "--result", "failed").returncode == 0
    assert host.run("record", "verify", "--result", "ok", "--answer", f"{NAME}=1.25").returncode == 0
    found = host.metrics()
    assert (found["deploy_success"], found["verify_success"], found[f"answer_seconds{MODEL}"]) == (0, 1, 1.25)
    assert found[f"answer_timestamp_seconds{MODEL}"] == found["verify_timestamp_seconds"]


def test_hostile_labels_are_escaped_and_cut(host: MonitorHost) -> None:
    host.ollama.answers["/api/version"] = (200, {"version": 'x"} 1\nevil{a="\\' + "y" * 5000})
    text = host.run("metrics").stdout
    row = next(line for line in text.splitlines() if line.startswith("archiv_ollama_info{"))
    assert ROW.fullmatch(row) and len(row) < 500
    assert "\nevil" not in text


def test_answers_of_models_nobody_wants_are_not_shown(host: MonitorHost) -> None:
    host.run("record", "deploy", "--result", "ok", "--answer", "other:1=2", "--answer", f"{NAME}=1")
    assert [name for name in host.metrics() if name.startswith("answer_seconds")] == [f"answer_seconds{MODEL}"]


def test_without_the_collectors_folder(host: MonitorHost) -> None:
    found = host.run("metrics", "--write", str(host.folder / "nowhere"))
    assert found.returncode == 1
    assert (
        found.stderr.startswith("ollama-stack: cannot write metrics to") and "prometheus-node-exporter" in found.stderr
    )
    assert len(found.stderr.splitlines()) == 1


def test_link_that_somebody_has_put_into_the_folder_is_replaced(host: MonitorHost) -> None:
    """The folder may be the collector's own user's."""
    victim = host.folder / "victim"
    victim.write_text("precious")
    (host.textfiles / "archiv_ollama.prom").symlink_to(victim)
    host.metrics()
    assert victim.read_text() == "precious" and not (host.textfiles / "archiv_ollama.prom").is_symlink()


def test_metrics_load_no_more_than_they_need(host: MonitorHost) -> None:
    """The docker SDK, TLS and the registry's client would take longer than all the rest."""
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(host.folder / 'lib')!r})\n"
        "from archiv_ollama._monitor.cli import main\n"
        "main(['metrics'])\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    host.metrics()
    loaded = set(host.run_script(script).stderr.split())
    assert "archiv_ollama._monitor.collect" in loaded
    heavy = ("docker", "requests", "urllib.request", "archiv_ollama._registry.client", "archiv_ollama._stack.judge")
    assert not loaded.intersection(heavy)
