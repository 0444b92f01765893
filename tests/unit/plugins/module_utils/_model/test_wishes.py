"""The `models` option becomes wishes, or one message of all mistakes."""

from __future__ import annotations

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import InputInvalid, read_wishes
from tests.unit.support.stores import NAME

DIGEST = "sha256:" + "ab" * 32


def test_wishes_are_names_or_dictionaries() -> None:
    plain, pinned, cold = read_wishes([NAME, {"name": "a", "digest": "AB" * 32}, {"name": "b", "warm": False}])
    assert (plain.name.display, plain.digest, plain.warm) == (NAME, None, True)
    assert (pinned.name.display, pinned.digest) == ("a:latest", DIGEST)
    assert cold.warm is False


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (7, "7 is neither a model name nor"),
        (None, "None is neither"),
        ({}, "neither a model name"),
        ({"name": 7}, "neither a model name"),
        ("a b", "may contain only letters"),
        ({"name": "a", "digest": "short"}, "64 hexadecimal digits"),
        ({"name": "a", "digest": 7}, "write it as a string"),
        ({"name": "a", "warm": "no"}, "write true or false"),
        ({"name": "a", "tag": "x", "sha": "y"}, "unknown keys sha, tag"),
    ],
)
def test_mistake_in_an_entry_is_named_with_its_place(entry: object, reason: str) -> None:
    with pytest.raises(InputInvalid, match=rf"models\[1\]: .*{reason}"):
        read_wishes([NAME, entry])


def test_all_mistakes_come_in_one_message() -> None:
    with pytest.raises(InputInvalid) as caught:
        read_wishes(["a b", {"name": "c", "digest": "d"}, "m", "M:LATEST"])
    assert all(part in str(caught.value) for part in ("models[0]", "models[1]", "m:latest is listed more than once"))


def test_no_models_is_a_mistake() -> None:
    with pytest.raises(InputInvalid, match="name at least one"):
        read_wishes([])
