"""Every option of ollama_model is read into one value, or all that is wrong with them is told at once."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._entry.model_options import read_options
from ansible_collections.archiv.ollama.plugins.module_utils._install.types import Limits
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import InputInvalid
from ansible_collections.archiv.ollama.plugins.modules.ollama_model import ARGUMENTS

NAME = "qwen2.5:7b-instruct-q4_K_M"


class Params(dict[str, Any]):
    """A module's parameters, which remember what was asked of them."""

    def __init__(self, **given: Any) -> None:
        super().__init__({name: argument.get("default") for name, argument in ARGUMENTS.items()}, **given)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def test_no_option_is_forgotten() -> None:
    params = Params(models=[NAME])
    options = read_options(params)
    assert params.read == set(ARGUMENTS)
    assert [wish.name.display for wish in options.wishes] == [NAME]


def test_values_are_where_they_belong() -> None:
    login = {"host": "private.lab", "token_host": None, "username": "u", "password": "p"}
    options = read_options(
        Params(
            models=[NAME],
            mirror="https://mirror.lab",
            ollama_version="0.34.2",
            registries=[login],
            connections=3,
            stall_timeout=7.0,
        )
    )
    assert (options.access.mirror, options.access.ollama_version) == ("https://mirror.lab", "0.34.2")
    assert options.access.logins[0].token_host == "private.lab"
    assert options.limits == Limits(connections=3, stall_timeout=7.0)
    assert (options.state, options.method, options.verify) == ("present", "registry", "receipt")


def test_mistakes_of_all_kinds_come_together() -> None:
    with pytest.raises(InputInvalid) as caught:
        read_options(Params(models=[], mirror="nowhere", connections=65, timeout=0.0, docker_host="tcp://elsewhere:1"))
    for part in ("name at least one", "mirror 'nowhere'", "docker_host", "connections: 65", "timeout: 0"):
        assert part in str(caught.value)
