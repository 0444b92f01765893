"""A model that is bound to a digest is that one, or none."""

from __future__ import annotations

import shutil

from tests.unit.support.fake_registry import FakeRegistry
from tests.unit.support.model_host import (
    MODEL,
    PATH,
    Host,
)
from tests.unit.support.stores import NAME, tiny_model


def test_pin_that_fits_is_installed(host: Host) -> None:
    assert host.ok(models=[{"name": NAME, "digest": MODEL.digest}])["changed"]


def test_pin_that_the_registry_no_longer_has_is_refused(host: Host) -> None:
    message = host.fails("digest_mismatch", models=[{"name": NAME, "digest": "sha256:" + "0" * 64}])
    assert MODEL.digest in message and "moved" in message
    assert host.manifests() == [] and host.blobs() == {}


def test_pin_that_a_tag_has_left_is_installed_where_the_registry_keeps_it(host: Host, upstream: FakeRegistry) -> None:
    folder = "/v2/library/qwen2.5/manifests/"
    upstream.manifests[folder + MODEL.digest] = MODEL.manifest
    for newer in (tiny_model(seed=7), None):
        if newer:
            upstream.publish(PATH, newer)
        else:
            del upstream.manifests[folder + NAME.partition(":")[2]]
        assert host.ok(models=[{"name": NAME, "digest": MODEL.digest}])["models"][0]["digest"] == MODEL.digest
        shutil.rmtree(host.models)


def test_registry_that_gives_another_manifest_for_a_digest_is_not_believed(host: Host, upstream: FakeRegistry) -> None:
    pin = "sha256:" + "0" * 64
    upstream.manifests[f"/v2/library/qwen2.5/manifests/{pin}"] = tiny_model(seed=7).manifest
    assert "moved" in host.fails("digest_mismatch", models=[{"name": NAME, "digest": pin}])
    assert host.manifests() == []


def test_pin_replaces_another_model_of_that_name(host: Host, upstream: FakeRegistry) -> None:
    host.ok()
    newer = tiny_model(seed=7)
    upstream.publish(PATH, newer)
    assert not host.ok()["changed"]
    result = host.ok(models=[{"name": NAME, "digest": newer.digest}])
    assert result["changed"] and result["models"][0]["digest"] == newer.digest and host.holds(newer)
    assert host.holds(MODEL), "what was replaced stays until a prune"
    assert result["store"]["unreferenced_bytes"] == sum(len(blob) for blob in MODEL.blobs.values())
