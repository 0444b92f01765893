"""A sound deploy is refused nothing; every single mistake is, under the name of the variable that made it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils import _preflight

ROOT = Path(__file__).parents[4]
GIB = 1024**3
HOST = _preflight.Host(
    memory=16 * GIB,
    engine_version="26.1.5+dfsg1",
    compose_version="2.26.1-4",
    store="/var/lib/docker",
    free={1: 100 * GIB, 2: 100 * GIB},
    store_device=1,
    images_device=2,
    model_bytes={"qwen2.5:7b-instruct-q4_K_M": 5 * GIB},
)


def inputs(**changed: Any) -> dict[str, Any]:
    defaults = yaml.safe_load((ROOT / "roles/ollama_stack/defaults/main.yml").read_text())
    return {**defaults, "ollama_stack_backend_image": "registry.example.org/archiv:1.0", **changed}


def document() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((ROOT / "tests/unit/fixtures/compose_2.26.1/config.json").read_text())
    return recorded


def refusals(host: _preflight.Host = HOST, **changed: Any) -> list[str]:
    return _preflight.find_refusals(inputs(**changed), document(), host)


def test_sound_deploy_is_refused_nothing() -> None:
    assert refusals() == []


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ollama_stack_image", "ollama/ollama:latest", "changes under a running archive"),
        ("ollama_stack_image", "ollama/ollama", "changes under a running archive"),
        ("ollama_stack_image", "registry:5000/ollama", "changes under a running archive"),
        ("ollama_stack_image", "ollama/ollama:0.17.0", "CVE-2026-7482"),
        ("ollama_stack_image", "ollama/ollama:0.9.99-rocm", "CVE-2026-7482"),
        ("ollama_stack_backend_image", "", "it has no default"),
        ("ollama_stack_backend_image", "archiv:latest", "changes under a running archive"),
        ("ollama_stack_project", "Archiv", "lower case"),
        ("ollama_stack_keep_alive", "for ever", "silently use 5m"),
        ("ollama_stack_user", "0:0", "not those of root"),
        ("ollama_stack_user", "ollama", "numbers"),
        ("ollama_stack_dir", "opt/archiv", "absolute path"),
        ("ollama_stack_dir", "/opt/the archive", "without blanks"),
        ("ollama_stack_dir", "/opt/100%", "without blanks"),
        ("ollama_stack_models_dir", "models", "absolute path"),
        ("ollama_stack_gpu_groups", [109, -1], "from 0 to 4294967294"),
        ("ollama_stack_mem_limit", "eight", "size such as 8g"),
        ("ollama_stack_mem_limit", "0", "size such as 8g"),
        ("ollama_stack_backend_port", 70000, "from 1 to 65535"),
        ("ollama_stack_num_parallel", 0, "from 1 to"),
        ("ollama_stack_models", [], "at least one model"),
        ("ollama_stack_models", [{"name": "a b"}], "a b"),
        ("ollama_stack_models", [{"name": "x:1", "digest": "123"}], "123"),
        ("ollama_stack_models", [{"name": "x:1"}, {"name": "X:1"}], "more than once"),
        ("ollama_stack_models", [{"name": "library/x:1"}], "write it as Ollama shows it, x:1"),
    ],
)
def test_bad_input_is_refused_by_name_and_value(variable: str, value: Any, says: str) -> None:
    [refusal] = refusals(**{variable: value})
    assert refusal.startswith(variable)
    assert says in refusal


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ollama_stack_image", "registry:5000/ollama@sha256:" + "a" * 64),
        ("ollama_stack_image", "registry:5000/ollama/ollama:v0.34.2-rocm"),
        ("ollama_stack_image", "registry.example.org/ollama:stable"),
        ("ollama_stack_models", [{"name": "llama3.2"}]),
        ("ollama_stack_keep_alive", "30m"),
        ("ollama_stack_keep_alive", "1h30m"),
        ("ollama_stack_mem_limit", "6144m"),
        ("ollama_stack_mem_limit", "7.5G"),
    ],
)
def test_good_input_is_accepted(variable: str, value: Any) -> None:
    assert refusals(**{variable: value}) == []


def test_image_whose_tag_says_nothing_is_judged_by_its_own_version() -> None:
    host = replace(HOST, ollama_version="0.16.3")
    [refusal] = refusals(host, ollama_stack_image="registry.example.org/ollama:stable")
    assert "Ollama 0.16.3 leaks" in refusal


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (replace(HOST, root=False), "become: true"),
        (replace(HOST, engine_version="19.3.1"), "Docker Engine on the host is 19.3.1"),
        (replace(HOST, compose_version="v2.17.3"), "Docker Compose on the host is v2.17.3"),
        (replace(HOST, memory_limits=False), "memory control group"),
        (replace(HOST, memory=4 * GIB), "the host has 4.0 GiB of memory in all"),
        (replace(HOST, memory=8 * GIB), "together"),
        (replace(HOST, store_locks=False), "knows no locks"),
        (replace(HOST, store_problem="volume x: nfs"), "volume x: nfs"),
        (replace(HOST, missing_files=("/etc/ca.pem",)), "/etc/ca.pem"),
        (replace(HOST, model_bytes={"big:70b": 40 * GIB}), "kill it at every load"),
        (replace(HOST, free={1: GIB, 2: 100 * GIB}), "5.0 GiB are needed"),
        (replace(HOST, free={1: 100 * GIB, 2: GIB}, missing_images=("ollama/ollama:0.34.2",)), "6.0 GiB are needed"),
    ],
)
def test_host_that_cannot_carry_it_is_refused(host: _preflight.Host, says: str) -> None:
    found = refusals(host)
    assert [says in refusal for refusal in found] == [True]


AMD = {"/dev/kfd": 993, "/dev/dri/renderD128": 992, "/dev/dri/renderD129": None}


@pytest.mark.parametrize(
    ("kind", "host", "says"),
    [
        ("amd", HOST, "is 'amd': the host has no /dev/kfd and no /dev/dri/renderD*"),
        ("amd", replace(HOST, amd_devices={"/dev/kfd": 993}), "is 'amd': the host has no /dev/dri/renderD*"),
        ("nvidia", replace(HOST, nvidia=False), "is 'nvidia': nothing on the host"),
    ],
)
def test_gpu_that_is_not_there_is_refused(kind: str, host: _preflight.Host, says: str) -> None:
    [refusal] = refusals(host, ollama_stack_gpu=kind)
    assert refusal.startswith(f"ollama_stack_gpu {says}")


@pytest.mark.parametrize("groups", [[], [44], [992], ["993", 44]])
def test_groups_that_may_not_open_the_gpu_are_refused_with_the_right_ones(groups: list[Any]) -> None:
    [refusal] = refusals(replace(HOST, amd_devices=AMD), ollama_stack_gpu="amd", ollama_stack_gpu_groups=groups)
    assert refusal.startswith(f"ollama_stack_gpu_groups is {groups}: ")
    assert "/dev/kfd belongs to group 993, /dev/dri/renderD128 to group 992" in refusal
    assert refusal.endswith("write [992, 993] for this host")


@pytest.mark.parametrize(
    ("kind", "groups", "user", "host"),
    [
        ("amd", [992, 993], "10434:10434", replace(HOST, amd_devices=AMD)),
        ("amd", ["993", "992", 44], "10434:10434", replace(HOST, amd_devices=AMD)),
        # The server's own group needs no second mention, and a device that all may open none.
        ("amd", [993], "10434:992", replace(HOST, amd_devices=AMD)),
        ("amd", [], "10434:10434", replace(HOST, amd_devices=dict.fromkeys(AMD))),
        ("nvidia", [], "10434:10434", replace(HOST, nvidia=True)),
        # An Engine that cannot be asked is a refusal of its own.
        ("nvidia", [], "10434:10434", HOST),
        ("none", [], "10434:10434", replace(HOST, nvidia=False)),
    ],
)
def test_gpu_that_the_server_can_open_is_accepted(
    kind: str, groups: list[Any], user: str, host: _preflight.Host
) -> None:
    assert refusals(host, ollama_stack_gpu=kind, ollama_stack_gpu_groups=groups, ollama_stack_user=user) == []


def test_model_in_the_store_needs_no_room() -> None:
    host = replace(HOST, free={1: GIB, 2: GIB}, stored=frozenset(HOST.model_bytes))
    assert refusals(host) == []


def test_models_and_images_on_one_disk_share_its_room() -> None:
    host = replace(
        HOST, free={1: 8 * GIB}, images_device=1, missing_images=("ollama/ollama:0.34.2",), stored=frozenset()
    )
    [refusal] = refusals(host)
    assert "11.0 GiB are needed" in refusal


@pytest.mark.parametrize(
    ("service", "key", "value", "says"),
    [
        ("ollama", "ports", [{"target": 11434}], "Ollama has no authentication"),
        ("backend", "networks", {"archiv-net": None}, "internal networks only"),
        ("backend", "networks", {"edge": None, "db": {"aliases": ["archive"]}}, "takes archiv-net from"),
        ("backend", "environment", {"TZ": "UTC"}, "takes APP_OLLAMA_BASEURL from"),
        ("backend", "depends_on", {"ollama": {"condition": "service_started"}}, "ADR-034 §1"),
    ],
)
def test_service_that_breaks_the_contract_is_refused(service: str, key: str, value: Any, says: str) -> None:
    changed = document()
    changed["services"][service][key] = value
    [refusal] = _preflight.find_refusals(inputs(), changed, HOST)
    assert says in refusal


def test_password_of_a_proxy_is_refused_and_not_repeated() -> None:
    [refusal] = refusals(ollama_stack_https_proxy="http://me:hunter2@proxy:3128")
    assert "ollama_stack_https_proxy" in refusal and "hunter2" not in refusal


def test_all_reasons_come_at_once() -> None:
    host = replace(HOST, root=False, memory=GIB)
    assert len(refusals(host, ollama_stack_image="ollama/ollama:latest", ollama_stack_project="A B")) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8g", 8 * GIB), ("8GB", 8 * GIB), ("512m", GIB // 2), ("1024", 1024), ("x", None), ("", None)],
)
def test_size_is_read_as_compose_does(text: str, expected: int | None) -> None:
    assert _preflight.parse_size(text) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ollama/ollama:0.34.2", ("ollama/ollama", "0.34.2", "")),
        ("r:5000/a/b", ("r:5000/a/b", "", "")),
        ("r:5000/a/b:1@sha256:2", ("r:5000/a/b", "1", "sha256:2")),
    ],
)
def test_image_name_is_taken_apart(image: str, expected: tuple[str, str, str]) -> None:
    assert _preflight.split_image(image) == expected
