"""Whatever changes a host holds its lease meanwhile, and ends it also where it failed."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease import Lease
from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease_file import LeaseFile, boot_seconds
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import boot_identity
from tests.unit.roles.test_prune import GONE, Store
from tests.unit.support.evaluate import ROOT

TASKS = ROOT / "roles/ollama_stack/tasks"
INCLUDE = "ansible.builtin.include_tasks"
CONFIRMED = ("-e", "prune_confirmed=archiv")


def steps(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((TASKS / f"{name}.yml").read_text())
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


class Other:
    """Another run's lease on the same host."""

    def __init__(self, store: Store, ahead: float) -> None:
        self.file = LeaseFile("archiv", str(store.host.folder / "run"))
        self.lease = Lease("b2", "ben", "admin-2", "deployed", 1795824184.0, 0, boot_identity())
        self.renew(ahead)
        self.over = threading.Event()

    def renew(self, ahead: float) -> None:
        with self.file.changing():
            self.file.write(replace(self.lease, until=boot_seconds() + ahead))

    def live(self) -> None:
        while not self.over.wait(1):
            self.renew(60)


@pytest.mark.parametrize("name", ["apply", "fetch", "prune", "remove"])
def test_lease_is_taken_before_what_changes_the_host_and_ended_whatever_comes(name: str) -> None:
    flat = [step for task in steps(name) for step in ([*task["block"], *task["always"]] if "block" in task else [task])]
    taken = [step.get(INCLUDE) for step in flat]
    assert taken.count("lease.yml") == taken.count("lease_end.yml") == 1
    [block] = [task for task in steps(name) if "always" in task]
    assert block["always"][-1][INCLUDE] == "lease_end.yml" == taken[-1]
    looks = ("debug", "fail", "meta", "stat", "import_tasks", "command")
    before = flat[: taken.index("lease.yml")]
    assert all(any(f"ansible.builtin.{word}" in task for word in looks) or task.get("check_mode") for task in before)
    assert all(task.get("changed_when") is False for task in before if "ansible.builtin.command" in task)


def test_what_is_refused_takes_none() -> None:
    [take] = [task for task in steps("apply") if task.get(INCLUDE) == "lease.yml"]
    assert take["when"] == ["not ansible_check_mode", "__ollama_stack_verdict.refusals | length == 0"]


def test_lease_is_ended_and_an_interrupted_ones_owner_named(store: Store) -> None:
    other = Other(store, ahead=-1)
    printed = " ".join(store.prune("-v", *CONFIRMED).split())
    assert "takes over the lease of ben from admin-2, by whom one was being deployed since" in printed
    assert not store.holds(GONE) and other.file.read() is None and "changed=1" in printed


def test_nothing_is_done_beside_somebody_elses_work(store: Store) -> None:
    other = Other(store, ahead=60)
    living = threading.Thread(target=other.live)
    living.start()
    try:
        printed = " ".join(store.prune(*CONFIRMED, code=2).split())
    finally:
        other.over.set()
        living.join()
    assert re.search(r"one is being deployed by ben from admin-2 since \S+ UTC; wait for it to end, then run", printed)
    found = other.file.read()
    assert store.holds(GONE) and found and found.id == "b2" and "changed=0" in printed


def test_plan_and_check_mode_take_none_and_wait_for_none(store: Store) -> None:
    other = Other(store, ahead=60)
    before = other.file.read()
    assert "takes over" not in store.prune() and "takes over" not in store.prune("--check", *CONFIRMED)
    assert other.file.read() == before


def test_lease_says_who_holds_it_and_from_where(store: Store) -> None:
    printed = re.sub("[\"',]", "", store.prune("-v", *CONFIRMED))
    assert re.search(r"\buser: mia\b", printed) and f"controller: {socket.gethostname()}" in printed
