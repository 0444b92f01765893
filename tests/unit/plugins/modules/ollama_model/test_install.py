"""ollama_model installs: every byte in place, nothing twice, a second run does nothing."""

from __future__ import annotations

import json
import os
import stat

from tests.unit.support.certificates import Authority
from tests.unit.support.fake_registry import FakeRegistry, registry
from tests.unit.support.model_host import (
    MODEL,
    PATH,
    Host,
)
from tests.unit.support.stores import NAME, sha256, tiny_model


def test_install_puts_every_byte_in_place_whatever_the_umask(host: Host) -> None:
    before = os.umask(0o077)
    try:
        result = host.ok()
    finally:
        os.umask(before)
    assert result["changed"] and host.holds() and host.manifests() == [f"registry.ollama.ai/{PATH.replace(':', '/')}"]
    assert result["models"][0]["digest"] == MODEL.digest
    assert (result["models"][0]["cached"], result["models"][0]["intact"]) == (True, True)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in host.models.rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in host.models.rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o644}, {0o755})
    assert host.partials() == []


def test_second_run_changes_nothing_and_asks_nobody(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    asked = len(upstream.seen)
    upstream.close()
    again = host.ok()
    assert not again["changed"] and len(upstream.seen) == asked
    assert again["models"][0]["intact"] is True


def test_check_mode_predicts_the_run_and_writes_nothing(host: Host, upstream: FakeRegistry) -> None:
    predicted = host.ok(check=True)
    assert not host.models.parent.exists() and not host.receipts.exists()
    assert upstream.blob_requests() == []
    real = host.ok()
    for told in ("changed", "models", "download_bytes", "msg", "diff"):
        assert predicted[told] == real[told]
    assert real["download_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())


def test_existing_store_is_adopted_without_a_change(host: Host, upstream: FakeRegistry) -> None:
    MODEL.install(host.models)
    adopted = host.ok()
    assert (adopted["changed"], adopted["models"][0]["intact"]) == (False, True)
    assert upstream.seen == []
    assert json.loads(next(host.receipts.glob("*.json")).read_text())["blobs"].keys() == {
        sha256(blob) for blob in MODEL.blobs.values()
    }


def test_blobs_that_are_there_already_do_not_come_again(host: Host, upstream: FakeRegistry) -> None:
    MODEL.install(host.models).unlink()
    result = host.ok()
    assert result["changed"] and result["download_bytes"] == 0 and upstream.blob_requests() == []


def test_blob_with_a_good_name_and_bad_bytes_is_not_trusted(host: Host, upstream: FakeRegistry) -> None:
    MODEL.install(host.models).unlink()
    MODEL.blob_path(host.models, "weights").write_bytes(bytes(300_000))
    host.ok()
    assert host.holds() and len({seen.path for seen in upstream.blob_requests()}) == 1


def test_several_connections_fetch_each_byte_once(host: Host, upstream: FakeRegistry) -> None:
    host.ok(connections=4)
    ranges = [seen.headers["range"] for seen in upstream.blob_requests(sha256(MODEL.blobs["weights"]))]
    assert len(ranges) == len(set(ranges)) == 10
    assert upstream.sent == len(MODEL.manifest) + sum(len(blob) for blob in MODEL.blobs.values())


def test_registry_that_ignores_ranges_sends_everything_once(host: Host, upstream: FakeRegistry) -> None:
    upstream.ranges = False
    host.ok()
    assert host.holds()
    assert len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) == 1


def test_stored_spelling_of_a_name_is_kept(host: Host, upstream: FakeRegistry) -> None:
    other = tiny_model(seed=1)
    other.install(host.models, "registry.ollama.ai", "library", "other", "7B-Instruct-Q4_K_M")
    host.ok(models=[NAME])
    assert host.manifests() == [
        "registry.ollama.ai/library/other/7B-Instruct-Q4_K_M",
        "registry.ollama.ai/library/qwen2.5/7B-Instruct-Q4_K_M",
    ]
    assert not host.ok(models=[NAME.upper().replace("QWEN", "qwen")])["changed"]


def test_model_of_another_registry_does_not_use_the_mirror(host: Host, authority: Authority) -> None:
    # The mirror is the one that is insecure.
    with registry(authority.server_context()) as own:
        own.publish("team/m:1", MODEL)
        host.ok(models=[f"{own.host}/team/m:1"], ca_path=str(authority.path))
    assert host.upstream.seen == []
    assert host.manifests() == [f"{own.host}/team/m/1"]


def test_ollama_version_is_told_to_the_registry(host: Host, upstream: FakeRegistry) -> None:
    host.ok(ollama_version="0.34.2")
    assert {seen.headers["user-agent"].split()[0] for seen in upstream.seen} == {"ollama/0.34.2"}
