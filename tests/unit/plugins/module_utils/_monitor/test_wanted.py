"""What is wanted is read whole or not at all, and says when it is not what the compose file was written with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import InputInvalid
from ansible_collections.archiv.ollama.plugins.module_utils._monitor.wanted import (
    NotWanted,
    parse_wanted,
    read_wanted,
    sha256_of,
    to_query,
    why_stale,
)
from tests.unit.support.monitor_host import COMPOSE
from tests.unit.support.stores import NAME


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "docker-compose.prod.yml").write_text(COMPOSE)
    file = {
        "path": "docker-compose.prod.yml",
        "sha256": sha256_of(f"{tmp_path}/docker-compose.prod.yml"),
        "mode": "0644",
    }
    return {
        "format": 1,
        "version": "1.2.3",
        "project": "archiv",
        "dir": str(tmp_path),
        "docker_host": "unix:///var/run/docker.sock",
        "files": [file],
        "secrets": ["token"],
        "owner": 1000,
        "models": [{"name": NAME, "digest": None, "warm": False}],
        "models_dir": "",
        "receipts_dir": "/var/lib/archiv-ollama/receipts",
        "answer_within": 60,
        "context_length": 0,
        "gpu": "nvidia",
        "metrics_interval": 30,
    }


def write(tmp_path: Path, content: str, mode: int = 0o600) -> str:
    path = tmp_path / "wanted.json"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def test_wanted_becomes_the_options_of_a_look(tmp_path: Path, document: dict[str, Any]) -> None:
    wanted = read_wanted(write(tmp_path, json.dumps(document)))
    assert (wanted.version, wanted.gpu, wanted.metrics_interval) == ("1.2.3", "nvidia", 30)
    assert [(wish.name.display, wish.warm) for wish in wanted.wishes] == [(NAME, False)]
    assert why_stale(wanted) == ""
    query = to_query(wanted)
    assert (query.project, query.directory, query.secrets_owner) == ("archiv", str(tmp_path), 1000)
    # Nothing is asked of a model unless somebody wants it.
    assert not query.tokens and query.registry is None
    # A deploy of before has written no locks.
    assert query.locks == {}
    locks = {"archive:1": ["sha256:" + "1" * 64]}
    assert to_query(parse_wanted({**document, "locks": locks})).locks == locks


def test_of_a_secret_only_its_name_is_known(tmp_path: Path, document: dict[str, Any]) -> None:
    wanted = parse_wanted(document)
    assert to_query(wanted).secrets == {"token": "unknown"}
    (tmp_path / ".archiv/secrets").mkdir(parents=True)
    (tmp_path / ".archiv/secrets/token").write_text("s3cret")
    assert to_query(wanted).secrets == {"token": sha256_of(f"{tmp_path}/.archiv/secrets/token")}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "its format is 2, this command reads 1"),
        ({"project": None}, "project is missing or of the wrong type"),
        ({"owner": True}, "owner is missing or of the wrong type"),
        ({"files": []}, "files must list"),
        ({"files": [{"path": "a"}]}, "files must list"),
        ({"secrets": ["../etc/shadow"]}, "secrets must list names"),
        ({"models": []}, "the list is empty"),
        ({"models": [{"name": NAME, "digest": "sha256:1"}]}, "not a sha256 digest"),
        ({"gpu": "intel"}, "gpu is 'intel'"),
        ({"docker_host": "tcp://10.0.0.1:2375"}, "only a socket on this host"),
    ],
)
def test_other_documents_are_refused(document: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputInvalid, match=words):
        parse_wanted({**document, **change})


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, "null"])
def test_what_is_no_such_document_is_a_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(NotWanted, match=r"run playbooks/deploy\.yml for this host"):
        read_wanted(write(tmp_path, content))


def test_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotWanted, match="nobody knows what is wanted"):
        read_wanted(str(tmp_path / "wanted.json"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")  # the gates run as root
def test_file_that_others_may_write_is_not_believed(tmp_path: Path, document: dict[str, Any]) -> None:
    path = write(tmp_path, json.dumps(document), 0o622)
    with pytest.raises(NotWanted, match="writable by users other than root"):
        read_wanted(path)
    os.chmod(path, 0o600)
    os.chown(path, 12345, 0)
    with pytest.raises(NotWanted, match="belongs to uid 12345"):
        read_wanted(path)


def test_link_in_its_place_is_not_followed(tmp_path: Path, document: dict[str, Any]) -> None:
    path = write(tmp_path, json.dumps(document))
    (tmp_path / "link.json").symlink_to(path)
    with pytest.raises(NotWanted, match="is a link to"):
        read_wanted(str(tmp_path / "link.json"))


def test_other_compose_file_makes_it_stale(tmp_path: Path, document: dict[str, Any]) -> None:
    wanted = parse_wanted(document)
    (tmp_path / "docker-compose.prod.yml").write_text(COMPOSE + "# by hand\n")
    assert "was changed after the last deploy" in why_stale(wanted)
    (tmp_path / "docker-compose.prod.yml").unlink()
    assert "is missing or cannot be read" in why_stale(wanted)
    # It must not hang.
    os.mkfifo(tmp_path / "docker-compose.prod.yml")
    assert why_stale(wanted)
