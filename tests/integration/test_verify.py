"""verify.yml passes a healthy stack whose bytes nobody has hashed lately, and fails one that somebody touched."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.conftest import Play, Typed
from tests.lab import model

# As a boot leaves them, which costs the host none.
BOOTED = """sed -i 's/"boot": "/&an earlier one /g' /var/lib/archiv-ollama/receipts/*.json"""
BLOBS = "/var/lib/docker/volumes/archiv_ollama-models/_data/models/blobs"
NOTE = "the host was rebooted since it was hashed"


@pytest.fixture
def deployed(play: Play) -> Iterator[None]:
    play("deploy")
    yield
    play("deploy")


def test_bytes_that_were_not_hashed_since_a_boot_are_a_note_and_a_deploy_hashes_them_once(
    play: Play, typed: Typed, deployed: None
) -> None:
    typed(BOOTED)
    told = play("verify")
    assert NOTE in told
    assert [line for line in told.splitlines() if line.startswith("    ") and len(line) > 80] == []
    assert NOTE not in play("verify", "-e", "verify=full")
    told = " ".join(play("deploy").split())
    assert "archiv matches the inventory" in told and " not verified; weights, " in told and f": {NOTE} (" in told
    assert " changed=0 " in told
    assert "not verified" not in play("deploy") + play("verify")


def test_file_that_was_touched_fails_at_once_and_by_its_bytes(play: Play, typed: Typed, deployed: None) -> None:
    weights = json.loads(model.build_model(model.MODELS[0].seed).manifest)["layers"][0]["digest"]
    typed(f"printf x | dd of={BLOBS}/{weights.replace(':', '-')} bs=1 seek=4096 conv=notrunc")
    assert "the file was changed or replaced since it was hashed" in " ".join(play("verify", code=2).split())
    assert "expected sha256:" in " ".join(play("verify", "-e", "verify=full", code=2).split())
    told = play("deploy")
    assert " changed=0 " not in told
    play("verify")
