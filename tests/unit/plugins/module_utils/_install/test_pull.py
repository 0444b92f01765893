"""The fallback through Ollama's own pull: what the container gets, what failed, and what is believed afterwards."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import (
    Container,
    Engine,
    EngineError,
    plain_container,
)
from ansible_collections.archiv.ollama.plugins.module_utils._install import pull as _pull
from ansible_collections.archiv.ollama.plugins.module_utils._install.pull import (
    container_options,
    ensure_pulled,
    kind_of_failure,
)
from ansible_collections.archiv.ollama.plugins.module_utils._install.types import (
    InstallError,
    Job,
    Limits,
    Outcome,
    Workshop,
)
from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import Wish
from ansible_collections.archiv.ollama.plugins.module_utils._registry.access import Access
from ansible_collections.archiv.ollama.plugins.module_utils._registry.client import Deadline, RegistryClient
from ansible_collections.archiv.ollama.plugins.module_utils._store import receipts as _receipts
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import Store
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import Receipts
from tests.unit.support.stores import NAME, tiny_model

MODEL = tiny_model()
INIT: dict[str, Any] = {
    "Id": "init",
    "Name": "/archiv-ollama-model-init-1",
    "State": {"Status": "exited"},
    "Config": {
        "Image": "ollama/ollama:0.34.2",
        "Labels": {"com.docker.compose.service": "ollama-model-init"},
        "Env": ["PATH=/bin", "HTTPS_PROXY=http://proxy:3128", "SSL_CERT_DIR=/etc/archiv-ca", "ARCHIV_MODELS=x"],
    },
    "HostConfig": {
        "ExtraHosts": ["registry.example:10.0.0.1"],
        "Memory": 1 << 30,
        "MemorySwap": 1 << 30,
        "PidsLimit": 4096,
    },
    "Mounts": [
        {"Type": "volume", "Source": "/var/lib/docker/volumes/v/_data", "Destination": "/m", "RW": True},
        {"Type": "bind", "Source": "/etc/ca.crt", "Destination": "/etc/archiv-ca/ca.crt", "RW": False},
    ],
    "NetworkSettings": {"Networks": {"archiv_egress": {}}},
}


def test_container_has_the_inits_way_out_and_nothing_else() -> None:
    options = container_options(INIT, "/store/models", ["m:1"])
    assert options["container"]["image"] == "ollama/ollama:0.34.2"
    assert options["container"]["command"] == ["m:1"]
    environment = options["container"]["environment"]
    assert environment["HTTPS_PROXY"] == "http://proxy:3128" and environment["SSL_CERT_DIR"] == "/etc/archiv-ca"
    assert environment["OLLAMA_NOPRUNE"] == "1" and "ARCHIV_MODELS" not in environment and "PATH" not in environment
    host = options["host"]
    assert host["binds"] == ["/store:/archiv", "/etc/ca.crt:/etc/archiv-ca/ca.crt:ro"]
    assert (host["network_mode"], host["read_only"], host["cap_drop"]) == ("archiv_egress", True, ["ALL"])
    assert host["extra_hosts"] == {"registry.example": "10.0.0.1"}
    assert (host["mem_limit"], host["memswap_limit"], host["pids_limit"]) == (1 << 30, 1 << 30, 4096)


def test_container_like_an_init_of_an_older_release_has_no_limits() -> None:
    of_old = {**INIT, "HostConfig": {"Memory": 0, "MemorySwap": 0, "PidsLimit": None}}
    host = container_options(of_old, "/store/models", ["m:1"])["host"]
    assert (host["mem_limit"], host["memswap_limit"], host["pids_limit"]) == (None, None, None)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("Error: pull model manifest: file does not exist", "not_found"),
        (
            'Error: pull model manifest: Get "https://registry.example/v2/": dial tcp: lookup registry.example',
            "offline",
        ),
        ("Error: pull model manifest: 412: this model requires a newer version of Ollama", "needs_newer_ollama"),
        ("Error: write /archiv/models/blobs/sha256-1-partial: no space left on device", "no_space"),
        ("Error: digest mismatch, file must be downloaded again", "digest_mismatch"),
        ("Error: tls: failed to verify certificate: x509: signed by unknown authority", "untrusted"),
        ("Error: something new", "pull"),
    ],
)
def test_each_failure_of_pull_has_its_kind(output: str, kind: str) -> None:
    assert kind_of_failure(output) == kind


class FakeEngine:
    """Runs the pull as the given function on the store."""

    def __init__(self, pull: Callable[[], tuple[int, str]], inits: bool = True) -> None:
        self.pull = pull
        self.runs = 0
        self.inits: list[Container] = [plain_container(INIT)] if inits else []

    def containers(self, project: str, service: str) -> list[Container]:
        return self.inits

    def run_to_end(self, name: str, options: Mapping[str, Any], still_time: Callable[[], None]) -> tuple[int, str]:
        self.runs += 1
        return self.pull()


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_receipts, "FINE_RACY_SECONDS", 0)
    monkeypatch.setattr(_pull, "run_to_end", FakeEngine.run_to_end)
    return tmp_path / "volume" / "models"


def ensure(models: Path, engine: FakeEngine, **job: Any) -> Outcome:
    shop = Workshop(
        Store(str(models)),
        Receipts(str(models), str(models.parent.parent / "receipts"), boot="boot"),
        RegistryClient(Access(), Deadline(20)),
        Limits(connections=1, stall_timeout=20),
    )
    wishes = (Wish(parse_name(NAME), job.pop("digest", None)),)
    return ensure_pulled(shop, Job(wishes, **job), lambda: cast(Engine, engine), "archiv", "ollama-model-init")


def good(models: Path) -> Callable[[], tuple[int, str]]:
    """Pulls as Ollama does: what has the right name is trusted."""

    def pull() -> tuple[int, str]:
        kept = {role: MODEL.blob_path(models, role) for role in MODEL.blobs}
        before = {path: path.read_bytes() for path in kept.values() if path.exists()}
        MODEL.install(models)
        for path, content in before.items():
            path.write_bytes(content)
        return 0, ""

    return pull


def test_pull_installs_and_is_proven(models: Path) -> None:
    engine = FakeEngine(good(models))
    predicted = ensure(models, engine, digest=MODEL.digest, check=True)
    assert engine.runs == 0 and not models.exists()
    outcome = ensure(models, engine, digest=MODEL.digest)
    assert predicted == outcome
    assert outcome.changed and not outcome.stale and outcome.models[0]["intact"] is True
    again = ensure(models, engine)
    assert not again.changed and engine.runs == 1


def test_pull_over_damage_heals_although_ollama_trusts_the_name(models: Path) -> None:
    MODEL.install(models)
    weights = MODEL.blob_path(models, "weights")
    weights.write_bytes(bytes(20_000))
    outcome = ensure(models, FakeEngine(good(models)))
    assert outcome.changed and outcome.stale and weights.read_bytes() == MODEL.blobs["weights"]
    assert os.listdir(models.parent / ".archiv" / "partials") == []


def test_file_the_server_cannot_read_is_mended_without_a_pull(models: Path) -> None:
    MODEL.install(models)
    closed = (MODEL.blob_path(models, "weights"), models / "blobs")
    for path in closed:
        path.chmod(0o700)
    engine = FakeEngine(good(models))
    predicted = ensure(models, engine, check=True)
    with pytest.raises(InstallError, match="`repair` is false"):
        ensure(models, engine, repair=False)
    mended = ensure(models, engine)
    assert (mended.changed, mended.stale, engine.runs) == (True, False, 0)
    assert [stat.S_IMODE(path.stat().st_mode) for path in closed] == [0o644, 0o755]
    assert predicted == mended and not ensure(models, engine).changed


def test_failed_pull_puts_the_damaged_file_back(models: Path) -> None:
    MODEL.install(models)
    weights = MODEL.blob_path(models, "weights")
    weights.write_bytes(bytes(20_000))
    with pytest.raises(InstallError, match="dial tcp") as caught:
        ensure(models, FakeEngine(lambda: (1, "x\nError: dial tcp: refused\n")))
    assert caught.value.kind == "offline" and weights.read_bytes() == bytes(20_000)


def test_pull_that_leaves_wrong_bytes_is_not_believed(models: Path) -> None:
    def pull() -> tuple[int, str]:
        MODEL.install(models)
        MODEL.blob_path(models, "weights").write_bytes(bytes(20_000))
        return 0, "success"

    with pytest.raises(InstallError, match="succeeded, but"):
        ensure(models, FakeEngine(pull))


def test_pull_of_another_model_than_the_pinned_is_refused(models: Path) -> None:
    with pytest.raises(InstallError) as caught:
        ensure(models, FakeEngine(good(models)), digest="sha256:" + "0" * 64)
    assert caught.value.kind == "digest_mismatch"


def test_repair_can_be_forbidden(models: Path) -> None:
    MODEL.install(models)
    MODEL.blob_path(models, "weights").write_bytes(bytes(20_000))
    engine = FakeEngine(good(models))
    for check in (True, False):
        with pytest.raises(InstallError, match="`repair` is false"):
            ensure(models, engine, repair=False, check=check)
    assert engine.runs == 0


def test_stack_that_was_never_created_is_told(models: Path) -> None:
    with pytest.raises(EngineError, match="docker compose create"):
        ensure(models, FakeEngine(good(models), inits=False))


def test_unused_files_are_pruned_as_with_the_other_method(models: Path) -> None:
    MODEL.install(models)
    stray = models / "blobs" / ("sha256-" + "f" * 64)
    stray.write_bytes(b"of no model")
    os.utime(stray, (1, 1))
    engine = FakeEngine(good(models))
    assert ensure(models, engine, prune=True, check=True).pruned == [str(stray)] and stray.exists()
    assert ensure(models, engine, prune=True).pruned == [str(stray)] and not stray.exists()
