"""What cannot be meant in an input is refused under its name, before the host is looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack import inputs as _inputs
from ansible_collections.archiv.ollama.plugins.module_utils._stack import preflight as _preflight
from tests.unit.support.deploys import GIB, HOST, document, inputs, of, refusals


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
        ("ollama_monitor_textfile_dir", "", "set node_exporter's folder"),
        ("ollama_monitor_textfile_dir", "/var/lib/%n", "without whitespace"),
        ("ollama_monitor_interval", 1, "from 5 to 3600"),
        ("ollama_monitor_interval", "soon", "from 5 to 3600"),
        ("ollama_monitor_scrub", "", "a calendar event of systemd"),
        ("ollama_monitor_scrub", "weekly\nExecStart=/bin/sh", "a calendar event of systemd"),
        ("ollama_stack_prometheus_url", "prometheus:9090", "write it as http://host:port"),
        ("ollama_stack_prometheus_url", "http://p:9090/?a=b", "write it as http://host:port"),
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
    assert _inputs.registry_of(image) == registry


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8g", 8 * GIB), ("8GB", 8 * GIB), ("512m", GIB // 2), ("1024", 1024), ("x", None), ("", None)],
)
def test_size_is_read_as_compose_does(text: str, expected: int | None) -> None:
    assert _inputs.parse_size(text) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ollama/ollama:0.34.2", ("ollama/ollama", "0.34.2", "")),
        ("r:5000/a/b", ("r:5000/a/b", "", "")),
        ("r:5000/a/b:1@sha256:2", ("r:5000/a/b", "1", "sha256:2")),
    ],
)
def test_image_name_is_taken_apart(image: str, expected: tuple[str, str, str]) -> None:
    assert _inputs.split_image(image) == expected


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
    assert _inputs.find_mistakes({}) == []


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
