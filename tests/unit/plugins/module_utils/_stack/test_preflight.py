"""A sound deploy is refused nothing; every single mistake is, under the name of the variable that made it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack import actions as _actions
from ansible_collections.archiv.ollama.plugins.module_utils._stack import preflight as _preflight
from tests.unit.support.deploys import GIB, HOST, document, inputs, of, refusals


def test_sound_deploy_is_refused_nothing() -> None:
    assert refusals() == []


@pytest.mark.parametrize("host", [HOST, replace(HOST, cpus=None)])
def test_service_may_use_all_cpus_that_are_known(host: _preflight.Host) -> None:
    changed = document()
    changed["services"]["ollama"]["cpus"] = host.cpus or 1000
    assert _preflight.find_refusals(inputs(), changed, host) == []


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
        (replace(HOST, memory_limits=False), "memory cgroup"),
        (replace(HOST, memory=4 * GIB), "the host has only 4.0 GiB of memory"),
        (replace(HOST, memory=8 * GIB), "add up to more"),
        (replace(HOST, store_locks=False), "does not support file locks"),
        (replace(HOST, store_problem="volume x: nfs"), "volume x: nfs"),
        (replace(HOST, user_namespace=True), "userns-remap"),
        (replace(HOST, native=True), "systemctl disable --now ollama.service"),
        (replace(HOST, missing_files=("/etc/ca.pem",)), "/etc/ca.pem"),
        (replace(HOST, models=(_preflight.Model("big:70b", 40 * GIB),)), "out of memory at every load"),
        (replace(HOST, free={1: GIB, 2: 100 * GIB}), "5.0 GiB needed"),
        (replace(HOST, free={1: 100 * GIB, 2: GIB}, missing_images=("ollama/ollama:0.34.2",)), "6.0 GiB needed"),
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
        ("nvidia", replace(HOST, nvidia=False), "is 'nvidia': found no NVIDIA runtime"),
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
    assert refusal.endswith("set [992, 993] for this host")


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
    host = replace(HOST, free={1: GIB, 2: GIB}, models=(replace(HOST.models[0], to_fetch=0),))
    assert refusals(host) == []


def test_two_models_that_stay_loaded_and_do_not_fit_together_are_refused_by_name() -> None:
    [refusal] = refusals(of(4, 5))
    assert refusal == (
        "ollama_stack_mem_limit (or OLLAMA_MEM_LIMIT in .env) is 8.0 GiB: m0:1 (4.0 GiB) and m1:1 (5.0 GiB) are loaded"
        " together and need 9.0 GiB, so one would run out of memory at every load; raise the limit, or use fewer or"
        " smaller models"
    )


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        (of(4, 4), True),
        (of(4, 4, context=1), False),
        (of(4, 3, 2), False),
        # Not pinned: one at a time, beside all that are.
        (of(4, 4, 4, cold=2), True),
        (of(4, 4, 5, cold=2), False),
        (of(4, 5, 3, cold=2), False),
        (of(8, 8, 8, cold=3), True),
    ],
)
def test_memory_is_counted_for_what_may_be_loaded_at_once(host: _preflight.Host, fits: bool) -> None:
    assert (refusals(host) == []) is fits


def test_largest_of_those_loaded_in_turn_counts_whatever_shares_its_weights() -> None:
    small, other, large = (
        _preflight.Model("small", size=1, warm=False, weights="shared"),
        _preflight.Model("other", size=2, warm=False, weights="own"),
        _preflight.Model("large", size=1, context=9, warm=False, weights="shared"),
    )
    assert _preflight.loaded_together([small, other, large]) == [large]


@pytest.mark.parametrize(("warm", "refused"), [((True, True), 1), ((True, False), 1), ((False, False), 0)])
def test_two_names_of_the_same_weights_are_refused_where_one_is_to_stay_loaded(
    warm: tuple[bool, bool], refused: int
) -> None:
    twins = tuple(
        _preflight.Model(name, weights="w", warm=each) for name, each in zip(("a:1", "b:1"), warm, strict=True)
    )
    other = _preflight.Model("c:1", weights="v")
    told = refusals(replace(HOST, models=(*twins, other)))
    assert len(told) == refused
    assert all(line.startswith("ollama_stack_models: a:1 and b:1 have the same weights") for line in told)


def test_weights_on_a_gpu_are_not_counted() -> None:
    assert refusals(of(40), ollama_stack_gpu="nvidia") == []


@pytest.mark.parametrize(
    ("trouble", "variable"),
    [
        ("not_found", "ollama_stack_models is 'm:1'"),
        ("unauthorized", "ollama_stack_models is 'm:1'"),
        ("digest_mismatch", "ollama_stack_models is 'm:1'"),
        ("needs_newer_ollama", "ollama_stack_image is 'ollama/ollama:0.34.2'"),
    ],
)
def test_model_that_no_registry_gives_is_refused(trouble: str, variable: str) -> None:
    host = replace(HOST, models=(_preflight.Model("m:1", trouble=trouble, why="it is so; do this"),))
    assert refusals(host) == [f"{variable}: it is so; do this"]


@pytest.mark.parametrize("trouble", ["offline", "deadline", "server_error", "cut", "stalled"])
def test_registry_that_does_not_answer_refuses_nothing(trouble: str) -> None:
    assert refusals(replace(HOST, models=(_preflight.Model("m:1", trouble=trouble, why="it is away"),))) == []


def test_models_and_images_on_one_disk_share_its_room() -> None:
    host = replace(HOST, free={1: 8 * GIB}, images_device=1, missing_images=("ollama/ollama:0.34.2",))
    [refusal] = refusals(host)
    assert "11.0 GiB needed" in refusal


def test_disk_that_is_too_small_is_named_with_what_it_lacks_room_for() -> None:
    free = {1: GIB, 2: GIB // 2}
    host = replace(HOST, free=free, images="/var/lib/containerd", missing_images=("archiv/backend:1",))
    models, images = refusals(host)
    assert models.startswith("not enough disk space in /var/lib/docker: 1.0 GiB") and "archiv/backend" not in models
    assert images == (
        "not enough disk space in /var/lib/containerd: 512.0 MiB free, about 1.0 GiB needed for archiv/backend:1"
    )


@pytest.mark.parametrize(
    ("service", "key", "value", "says"),
    [
        ("ollama", "ports", [{"target": 11434}], "Ollama has no authentication"),
        ("backend", "networks", {"archiv-net": None}, "internal networks only"),
        ("backend", "networks", {"edge": None, "db": {"aliases": ["archive"]}}, "removes archiv-net from"),
        ("backend", "environment", {"TZ": "UTC"}, "removes APP_OLLAMA_BASEURL from"),
        ("backend", "depends_on", {"ollama": {"condition": "service_started"}}, "ADR-034 §1"),
        ("ollama", "cpus", 8.5, "service ollama may use 8.5 CPUs (ollama_stack_cpus), and the host has 8"),
        ("backend", "cpus", 16, "service backend may use 16 CPUs, and the host has 8"),
    ],
)
def test_service_that_breaks_the_contract_is_refused(service: str, key: str, value: Any, says: str) -> None:
    changed = document()
    changed["services"][service][key] = value
    [refusal] = _preflight.find_refusals(inputs(), changed, HOST)
    assert says in refusal


def test_engines_own_pull_is_refused_what_asks_for_a_login() -> None:
    given: dict[str, Any] = {
        "ollama_stack_models": [{"name": "qwen2.5:7b"}, {"name": "Reg.example/team/m:1"}],
        "ollama_stack_registries": ["reg.example"],
    }
    [refusal] = refusals(**given, ollama_stack_model_method="engine")
    assert "cannot log in to reg.example" in refusal and "Reg.example/team/m:1" in refusal
    assert refusals(**given, ollama_stack_model_method="registry") == []


def test_password_of_a_proxy_is_refused_and_not_repeated() -> None:
    [refusal] = refusals(ollama_stack_https_proxy="http://me:hunter2@proxy:3128")
    assert "ollama_stack_https_proxy" in refusal and "hunter2" not in refusal


def test_all_reasons_come_at_once() -> None:
    host = replace(HOST, root=False, memory=GIB)
    assert len(refusals(host, ollama_stack_image="ollama/ollama:latest", ollama_stack_project="A B")) == 4


def test_what_a_person_made_is_refused_until_it_may_be_taken_over() -> None:
    host = replace(
        HOST, foreign=("docker-compose.prod.yml is not managed by archiv.ollama", "container archiv-db-1 runs db")
    )
    [told] = refusals(host)
    assert told.startswith(
        "ollama_stack_adopt is false, but the host has a stack that archiv.ollama does not manage: docker-"
    )
    assert "ollama; container archiv-db-1 runs db. Add" in told
    assert refusals(host, ollama_stack_adopt=True) == []
    # Of what the caller does not tell nothing is missed.
    assert _preflight.find_refusals({}, {}, host) == _preflight.find_refusals({}, {}, HOST)


def test_folder_of_the_other_variant_is_refused() -> None:
    [told] = refusals(replace(HOST, other_variant="/opt/archiv/docker-compose.yml"))
    assert told.startswith("/opt/archiv/docker-compose.yml belongs to the other ollama_stack_variant")
    assert "their secrets in /opt/archiv/.archiv: choose another ollama_stack_dir" in told


def test_advice_is_for_the_one_who_holds_the_port() -> None:
    # As Engine 26.1.5 says it through Compose 2.26.1.
    taken = (
        "General error: Error response from daemon: driver failed programming external connectivity on endpoint"
        " archiv-backend-1 (f2989440): Bind for 0.0.0.0:8080 failed: port is already allocated"
    )
    assert _actions.find_taken_port(taken) == "8080"
    assert _actions.find_taken_port("no such image") == ""
    assert _actions.advise_on_port("8080", ["web-1"]).startswith("Port 8080 is used by container web-1:")
    kept = _actions.advise_on_port("8080", [])
    assert kept.startswith("No container uses port 8080:") and "`systemctl restart docker`" in kept
