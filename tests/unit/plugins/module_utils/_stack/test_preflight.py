"""A sound deploy is refused nothing; every single mistake is, under the name of the variable that made it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._stack import preflight as _preflight

ROOT = Path(__file__).parents[5]
GIB, MIB = 1024**3, 1024**2
HOST = _preflight.Host(
    memory=16 * GIB,
    cpus=8,
    engine_version="26.1.5+dfsg1",
    compose_version="2.26.1-4",
    store="/var/lib/docker",
    free={1: 100 * GIB, 2: 100 * GIB},
    store_device=1,
    images_device=2,
    models=(_preflight.Model("qwen2.5:7b-instruct-q4_K_M", 5 * GIB, 224 * MIB, to_fetch=5 * GIB),),
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
        ("ollama_stack_image", "ollama/ollama:latest", "can change under a running archive"),
        ("ollama_stack_image", "ollama/ollama", "can change under a running archive"),
        ("ollama_stack_image", "registry:5000/ollama", "can change under a running archive"),
        ("ollama_stack_image", "ollama/ollama:0.17.0", "CVE-2026-7482"),
        ("ollama_stack_image", "ollama/ollama:0.9.99-rocm", "CVE-2026-7482"),
        ("ollama_stack_backend_image", "", "there is no default"),
        ("ollama_stack_backend_image", "archiv:latest", "can change under a running archive"),
        ("ollama_stack_project", "Archiv", "lower case"),
        ("ollama_stack_keep_alive", "for ever", "silently use 5m"),
        ("ollama_stack_user", "0:0", "not root's"),
        ("ollama_stack_user", "ollama", "numeric"),
        ("ollama_stack_dir", "opt/archiv", "absolute path"),
        ("ollama_stack_dir", "/opt/the archive", "without whitespace"),
        ("ollama_stack_dir", "/opt/100%", "without whitespace"),
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
        ("ollama_stack_models", [{"name": "reg.example:99999/a/x:1"}], "port '99999' after reg.example"),
        ("ollama_stack_models", [{"name": 5}], "write each as"),
        ("ollama_stack_models", ["x:1"], "write each as"),
        ("ollama_stack_image", "Ollama/Ollama:0.34.2", "not a valid image name"),
        ("ollama_stack_backend_image", "Archiv/Backend:1.0", "not a valid image name"),
        ("ollama_stack_backend_image", "archiv/backend:1.0@sha256:abc", "not a valid image name"),
        ("ollama_stack_backend_image", "archiv/backend:1 0", "not a valid image name"),
        ("ollama_stack_dir", "", "set the stack's folder"),
        ("ollama_stack_dir", "/", "the root directory of the host"),
        ("ollama_stack_dir", "//", "the root directory of the host"),
        ("ollama_stack_dir", "/opt/../etc", "as /etc"),
        ("ollama_stack_dir", "/opt/archiv/", "as /opt/archiv"),
        ("ollama_stack_models_dir", "/", "the root directory of the host"),
        ("ollama_stack_models_dir", "/srv/./llm", "as /srv/llm"),
        ("ollama_stack_models_dir", "/srv/llm:ro", "without double quotes"),
        ("ollama_stack_ca_file", "ca.pem", "absolute path"),
        ("ollama_stack_mem_limit", "8", "size such as 8g"),
        ("ollama_stack_backend_uid", -1, "from 0 to"),
        ("ollama_stack_backend_port", "http", "from 1 to 65535"),
        ("ollama_stack_health_timeout", -5, "from 0 to"),
        ("ollama_stack_start_timeout", 0, "from 1 to"),
        ("ollama_stack_cpus", float("nan"), "from 0 to"),
        ("ollama_stack_backend_address", "localhost", "use the IP address"),
        ("ollama_stack_https_proxy", "proxy.example:3128", "write it as http://host:port"),
        ("ollama_stack_mirror", "mirror.example", "is not a URL"),
        ("ollama_stack_mirror", "http://mirror.example", "plain HTTP"),
        ("ollama_stack_extra_services", ["backend"], "ollama_stack_backend_extra"),
        ("ollama_stack_extra_services", ["db", "ollama"], "choose another"),
        ("ollama_stack_extra_networks", ["edge"], "choose another"),
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
        ("ollama_stack_backend_image", "Registry/archiv/backend:1.0"),
        ("ollama_stack_backend_image", "localhost:5000/archiv__x/back-end.web:V1.0_rc"),
        ("ollama_stack_backend_address", "::1"),
        ("ollama_stack_https_proxy", "http://proxy.example:3128"),
        ("ollama_stack_https_proxy", "http://[::1]:3128/"),
        ("ollama_stack_mirror", "https://mirror.example/ollama"),
        ("ollama_stack_extra_services", ["db"]),
        ("ollama_stack_models_dir", "/srv/large disk/it's"),
    ],
)
def test_good_input_is_accepted(variable: str, value: Any) -> None:
    assert refusals(**{variable: value}) == []


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


def of(*sizes: int, cold: int = 0, **same: Any) -> _preflight.Host:
    """A host for models of so many GiB, the last ones not warm."""
    warm = [True] * (len(sizes) - cold) + [False] * cold
    models = [_preflight.Model(f"m{n}:1", size * GIB, warm=warm[n], **same) for n, size in enumerate(sizes)]
    return replace(HOST, models=tuple(models))


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


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("archive/backend:1", "docker.io"),
        ("backend", "docker.io"),
        ("localhost/backend:1", "localhost"),
        ("reg.example/backend:1", "reg.example"),
        ("reg:5000/team/backend@sha256:0", "reg:5000"),
    ],
)
def test_image_leads_to_its_registry(image: str, registry: str) -> None:
    assert _preflight.registry_of(image) == registry


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


def test_all_mistakes_are_told_at_once_and_what_only_follows_from_one_is_none() -> None:
    told = refusals(
        of(40),
        ollama_stack_project="A",
        ollama_stack_mem_limit="8",
        ollama_stack_backend_port=0,
        ollama_stack_gpu="none",
    )
    assert [line.split()[0] for line in told] == [
        "ollama_stack_project",
        "ollama_stack_mem_limit",
        "ollama_stack_backend_port",
    ]
    # The host's own reasons do not wait for the inputs.
    assert "become: true" in refusals(replace(HOST, root=False), ollama_stack_project="A")[1]


def test_inputs_that_are_not_given_are_not_missed() -> None:
    assert _preflight.find_mistakes({}) == []


def service(**keys: Any) -> list[str]:
    changed = document()
    changed["services"]["db"] = {"image": "postgres:17", **keys}
    return _preflight.find_refusals(inputs(), changed, HOST)


def test_name_that_docker_cannot_read_is_refused_where_it_stands() -> None:
    assert service(image="postgres:${PGV:-17}") == [
        "ollama_stack_extra_services: the image of service db is 'postgres:${PGV:-17}': not a valid image"
        " name: write registry/name:tag in lower case"
    ]
    assert service() == []


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ("archiv/backend:1.4", []),
        ("archiv/backend:latest", ["can change under a running archive"]),
        ("archiv/backend:", ["not a valid image name"]),
    ],
)
def test_image_with_a_variable_is_judged_as_compose_reads_it(read: str, says: list[str]) -> None:
    given = "archiv/backend:${TAG}"
    changed = document()
    changed["services"]["backend"]["image"] = read
    told = _preflight.find_refusals(inputs(ollama_stack_backend_image=given), changed, HOST)
    assert [one.startswith(f"ollama_stack_backend_image is {given!r}: Compose reads it as {read}") for one in told] == [
        True for _ in says
    ]
    assert all(part in one for part, one in zip(says, told, strict=True))


def port(number: int, address: str = "", protocol: str = "tcp") -> dict[str, Any]:
    found = {"mode": "ingress", "target": 80, "published": str(number), "protocol": protocol}
    return {**found, "host_ip": address} if address else found


@pytest.mark.parametrize(
    ("ports", "refused"),
    [
        ([port(8080)], True),
        ([port(8080, "127.0.0.1")], True),
        ([port(8080, protocol="udp")], False),
        ([port(8081, "127.0.0.1"), port(8081, "127.0.0.2")], False),
        ([port(8081, "127.0.0.1"), port(8081, "127.0.0.1")], True),
        ([port(8081)], False),
    ],
)
def test_port_that_two_would_have_is_refused(ports: list[dict[str, Any]], refused: bool) -> None:
    told = service(ports=ports, networks={"edge": None})
    assert [line for line in told if "published more than once" in line] == told
    assert bool(told) is refused
