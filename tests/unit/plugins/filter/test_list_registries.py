"""Where a host gets its images and models."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.archiv.ollama.plugins.filter.list_registries import list_registries


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("ollama/ollama:0.34.2", "registry-1.docker.io"),
        ("haproxy", "registry-1.docker.io"),
        ("docker.io/library/haproxy:3.0", "registry-1.docker.io"),
        ("registry.example.org:5000/archive/backend@sha256:00", "registry.example.org:5000"),
        ("localhost/a", "localhost"),
    ],
)
def test_registry_of_an_image_is_the_one_that_docker_asks(image: str, registry: str) -> None:
    assert list_registries([image]) == [registry]


def test_models_name_theirs_or_mean_ollamas_own() -> None:
    assert list_registries([""], models=["qwen2.5:7b", "mine/a:1b"]) == ["registry.ollama.ai"]
    assert list_registries([], models=["models.example.org/mine/a:1b"]) == ["models.example.org"]


@pytest.mark.parametrize(
    ("mirror", "registry"),
    [
        ("http://mirror.example.org", "mirror.example.org:80"),
        ("http://mirror.example.org:8081/v2", "mirror.example.org:8081"),
        ("https://mirror.example.org/", "mirror.example.org"),
    ],
)
def test_mirror_is_one_more_with_its_port(mirror: str, registry: str) -> None:
    assert list_registries([], models=["a:1b"], mirror=mirror) == [registry, "registry.ollama.ai"]


def test_each_is_named_once() -> None:
    assert list_registries(["x.org/a:1", "x.org/b:1"], models=["x.org/c/d:1b"]) == ["x.org"]


def test_name_that_is_none_is_told() -> None:
    with pytest.raises(AnsibleFilterError, match="model name"):
        list_registries([], models=["a/b/c/d:1"])
