"""Peers: hosts that could not be asked, or could not ask this one, are refused in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack.peers import is_certified
from tests.unit.support.deploys import HOST, refusals

PEER = {"name": "b.example", "known": True, "address": "10.0.0.2", "path": "certs/b.example.pem", "trouble": ""}
SOUND: dict[str, Any] = {
    "ollama_stack_gate": True,
    "ollama_stack_peers": [PEER],
    "ollama_stack_peers_address": "10.0.0.1",
}


def one(**of_peer: Any) -> dict[str, Any]:
    return {"ollama_stack_peers": [{**PEER, **of_peer}]}


@pytest.mark.parametrize(
    ("given", "variable", "says"),
    [
        ({"ollama_stack_gate": False}, "ollama_stack_peers", "set ollama_stack_gate to true"),
        ({"ollama_stack_peers_address": ""}, "ollama_stack_peers_address", "at which its peers reach it"),
        ({"ollama_stack_peers_address": "0.0.0.0"}, "ollama_stack_peers_address", "at which its peers reach it"),
        ({"ollama_stack_peers_address": "archive-1"}, "ollama_stack_peers_address", "at which its peers reach it"),
        ({"ollama_stack_peers_port": 0}, "ollama_stack_peers_port", "from 1 to 65535"),
        (one(known=False), "ollama_stack_peers", "the inventory has no such host or group"),
        (one(address=""), "ollama_stack_peers", "its ollama_stack_peers_address is '': set its IP address"),
        (one(name="a b"), "ollama_stack_peers", "it becomes the name of a certificate"),
        (one(name="x" * 65), "ollama_stack_peers", "at most 64 characters"),
        (
            one(trouble="is missing"),
            "ollama_stack_peers",
            "its certificate certs/b.example.pem is missing: run `ansible-playbook archiv.ollama.peers -l b.example`,",
        ),
        (
            one(trouble="expired on 2026-01-01"),
            "ollama_stack_peers",
            "expired on 2026-01-01: run `ansible-playbook archiv.ollama.peers -l b.example -e rotate=begin`",
        ),
        (
            {**one(trouble="is not a certificate"), "ollama_stack_peers_ca_file": "ca.pem"},
            "ollama_stack_peers_ca_file",
            "is not a certificate: give the certificates of your authority",
        ),
        # What a question may wait at a peer is taken from what it may wait at home.
        ({"ollama_stack_gate_answer_seconds": 55}, "ollama_stack_gate_answer_seconds", "use at most 54"),
        ({"ollama_stack_backend_timeout": 6}, "ollama_stack_gate_answer_seconds", "backend_timeout to 7 or more"),
    ],
)
def test_peer_that_could_not_be_asked_is_refused(given: dict[str, Any], variable: str, says: str) -> None:
    [refusal] = refusals(**{**SOUND, **given})
    assert refusal.startswith(variable)
    assert says in refusal


def test_all_of_them_are_told_at_once() -> None:
    peers = [{**PEER, "name": f"{name}.example", "trouble": "is missing"} for name in "bcd"]
    told = refusals(**{**SOUND, "ollama_stack_peers": peers, "ollama_stack_peers_address": ""})
    assert len(told) == 4


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1"])
def test_sound_peers_are_not_refused(address: str) -> None:
    assert refusals(**{**SOUND, "ollama_stack_peers_address": address}) == []
    assert refusals(**{**SOUND, "ollama_stack_gate_answer_seconds": 54}) == []


@pytest.mark.parametrize("by", ["", "ca.pem"])
def test_host_without_a_certificate_is_refused_with_the_way_to_one(by: str) -> None:
    given = {**SOUND, "ollama_stack_peers_ca_file": by}
    [refusal] = refusals(replace(HOST, certified=False), **given)
    assert "this host has no certificate of its own, /opt/archiv/.archiv/gate/own.pem" in refusal
    assert ("your authority" if by else "`ansible-playbook archiv.ollama.peers`") in refusal
    assert refusals(replace(HOST, certified=True), **given) == []


def test_certificate_is_looked_for_where_there_are_peers(tmp_path: Path) -> None:
    given = {"ollama_stack_dir": str(tmp_path), "ollama_stack_peers": [PEER]}
    assert is_certified(given) is False
    assert is_certified({**given, "ollama_stack_peers": []}) is None
    (tmp_path / ".archiv/gate").mkdir(parents=True)
    (tmp_path / ".archiv/gate/own.pem").write_text("x")
    assert is_certified(given) is True


def test_host_without_a_backend_needs_no_image_of_one() -> None:
    assert refusals(ollama_stack_backend=False, ollama_stack_backend_image="") == []
    assert refusals(ollama_stack_backend=True, ollama_stack_backend_image="") != []
