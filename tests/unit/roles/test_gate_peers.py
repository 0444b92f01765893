"""What the role writes for peers: whom a gate asks and trusts, in which order, and nothing where there are none."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.gates import loaded
from tests.unit.plugins.filter.test_read_certificates import made
from tests.unit.support.evaluate import ROOT, evaluate

NAMES = ("a.example", "b.example", "c_1")
MODELS = [
    {"name": "tiny:1b", "digest": f"sha256:{'ab' * 32}"},
    {"name": "other", "warm": True},
    {"name": "cold:1", "warm": False},
]
WANTED = [loaded(), loaded("other:latest", "cd" * 32)]
WHAT = {
    "peers": "{{ __ollama_stack_peers | map(attribute='name') }}",
    "inputs": "{{ __ollama_stack_inputs }}",
    "cfg": "{{ __ollama_stack_gate_content }}",
    "compose": "{{ __ollama_stack_content }}",
    "files": "{{ __ollama_stack_gate_files }}",
    "mark": "{{ __ollama_stack_gate_mark }}",
    "replace": "{{ lookup('ansible.builtin.template', 'gate/replace.sh.j2') }}",
    "certify": "{{ __ollama_stack_gate_certify }}",
    "firewall": "{{ lookup('ansible.builtin.template', 'gate/firewall.txt.j2') }}",
}


def on(number: int, **given: Any) -> dict[str, Any]:
    return {
        "ollama_stack_gate": True,
        "ollama_stack_backend_image": "archiv/backend:1",
        "ollama_stack_peers": "all",
        "ollama_stack_peers_address": f"10.0.0.{number}",
        "ollama_stack_models": MODELS,
        "__ollama_stack_rotate": "no",
        "what": json.dumps(WHAT),
        **given,
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What Ansible makes of them for each host, in one run."""
    folder = tmp_path_factory.mktemp("peers")
    certificates = folder / "certificates"
    certificates.mkdir()
    for name in (*NAMES, "new"):
        (certificates / f"{name}.pem").write_text(made(100000)[0])
    (folder / "ca.pem").write_text(made(100000)[0])
    (folder / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    hosts = {name: on(number, ollama_stack_num_parallel=number) for number, name in enumerate(NAMES, 1)}
    hosts["c_1"] |= {"ollama_stack_peers_address": "fd00::3", "ollama_stack_peers_port": 12000}
    hosts["new"] = on(9, ollama_stack_peers=["a.example"])
    hosts["authority"] = on(5, ollama_stack_peers=["a.example"], ollama_stack_peers_ca_file=str(folder / "ca.pem"))
    hosts["other"] = on(6, ollama_stack_peers=["nobody", "off"])
    hosts["off"] = on(7, ollama_stack_gate=False, ollama_stack_peers=[], ollama_stack_backend=False)
    hosts["alone"] = on(8, ollama_stack_peers=["alone"])
    for given in hosts.values():
        given["ollama_stack_peers_dir"] = str(certificates)
        given["told"] = dict(WHAT)
        del given["what"]
    hosts["new"]["ollama_stack_peers"] = ["a.example"]
    answers = evaluate(folder, hosts, "told")
    yield {name: answer["told"] for name, answer in answers.items()}


def test_order_begins_behind_the_host_itself(told: dict[str, Any]) -> None:
    everybody = sorted(told)
    place = everybody.index("b.example")
    assert told["b.example"]["peers"] == everybody[place + 1 :] + everybody[:place]
    # A host is not its own peer, by whatever name it is listed.
    assert told["alone"]["peers"] == []


def test_peer_is_described_by_its_own_inventory_and_the_defaults_of_the_role(told: dict[str, Any]) -> None:
    cfg = told["a.example"]["cfg"]
    lines = {line.split()[1]: line for line in cfg.splitlines() if line.startswith("    server peer-")}
    assert "server peer-b.example 10.0.0.2:11435 maxconn 2 check" in lines["peer-b.example"]
    assert "server peer-c_1 [fd00::3]:12000 maxconn 3 check" in lines["peer-c_1"]
    # Not this host's own two.
    assert " maxconn 1 " in lines["peer-new"]
    for name, line in lines.items():
        assert f"ca-file /usr/local/etc/haproxy/{name}.pem verifyhost {name.removeprefix('peer-')}" in line
        assert "verify required" in line


def test_own_server_comes_first(told: dict[str, Any]) -> None:
    questions = told["new"]["cfg"].split("\nbackend questions\n")[1].split("\nbackend ")[0]
    assert [line.split()[1] for line in questions.splitlines() if line.startswith("    server ")] == [
        "own",
        "peer-a.example",
    ]
    assert "    balance first\n" in questions


def test_waits_add_up_inside_the_deadline(told: dict[str, Any]) -> None:
    # 60 s, less 20 for the answer, 2 to spare, and 2 that it may wait at a peer.
    assert "timeout queue 36s" in told["new"]["cfg"]
    assert "timeout queue 38s" in told["alone"]["cfg"]


def patterns(cfg: str) -> list[str]:
    questions = cfg.split("\nbackend questions\n")[1].split("\nbackend ")[0]
    return re.findall(r"http-check expect rstring '([^']*)'", questions)


def is_warm(cfg: str, *models: dict[str, Any]) -> bool:
    body = json.dumps({"models": models}, separators=(",", ":"))
    return all(re.search(pattern, body) for pattern in patterns(cfg))


def test_look_at_a_server_wants_each_warm_model_by_itself(told: dict[str, Any]) -> None:
    cfg = told["new"]["cfg"]
    soon = "2026-11-20T13:19:32.6Z"
    first, second = WANTED
    assert len(patterns(cfg)) == 2
    assert is_warm(cfg, first, second)
    assert is_warm(cfg, second, first)
    assert not is_warm(cfg, first)
    assert not is_warm(cfg)
    assert not is_warm(cfg, {**first, "expires_at": soon}, second)
    assert not is_warm(cfg, first, {**second, "expires_at": soon})
    assert not is_warm(cfg, {**first, "digest": "ef" * 32}, second)
    # No model has another's digest or pin.
    assert not is_warm(cfg, {**first, "digest": second["digest"]}, {**second, "digest": first["digest"]})
    # The second has no digest in the inventory.
    assert is_warm(cfg, first, {**second, "digest": "ef" * 32})
    assert not is_warm(cfg, {**first, "name": "tiny:1bx"}, second)
    assert not is_warm(cfg, {**first, "name": "tinyx1b"}, second)


def test_gate_has_the_port_and_a_way_out_only_with_peers(told: dict[str, Any]) -> None:
    gate = yaml.safe_load(told["a.example"]["compose"])["services"]["gate"]
    assert gate["ports"] == ["10.0.0.1:11435:11435"]
    assert "edge" in gate["networks"]
    assert yaml.safe_load(told["c_1"]["compose"])["services"]["gate"]["ports"] == ["[fd00::3]:12000:11435"]
    alone = yaml.safe_load(told["alone"]["compose"])["services"]["gate"]
    assert "ports" not in alone
    assert "edge" not in alone["networks"]


def test_nothing_of_peers_where_there_are_none(told: dict[str, Any]) -> None:
    assert "peer" not in told["alone"]["cfg"]
    assert "check" not in told["alone"]["cfg"]
    assert [Path(file["path"]).name for file in told["alone"]["files"]] == ["deadline.lua", "counts.txt", "haproxy.cfg"]


def test_trusted_is_who_is_listed(told: dict[str, Any]) -> None:
    files = {Path(file["path"]).name: file for file in told["new"]["files"]}
    assert files["peers.pem"]["content"] == files["peer-a.example.pem"]["content"]
    assert files["peers.pem"]["content"].count("BEGIN CERTIFICATE") == 1
    assert {file["mode"] for file in files.values()} == {"0400"}
    everybody = {Path(file["path"]).name: file for file in told["a.example"]["files"]}["peers.pem"]["content"]
    # Of off, other and authority there is none.
    assert everybody.count("BEGIN CERTIFICATE") == 3


def test_authority_is_trusted_for_the_names_of_peers_alone(told: dict[str, Any]) -> None:
    cfg = told["authority"]["cfg"]
    assert "ca-file /usr/local/etc/haproxy/peers.pem verifyhost a.example" in cfg
    assert "unless { var(txn.peer) -m str a.example }" in cfg
    assert "peers.pem" in [Path(file["path"]).name for file in told["authority"]["files"]]


def test_what_is_wrong_about_peers_is_known_before_any_host_is_asked(told: dict[str, Any]) -> None:
    peers = {peer["name"]: peer for peer in told["other"]["inputs"]["ollama_stack_peers"]}
    assert (peers["nobody"]["known"], peers["nobody"]["trouble"]) == (False, "is missing")
    assert (peers["off"]["known"], peers["off"]["trouble"]) == (True, "is missing")


def test_host_without_a_backend_has_none(told: dict[str, Any]) -> None:
    services = yaml.safe_load(told["off"]["compose"])["services"]
    assert sorted(services) == ["ollama", "ollama-model-init", "ollama-warm"]


def test_mark_covers_the_certificates(told: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.example", "new"):
        (tmp_path / f"{name}.pem").write_text(made(100000)[0])
    (tmp_path / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    hosts = {
        "a.example": on(1, ollama_stack_peers=[]),
        "new": on(9, ollama_stack_peers=["a.example"], ollama_stack_peers_dir=str(tmp_path), told=dict(WHAT)),
    }
    marks = evaluate(tmp_path, hosts, "told")["new"]["told"]
    assert marks["cfg"].replace(marks["mark"], "") == told["new"]["cfg"].replace(told["new"]["mark"], "")
    assert marks["mark"] != told["new"]["mark"]


def test_what_is_not_wanted_goes_and_the_own_key_stays(told: dict[str, Any], tmp_path: Path) -> None:
    gate, new = tmp_path / "gate", tmp_path / "gate-new"
    gate.mkdir()
    new.mkdir()
    for name in ("own.pem", "next.pem", "peer-gone.pem", "haproxy.cfg"):
        (gate / name).write_text("old")
    for name in ("haproxy.cfg", "own.pem"):
        (new / name).write_text("new" if name == "haproxy.cfg" else "old")
    script = told["new"]["replace"].replace("/opt/archiv/.archiv/gate", str(gate))
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["haproxy.cfg", "peer-gone.pem"]
    assert sorted(path.name for path in gate.iterdir()) == ["haproxy.cfg", "next.pem", "own.pem"]


def certify(told: dict[str, Any], folder: Path, step: str) -> list[str]:
    script = told["new"]["certify"].replace("/opt/archiv/.archiv/gate", str(folder / ".archiv/gate"))
    script = script.replace("step=no", f"step={step}")
    done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
    assert "PRIVATE" not in done.stdout
    return [
        done.stdout.splitlines()[0],
        *re.findall(r"-----BEGIN[^-]*-----[^-]*-----END CERTIFICATE-----", done.stdout),
    ]


def test_certificate_is_made_once_and_replaced_in_two_steps(told: dict[str, Any], tmp_path: Path) -> None:
    changed, old = certify(told, tmp_path, "no")
    assert changed == "changed"
    assert certify(told, tmp_path, "no") == ["same", old]
    changed, first, following = certify(told, tmp_path, "begin")
    assert (changed, first) == ("changed", old)
    assert certify(told, tmp_path, "begin") == ["same", old, following]
    assert certify(told, tmp_path, "end") == ["changed", following]
    assert certify(told, tmp_path, "end") == ["same", following]
    assert [path.name for path in tmp_path.glob(".archiv/gate*")] == ["gate"]
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-ext", "basicConstraints,subjectAltName"],
        input=following,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "CN = new" in shown
    assert "DNS:new" in shown
    # Whoever is trusted to speak for itself cannot vouch for another.
    assert "CA:FALSE" in shown


def test_rule_for_the_firewall_lets_the_peers_in_before_it_drops(told: dict[str, Any]) -> None:
    rules = [line for line in told["new"]["firewall"].splitlines() if "DOCKER-USER" in line]
    assert rules == [
        "iptables -I DOCKER-USER -p tcp -m conntrack --ctorigdst 10.0.0.9 --ctorigdstport 11435 -j DROP",
        "iptables -I DOCKER-USER -p tcp -m conntrack --ctorigdst 10.0.0.9 --ctorigdstport 11435 -s 10.0.0.1 -j RETURN",
    ]
    assert "This host has no peers yet" in told["alone"]["firewall"]
