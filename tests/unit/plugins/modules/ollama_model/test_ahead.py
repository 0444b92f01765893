"""ollama_model fetches ahead: all is on the disk, nobody sees it, and what serves later asks no registry."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from tests.unit.support.fake_registry import FakeRegistry, honest
from tests.unit.support.model_host import MODEL, PATH, Host, zeroed
from tests.unit.support.stores import NAME, TinyModel, sha256, tiny_model

NEXT = tiny_model(seed=7, weights=300_000)


def stands(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file that a server reads, as a replacement or a write would change it."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)
        for path in found
    }


def pinned(model: TinyModel) -> list[dict[str, str]]:
    return [{"name": NAME, "digest": model.digest}]


def small() -> str:
    """The blob that comes last."""
    return sha256(min(MODEL.blobs.values(), key=len))


def waiting(host: Host) -> list[str]:
    folder = host.models.parent / ".archiv" / "fetched"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_fetched_model_has_no_manifest_and_is_installed_without_its_registry(
    host: Host, upstream: FakeRegistry
) -> None:
    ahead = host.ok(state="fetched")
    assert ahead["changed"] and host.holds() and host.manifests() == []
    assert waiting(host) == [f"registry.ollama.ai/{PATH.replace(':', '/').lower()}"]
    upstream.close()
    real = host.ok()
    assert (real["changed"], real["download_bytes"], real["models"][0]["digest"]) == (True, 0, MODEL.digest)
    assert len(host.manifests()) == 1 and waiting(host) == [] and host.partials() == []


def test_second_fetch_changes_nothing_and_asks_nobody(host: Host, upstream: FakeRegistry) -> None:
    host.ok(state="fetched")
    upstream.close()
    again = host.ok(state="fetched")
    assert (again["changed"], again["download_bytes"], again["models"][0]["fetched"]) == (False, 0, [])
    assert again["msg"] == f"{NAME}: already fetched"
    assert (again["models"][0]["cached"], again["models"][0]["intact"]) == (True, True)


def test_check_mode_predicts_the_fetch_and_writes_nothing(host: Host, upstream: FakeRegistry) -> None:
    predicted = host.ok(state="fetched", check=True)
    assert not host.models.parent.exists() and upstream.blob_requests() == []
    real = host.ok(state="fetched")
    for told in ("changed", "models", "download_bytes", "msg", "diff"):
        assert predicted[told] == real[told]
    assert real["download_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())
    assert not host.ok(state="fetched", check=True)["changed"]


def test_moved_tag_is_fetched_beside_what_is_served(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    served = stands(host.models)
    upstream.publish(PATH, NEXT)
    assert host.ok(state="fetched", models=pinned(NEXT))["changed"]
    assert {path: stands(host.models)[path] for path in served} == served
    assert host.ok(models=pinned(MODEL))["changed"] is False
    upstream.close()
    switched = host.ok(models=pinned(NEXT))
    assert (switched["models"][0]["digest"], switched["download_bytes"]) == (NEXT.digest, 0)
    assert "replaced by" in switched["msg"] and host.holds(NEXT)


def test_what_was_fetched_is_what_is_installed_though_the_tag_has_moved(host: Host, upstream: FakeRegistry) -> None:
    host.ok(state="fetched")
    upstream.publish(PATH, NEXT)
    assert host.ok()["models"][0]["digest"] == MODEL.digest


def test_other_pin_is_not_what_was_fetched(host: Host, upstream: FakeRegistry) -> None:
    host.ok(state="fetched")
    upstream.publish(PATH, NEXT)
    assert host.ok(models=pinned(NEXT))["models"][0]["digest"] == NEXT.digest
    assert waiting(host) == []


def test_repair_is_fetched_beside_the_damaged_file(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    weights = MODEL.blob_path(host.models, "weights")
    zeroed(weights)
    damaged = stands(host.models)
    ahead = host.ok(state="fetched")
    assert ahead["changed"] and stands(host.models) == damaged
    assert host.partials() == [weights.name]
    upstream.close()
    again = host.ok(state="fetched")
    assert (again["changed"], again["download_bytes"]) == (False, 0)
    repaired = host.ok()
    assert (repaired["changed"], repaired["download_bytes"]) == (True, 0)
    assert host.holds() and host.partials() == []


def test_what_waits_aside_is_hashed_before_it_is_used(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    zeroed(MODEL.blob_path(host.models, "weights"))
    host.ok(state="fetched")
    zeroed(host.models.parent / ".archiv" / "partials" / MODEL.blob_path(host.models, "weights").name)
    host.ok()
    assert host.holds() and host.is_clean()


def test_blob_that_rotted_since_it_was_fetched_comes_again(host: Host, upstream: FakeRegistry) -> None:
    host.ok(state="fetched")
    zeroed(MODEL.blob_path(host.models, "weights"))
    assert host.ok()["changed"]
    assert host.holds() and host.is_clean()


def test_interrupted_fetch_is_not_remembered_and_resumes(host: Host, upstream: FakeRegistry) -> None:
    upstream.twist = lambda seen, reply: replace(reply, status=404) if small() in seen.path else reply
    assert "Still missing" in host.fails("not_found", state="fetched")
    assert waiting(host) == [] and MODEL.blob_path(host.models, "weights").exists()
    upstream.twist = honest
    asked = len(upstream.blob_requests(sha256(MODEL.blobs["weights"])))
    assert host.ok(state="fetched")["changed"] and host.holds()
    assert len(upstream.blob_requests(sha256(MODEL.blobs["weights"]))) == asked


def test_model_of_which_a_blob_was_lost_since_is_not_taken_as_fetched(host: Host, upstream: FakeRegistry) -> None:
    host.ok(state="fetched")
    MODEL.blob_path(host.models, "weights").unlink()
    again = host.ok(state="fetched")
    assert again["changed"] and [blob["role"] for blob in again["models"][0]["fetched"]] == ["weights"]


def test_prune_keeps_what_was_fetched(host: Host) -> None:
    host.ok()
    old = 1_000_000_000
    host.upstream.publish("library/next:1", NEXT)
    host.ok(state="fetched", models=["next:1"])
    for path in host.models.joinpath("blobs").iterdir():
        os.utime(path, (old, old))
    pruned = host.ok(prune=True, verify="size")
    assert (pruned["pruned"], host.holds(NEXT), pruned["store"]["unreferenced"]) == ([], True, [])


def test_removal_takes_what_was_fetched_and_leaves_what_another_needs(host: Host) -> None:
    shared = TinyModel({**NEXT.blobs, "template": MODEL.blobs["template"]})
    host.upstream.publish("library/next:1", shared)
    host.ok()
    host.ok(state="fetched", models=["next:1"])
    predicted = host.ok(state="absent", models=["next:1"], check=True)
    gone = host.ok(state="absent", models=["next:1"])
    assert predicted["models"] == gone["models"] and gone["changed"]
    assert host.holds() and set(host.blobs()) == {sha256(blob).replace(":", "-") for blob in MODEL.blobs.values()}
    assert waiting(host) == [] and os.listdir(host.models.parent / ".archiv" / "fetched") == []


def test_removal_keeps_a_blob_that_was_fetched_for_another(host: Host) -> None:
    shared = TinyModel({**NEXT.blobs, "template": MODEL.blobs["template"]})
    host.upstream.publish("library/next:1", shared)
    host.ok()
    host.ok(state="fetched", models=["next:1"])
    host.ok(state="absent")
    assert MODEL.blob_path(host.models, "template").exists()
    assert not MODEL.blob_path(host.models, "weights").exists()


def test_manifest_that_another_user_could_have_written_is_not_used(host: Host, upstream: FakeRegistry) -> None:
    host.ok(state="fetched")
    [name] = waiting(host)
    (host.models.parent / ".archiv" / "fetched" / name).chmod(0o666)
    asked = len(upstream.seen)
    host.ok()
    assert len(upstream.seen) > asked


def test_method_engine_cannot_fetch_ahead(host: Host) -> None:
    assert "method: engine cannot fetch ahead" in host.fails("input", state="fetched", method="engine")


def test_fetch_restarts_nothing_though_a_restart_is_due(host: Host) -> None:
    host.ok()
    (host.models.parent / ".archiv" / "stale").write_bytes(b"")
    assert host.ok(state="fetched", restart=True, docker_host="unix:///nonexistent.sock")["restarted"] == []
