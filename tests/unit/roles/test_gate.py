"""What the role writes for the gate: no token, another mark for whatever changes, and nothing where it is off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.support.evaluate import ROOT, evaluate, rendered

TOKEN, OTHER = "a" * 40, "B-._~+/" + "c" * 32 + "="
NEEDED = {"ollama_stack_backend_image": "archiv/backend:1.0.0"}
ON = {"ollama_stack_gate": True, "ollama_stack_gate_tokens": "require", "ollama_stack_gate_clients": {"archive": TOKEN}}


def evaluated(folder: Path, hosts: dict[str, dict[str, Any]], variable: str) -> dict[str, Any]:
    (folder / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    told = evaluate(folder, {name: {**NEEDED, **given} for name, given in hosts.items()}, variable)
    return {name: answer[variable] for name, answer in told.items()}


def test_gate_takes_the_place_of_ollama_on_the_network_of_the_archive(tmp_path: Path) -> None:
    files = rendered(tmp_path, {"on": ON, "off": {}})
    off, on = yaml.safe_load(files["off"]), yaml.safe_load(files["on"])
    assert "gate" not in off["services"]
    assert "inference" not in off["networks"]
    assert on["services"]["gate"]["networks"] == {"archiv-net": {"aliases": ["ollama"]}, "inference": {}}
    assert on["services"]["ollama"]["networks"] == {"inference": {"aliases": ["ollama-server"]}}
    assert on["services"]["ollama-warm"]["networks"] == ["inference"]
    assert on["services"]["ollama-warm"]["environment"]["OLLAMA_HOST"] == "http://ollama-server:11434"
    assert on["networks"]["inference"] == {"internal": True}
    # Nobody waits for the gate, and it waits for nobody.
    assert [name for name, one in on["services"].items() if "gate" in one.get("depends_on", ())] == []
    assert "depends_on" not in on["services"]["gate"]
    # What the backend is does not change.
    assert on["services"]["backend"] == off["services"]["backend"]


def test_no_token_is_in_what_the_gate_reads(tmp_path: Path) -> None:
    files = evaluated(tmp_path, {"on": ON}, "__ollama_stack_gate_files")["on"]
    assert [Path(file["path"]).name for file in files] == ["deadline.lua", "counts.txt", "haproxy.cfg"]
    assert all(file["mode"] == "0400" and int(file["owner"]) == 99 for file in files)
    assert TOKEN not in str(files)


def test_mark_differs_with_each_thing_that_the_gate_reads(tmp_path: Path) -> None:
    ways: dict[str, dict[str, Any]] = {
        "as it is": {},
        "another token": {"ollama_stack_gate_clients": {"archive": OTHER}},
        "another name": {"ollama_stack_gate_clients": {"reader": TOKEN}},
        "one more": {"ollama_stack_gate_clients": {"archive": TOKEN, "reader": OTHER}},
        "reported": {"ollama_stack_gate_tokens": "report"},
        "faster": {"ollama_stack_gate_answer_seconds": 10},
        "parallel": {"ollama_stack_num_parallel": 2},
        "patient": {"ollama_stack_backend_timeout": 90},
    }
    hosts = {f"host-{number}": {**ON, **given} for number, given in enumerate(ways.values())}
    marks = evaluated(tmp_path, {**hosts, "off": {}}, "__ollama_stack_gate_mark")
    assert marks.pop("off") == ""
    assert len(set(marks.values())) == len(ways)
    assert all(len(mark) == 64 for mark in marks.values())


@pytest.mark.parametrize("spelled", [False, "off"])
def test_tokens_that_are_off_are_off_however_yaml_reads_it(tmp_path: Path, spelled: object) -> None:
    hosts = {"host": {"ollama_stack_gate": True, "ollama_stack_gate_tokens": spelled}}
    assert evaluated(tmp_path, hosts, "__ollama_stack_gate_mode") == {"host": "off"}


def test_token_that_is_short_or_no_header_can_hold_is_told_by_its_name(tmp_path: Path) -> None:
    tokens = {
        "fit": OTHER,
        "just": "x" * 32,
        "short": "x" * 31,
        "spaced": "x " * 20,
        "number": int("1" * 40),
        "empty": "",
    }
    hosts = {"host": {**ON, "ollama_stack_gate_clients": tokens}}
    fit = evaluated(tmp_path, hosts, "__ollama_stack_gate_fit")["host"]
    assert fit == {"fit": True, "just": True, "short": False, "spaced": False, "number": True, "empty": False}


def test_question_waits_as_long_as_an_answer_still_fits_after_it(tmp_path: Path) -> None:
    hosts = {"host": {**ON, "ollama_stack_backend_timeout": 60, "ollama_stack_gate_answer_seconds": 18}}
    content = evaluated(tmp_path, hosts, "__ollama_stack_gate_content")["host"]
    assert "    timeout queue 40s\n" in content
    assert "    timeout server 58s\n" in content


def test_sums_of_no_tokens_are_a_file_too(tmp_path: Path) -> None:
    # A copy refuses empty content, and the deploy failed.
    sums = evaluated(tmp_path, {"open": {"ollama_stack_gate": True}}, "__ollama_stack_gate_sums")["open"]
    assert sums.startswith("#")
    assert len(sums.splitlines()) == 1
