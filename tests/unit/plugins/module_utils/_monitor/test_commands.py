"""What a person types on a host: tables, JSON, exit codes, and one sentence for everything that fails."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._monitor import troubles
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import FileKey
from tests.unit.support.fake_ollama import answer_of
from tests.unit.support.monitor_host import COMPOSE, MIB, SCRIPT, MonitorHost
from tests.unit.support.stores import NAME


def status(host: MonitorHost) -> tuple[int, dict[str, Any]]:
    found = host.run("status", "--json")
    assert found.stderr == ""
    return found.returncode, json.loads(found.stdout)


def kinds(document: dict[str, Any]) -> list[str]:
    return [one["kind"] for one in document["reasons"]]


def test_clean_host(host: MonitorHost) -> None:
    host.run("verify", "--full")
    host.metrics()
    code, document = status(host)
    assert (code, document["clean"], document["reasons"]) == (0, True, [])
    assert document["versions"] == {
        "collection": "1.2.3",
        "ollama": "0.34.2",
        "engine": "26.1.5+dfsg1",
        "compose": "2.26.1-4",
    }
    (service,) = document["services"]
    assert (service["service"], service["state"], service["oom_kills"]) == ("ollama", "running", 0)
    assert service["memory"] == {
        "unreclaimable": 410 * MIB,
        "working_set": 600 * MIB,
        "peak": 900 * MIB,
        "limit": 1000 * MIB,
    }
    (model,) = document["models"]
    assert model["digest"] == model["wanted_digest"] == host.model.digest
    assert (model["cached"], model["intact"], model["resident"], model["pinned"], model["warm"]) == (True,) * 5
    assert model["answer_seconds"] is not None and document["verify"]["ok"]
    assert [one["event"] for one in document["history"]] == ["verify"]
    assert len(document["samples"]["memory"]) == 1 and document["samples"]["limit"] == 1000 * MIB


def test_status_has_every_key_of_its_format_also_where_nothing_is_known(host: MonitorHost) -> None:
    _, known = status(host)
    (host.home / "wanted.json").unlink()
    code, unknown = status(host)
    assert (code, unknown["clean"], kinds(unknown)) == (3, False, ["wanted_missing"])
    assert known.keys() == unknown.keys()
    for key in ("versions", "gate", "store", "scrub", "deploy", "verify", "samples"):
        assert known[key].keys() == unknown[key].keys()


def test_table_for_a_person(host: MonitorHost) -> None:
    host.run("verify", "--full")
    shown = host.run("status").stdout
    assert f"archiv on {host.name}: as wanted" in shown
    assert "410.0 MiB of 1000.0 MiB" in shown and "verified" in shown and "verify 20" in shown


def test_bytes_nobody_has_hashed_are_no_fault(host: MonitorHost) -> None:
    code, document = status(host)
    assert (code, kinds(document), document["clean"]) == (0, ["model_unproven"], True)
    assert document["reasons"][0]["command"] == "ollama-stack verify --full"


def stop(host: MonitorHost) -> None:
    assert host.engine.inspect is not None
    host.engine.inspect["State"].update(Status="exited", Running=False, Pid=0, ExitCode=137)


def lose(host: MonitorHost) -> None:
    host.ollama.answers["/api/ps"] = answer_of("ps_empty")


def damage(host: MonitorHost) -> None:
    host.model.blob_path(host.models, "weights").write_bytes(b"short")


def rot(host: MonitorHost) -> None:
    """What a scrub writes down; the size is right, and the receipt is void."""
    digest = host.model.blob_path(host.models, "weights").name.replace("-", ":", 1)
    finding = {"digest": digest, "missing": False, "model": NAME, "path": "", "text": "", "key": None}
    last = {"ended": time.time(), "ok": False}
    (host.home / "monitor").mkdir(mode=0o700)
    (host.home / "monitor/scrub.json").write_text(json.dumps({"format": 1, "last": last, "findings": [finding]}))


def edit(host: MonitorHost) -> None:
    (host.stack / "docker-compose.prod.yml").write_text(COMPOSE + "# by hand\n")


def press(host: MonitorHost) -> None:
    host.write_group(memory__stat=f"anon {950 * MIB}\nkernel 0\nshmem 0\ninactive_file 0\n")


def kill(host: MonitorHost) -> None:
    host.metrics()
    host.write_group(memory__events="oom_kill 1\n")
    host.metrics()


def declare_gpu(host: MonitorHost) -> None:
    host.want(gpu="nvidia")


def fail(host: MonitorHost) -> None:
    host.run("record", "deploy", "--result", "failed")


def forget(host: MonitorHost) -> None:
    (host.home / "monitor").mkdir(mode=0o700)
    long_ago = {"time": time.time() - 9 * 86400, "ok": True}
    (host.home / "monitor/records.json").write_text(json.dumps({"format": 1, "verify": long_ago, "answers": {}}))
    scrub = {"format": 1, "last": {"ended": time.time() - 16 * 86400, "ok": True}, "round": None, "findings": []}
    (host.home / "monitor/scrub.json").write_text(json.dumps(scrub))


def stop_timer(host: MonitorHost) -> None:
    host.metrics()
    state = host.state("state.json")
    state["seen"] -= int(600e9)
    (host.home / "monitor/state.json").write_text(json.dumps(state))


@pytest.mark.parametrize(
    ("fault", "kind", "command"),
    [
        (stop, "container_stopped", "docker compose -f {stack}/docker-compose.prod.yml up -d ollama"),
        (lose, "not_loaded", f"docker exec archiv-ollama-1 ollama run --keepalive -1m {NAME} ''"),
        (damage, "model_damaged", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (rot, "model_damaged", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (edit, "file_differs", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (edit, "wanted_stale", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (press, "memory", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (kill, "oom_kills", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (declare_gpu, "cpu_fallback", "docker logs archiv-ollama-1 2>&1 | grep -i gpu"),
        (fail, "deploy_failed", "ansible-playbook playbooks/deploy.yml -l {host}"),
        (forget, "verify_overdue", "ollama-stack verify"),
        (forget, "scrub_overdue", "systemctl start ollama-stack-scrub.service"),
        (stop_timer, "metrics_stale", "systemctl restart ollama-stack-metrics.timer"),
    ],
)
def test_each_fault_has_its_reason_and_its_command(host: MonitorHost, fault: Any, kind: str, command: str) -> None:
    fault(host)
    code, document = status(host)
    assert (code, document["clean"]) == (1, False)
    found = {one["kind"]: one for one in document["reasons"]}
    assert found[kind]["command"] == command.format(stack=host.stack, host=host.name)
    shown = host.run("doctor")
    assert shown.returncode == 1 and command.format(stack=host.stack, host=host.name) in shown.stdout


def test_rollback_that_held_ends_a_deploy_that_failed(host: MonitorHost) -> None:
    fail(host)
    host.run("record", "rollback", "--result", "ok")
    # A return that a deploy makes itself is a line of the history, and no more.
    assert host.run("record", "return", "--result", "ok").returncode == 0
    assert "deploy_failed" not in {one["kind"] for one in status(host)[1]["reasons"]}
    assert [line["event"] for line in host.history()][:3] == ["deploy", "rollback", "return"]
    host.run("record", "rollback", "--result", "failed")
    assert "verify_failed" in {one["kind"] for one in status(host)[1]["reasons"]}


def test_doctor_and_the_alerts_have_the_same_thresholds() -> None:
    """Else one says that all is well, and the other does not."""
    text = (Path(__file__).parents[5] / "roles/ollama_monitor/files/rules/archiv_ollama.yml").read_text()
    rules = {one["alert"]: one for group in yaml.safe_load(text)["groups"] for one in group["rules"]}
    assert rules["ArchivOllamaMemoryNearLimit"]["expr"].endswith(f" > {troubles.NEARLY_FULL:g}")
    for alert, seconds in (("NotVerified", troubles.VERIFY_OVERDUE), ("ScrubOverdue", troubles.SCRUB_OVERDUE)):
        assert rules[f"ArchivOllama{alert}"]["expr"].endswith(f"> {seconds / 86400:g} * 86400")
    stale = rules["ArchivOllamaMetricsStale"]
    assert f"{troubles.LATE_INTERVALS} * archiv_ollama_metrics_interval_seconds" in stale["expr"]
    assert stale["for"] == f"{troubles.LATE_SECONDS / 60:g}m"


def test_late_is_what_the_alerts_call_late(host: MonitorHost) -> None:
    (host.home / "monitor").mkdir(mode=0o700)
    (host.home / "monitor/scrub.json").write_text(
        json.dumps({"format": 1, "last": {"ended": time.time() - 14 * 86400, "ok": True}})
    )
    host.metrics()
    state = host.state("state.json")
    for ago, kind in ((140, []), (160, ["metrics_stale"])):
        state["seen"] = int((time.time() - ago) * 1e9)
        (host.home / "monitor/state.json").write_text(json.dumps(state))
        found = kinds(status(host)[1])
        assert [one for one in found if one in ("metrics_stale", "scrub_overdue")] == kind


def test_failed_deploy_and_failed_verify_count_until_the_other_ends_well(host: MonitorHost) -> None:
    """A deploy that finds all as wanted changes nothing, and notes nothing."""
    for event, other in (("deploy", "verify"), ("verify", "deploy")):
        host.run("record", event, "--result", "failed")
        assert f"{event}_failed" in kinds(status(host)[1])
        host.run("record", other, "--result", "ok")
        assert f"{event}_failed" not in kinds(status(host)[1])


def test_endless_compose_file_is_told_and_not_read(host: MonitorHost) -> None:
    with open(host.stack / "docker-compose.prod.yml", "wb") as file:
        file.truncate(1 << 40)
    code, document = status(host)
    assert code in (1, 3)
    found = {one["kind"]: one["why"] for one in document["reasons"]}
    assert "File too large" in found["compose_refused"] and "file_differs" in found


def test_engine_that_is_down_cannot_be_told(host: MonitorHost, tmp_path: Path) -> None:
    host.want(docker_host=f"unix://{tmp_path}/none.sock")
    code, document = status(host)
    assert (code, document["clean"]) == (3, False) and "engine_missing" in kinds(document)
    assert host.run("verify").returncode == 3


def test_what_a_host_says_is_quoted_for_the_shell(host: MonitorHost) -> None:
    assert host.engine.inspect is not None
    stop(host)
    host.engine.inspect["Name"] = "/a b; rm -rf /"
    host.engine.inspect["State"].update(Status="paused", Running=True)
    _, document = status(host)
    (command,) = (one["command"] for one in document["reasons"] if one["kind"] == "container_paused")
    assert shlex.split(command) == ["docker", "unpause", "a b; rm -rf /"]


def test_verify_asks_and_writes_down_the_answer(host: MonitorHost) -> None:
    found = host.run("verify")
    assert found.returncode == 0 and "all as wanted" in found.stdout
    assert "/api/generate" in {path for path, _ in host.ollama.bodies}
    records = host.state("records.json")
    assert records["verify"]["ok"] and list(records["answers"]) == [NAME]
    (line,) = host.history()
    assert (line["event"], line["result"]) == ("verify", "ok") and line["who"]


def test_verify_fails_and_says_so(host: MonitorHost) -> None:
    lose(host)
    found = host.run("verify")
    assert found.returncode == 1 and "not listed in /api/ps" in found.stdout
    assert not host.state("records.json")["verify"]["ok"] and host.history()[0]["result"] == "failed"


def test_full_verification_finds_what_receipts_and_sizes_cannot(host: MonitorHost) -> None:
    """A bit that flips below the file system changes no time, so the receipt still holds."""
    host.run("verify", "--full")
    blob = host.model.blob_path(host.models, "weights")
    digest = blob.name.replace("-", ":", 1)
    content = bytearray(blob.read_bytes())
    content[100] ^= 1
    blob.write_bytes(content)
    (path,) = (host.home / "receipts").iterdir()
    receipts = json.loads(path.read_text())
    now = blob.stat()
    receipts["blobs"][digest]["key"] = [now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns]
    receipts["blobs"][digest]["made"] = time.time() + 0.1
    path.write_text(json.dumps(receipts))
    time.sleep(0.2)
    assert host.run("verify").returncode == 0 and status(host)[1]["models"][0]["intact"] is True
    found = host.run("verify", "--full")
    assert found.returncode == 1 and f"expected {digest}" in found.stdout
    # And no receipt says otherwise.
    assert digest not in json.loads(path.read_text())["blobs"]
    assert status(host)[1]["models"][0]["intact"] is None


def test_damage_on_the_disk_is_not_mended_by_good_bytes_in_the_page_cache(host: MonitorHost) -> None:
    """A server that has the file mapped keeps them there, so whoever hashes it as usual finds it whole."""
    blob = host.model.blob_path(host.models, "weights")
    rot(host)
    path = host.home / "monitor/scrub.json"
    document = json.loads(path.read_text())
    document["findings"][0]["key"] = list(FileKey.of(blob.stat()))
    path.write_text(json.dumps(document))
    found = host.run("verify", "--full")
    assert found.returncode == 1 and "the last scrub found damaged bytes on the disk" in found.stdout
    assert (host.metrics()["store_blobs_damaged"], status(host)[1]["models"][0]["intact"]) == (1, False)
    # As a repair does it.
    content = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(content)
    assert host.run("verify", "--full").returncode == 0
    assert (host.metrics()["store_blobs_damaged"], status(host)[1]["models"][0]["intact"]) == (0, True)


def test_full_verification_draws_a_bar_on_a_terminal(host: MonitorHost) -> None:
    host.model.blob_path(host.models, "weights").write_bytes(b"\0" * 300 * MIB)
    manifest = next((host.models / "manifests").glob("*/*/*/*"))
    document = json.loads(manifest.read_text())
    document["layers"][0]["size"] = 300 * MIB
    manifest.write_text(json.dumps(document))
    reader, writer = pty.openpty()
    command = [sys.executable, "-I", "-S", "-c", SCRIPT.format(lib=str(host.folder / "lib")), "verify", "--full"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=writer, env=host.environment) as process:
        os.close(writer)
        shown = b""
        while True:
            try:
                shown += os.read(reader, 4096)
            except OSError:
                break
        assert process.wait() == 1
    os.close(reader)
    assert b"of 300.0 MiB" in shown and shown.endswith(b"\r\x1b[K")


def test_watch_goes_on_until_it_is_stopped(host: MonitorHost) -> None:
    python = [sys.executable, "-I", "-S", "-c", SCRIPT.format(lib=str(host.folder / "lib"))]
    # A shell's background job ignores Ctrl-C, and so would its children.
    command = ["env", "--default-signal=INT", *python, "status", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=host.environment) as process:
        assert process.stdout is not None
        assert b"as wanted" in process.stdout.readline()
        process.send_signal(2)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"")


def test_reader_that_ends_early_is_no_error(host: MonitorHost) -> None:
    path = host.home / "monitor/history.jsonl"
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps({"time": 1, "event": "start", "what": "x" * 200}) + "\n")
    path.write_text(path.read_text() * 2000)
    command = [sys.executable, "-I", "-S", "-c", SCRIPT.format(lib=str(host.folder / "lib")), "history", "-n", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=host.environment) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["bogus"],
        ["status", "--bogus"],
        ["history", "-n", "0"],
        ["record", "deploy"],
        ["record", "deploy", "--result", "maybe"],
        ["record", "deploy", "--result", "ok", "--answer", "qwen=nan"],
        ["mark"],
    ],
)
def test_wrong_usage(host: MonitorHost, words: list[str]) -> None:
    found = host.run(*words)
    assert (found.returncode, found.stdout) == (2, "") and "usage: ollama-stack" in found.stderr


def test_help_names_every_command_of_a_person_and_the_exit_codes(host: MonitorHost) -> None:
    shown = host.run("--help").stdout
    for word in ("status", "verify", "scrub", "metrics", "history", "doctor", "exit codes", "wanted.json"):
        assert word in shown
    assert "record" not in shown and "mark" not in shown
    assert host.run("--version").stdout == "ollama-stack 1.2.3\n"
    for command in ("status", "verify", "scrub", "metrics", "history", "doctor"):
        assert host.run(command, "--help").returncode == 0


def test_unexpected_error_is_one_sentence(host: MonitorHost) -> None:
    host.engine.answers["/containers/json"] = (200, [{"without": "an id"}])
    found = host.run("status")
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert found.stderr.startswith("ollama-stack: status failed with an unexpected KeyError")
    assert len(found.stderr.splitlines()) == 1
    host.environment["ARCHIV_DEBUG"] = "1"
    assert "Traceback" in host.run("status").stderr
