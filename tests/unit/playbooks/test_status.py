"""status.yml: it asks every host, fails over none, and writes what they say into one file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.page import fleet

ROOT = Path(__file__).resolve().parents[3]
COMMAND = "/usr/local/bin/ollama-stack"
NASTY = "<script>{{ 1 + 1 }}</script>"
# Each host puts its own time in.
NOW = {"time": "@now@"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The playbook, with a command for each host that has one, and an inventory of hosts in all states."""
    home = tmp_path_factory.mktemp("status")
    [play] = yaml.safe_load((ROOT / "playbooks/status.yml").read_text())
    [ask] = [task for block in play["tasks"] for task in block.get("block", []) if "ansible.builtin.command" in task]
    assert ask["ansible.builtin.command"]["argv"][0] == COMMAND
    ask["ansible.builtin.command"]["argv"][0] = "{{ playbook_dir }}/bin/{{ inventory_hostname }}"
    (home / "status.yml").write_text(yaml.safe_dump([play]))
    (home / "bin").mkdir()
    wrong = fleet.damaged("damaged") | NOW | {"project": NASTY}
    for name, (code, said) in {
        "healthy": (0, json.dumps(fleet.host("healthy") | NOW).replace('"@now@"', "@now@")),
        "damaged": (1, json.dumps(wrong).replace('"@now@"', "@now@")),
        "broken": (3, "no json"),
    }.items():
        (home / f"{name}.json").write_text(said)
        script = home / "bin" / name
        tell = f"sed s/@now@/$(date +%s)/ {home}/{name}.json"
        script.write_text(f'#!/bin/sh\n[ "$*" = "status --json" ] || exit 9\n{tell}\nexit {code}\n')
        script.chmod(0o755)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts: dict[str, Any] = {name: local for name in ("healthy", "damaged", "broken", "without")}
    # In the first place, which is the one that draws the page.
    hosts = {"gone": {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_connection": "ssh"}} | hosts
    # Ansible itself fails here, before a task's own conditions are asked.
    hosts["undefined"] = local | {"ansible_become_user": "{{ nothing_of_this_name }}"}
    (home / "hosts.yml").write_text(yaml.safe_dump({"ollama_hosts": {"hosts": hosts}}))
    return home


def played(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.yml", "status.yml", *options],
        cwd=folder,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_page_of_hosts_in_all_states_is_written_and_nothing_fails(folder: Path) -> None:
    done = played(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed=1" not in done.stdout and "changed=1" not in done.stdout
    page = (folder / "ollama-status.html").read_text()
    assert "6 hosts, 5 need attention" in page
    for words in (
        "it cannot be reached: ",
        "it is not installed",
        "ansible-playbook archiv.ollama.deploy -l without",
        "weights: its bytes do not match its digest",
        "it gave no answer that can be read: no json",
        "nothing_of_this_name",
        "✓</span> as wanted",
    ):
        assert words in page, words
    assert "<script>" not in page
    assert "&lt;script&gt;{{ 1 + 1 }}&lt;/script&gt;" in page, "what a host says is no template"
    said = " ".join(done.stdout.replace("'", "").split())
    assert "msg: 6 hosts, 5 need attention: damaged, broken, gone, undefined, without" in said


def test_text_for_a_chat_is_shown_and_written_where_it_is_wanted(folder: Path) -> None:
    done = played(folder, "-e", "format=markdown", "-l", "healthy,damaged")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "**Ollama: 2 hosts, 1 needs attention**" in done.stdout
    assert not (folder / "status.md").exists()
    done = played(folder, "-e", "format=markdown", "-e", "status_file=status.md", "-l", "healthy,damaged")
    lines = (folder / "status.md").read_text().splitlines()
    assert lines[4].startswith("| damaged | ✗ needs attention | 0.34.2 |")
    assert [f"    {line}" for line in lines[2:6]] == [
        line.replace("        ", "    ", 1) for line in done.stdout.splitlines() if line.lstrip().startswith("|")
    ]


def test_page_is_written_where_it_is_wanted(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    played(folder, "-e", "status_file=elsewhere/page.html", "-l", "healthy")
    assert "1 host, as wanted" in (folder / "elsewhere/page.html").read_text()


def test_unknown_format_is_refused_before_a_host_is_asked(folder: Path) -> None:
    done = played(folder, "-e", "format=pdf", "-e", "status_file=page.pdf")
    assert done.returncode == 2
    assert 'format is "pdf", and must be html or markdown' in done.stdout.replace("''", '"')
    assert "Ask for the status" not in done.stdout
    assert not (folder / "page.pdf").exists()


def test_check_mode_asks_and_writes_nothing(folder: Path) -> None:
    done = played(folder, "--check", "-e", "status_file=checked.html", "-l", "damaged")
    assert "1 host, 1 needs attention: damaged" in done.stdout
    assert not (folder / "checked.html").exists()
