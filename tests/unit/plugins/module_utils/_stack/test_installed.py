"""What watches a host is compared by its bytes, and what is wrong with it starts no container."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._entry.report import write_verdict
from ansible_collections.archiv.ollama.plugins.module_utils._model.tree import sum_tree
from ansible_collections.archiv.ollama.plugins.module_utils._stack.installed import look_at_installed
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import judge_stack
from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import Installed
from tests.unit.support.recorded_stack import clean

TEXT = "import sys\n"
SUM = hashlib.sha256(TEXT.encode()).hexdigest()


def kinds(path: Path, wanted: str) -> list[tuple[str, str]]:
    seen = replace(clean(), installed=look_at_installed([{"path": str(path), "sha256": wanted}]))
    return [(reason.kind, reason.action) for reason in judge_stack(seen)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    for name in ("a/x.py", "b.py", "a/__pycache__/x.cpython-311.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(TEXT)
    return folder


WANTED = sum_tree({"a/x.py": SUM, "b.py": SUM})


def test_sum_of_a_folder_is_that_of_its_sorted_lines() -> None:
    lines = f"{SUM}  a/x.py\n{SUM}  b.py\n"
    assert WANTED == hashlib.sha256(lines.encode()).hexdigest() == sum_tree({"b.py": SUM, "a/x.py": SUM})


def test_folder_as_it_should_be_is_clean_whatever_its_bytecode(tree: Path) -> None:
    assert kinds(tree, WANTED) == []
    (tree / "a/__pycache__/x.cpython-313.pyc").write_text("other")
    assert kinds(tree, WANTED) == []


@pytest.mark.parametrize("fault", ["changed", "more", "less", "renamed", "pipe", "link", "writable", "bytecode"])
def test_every_difference_of_a_folder_is_noticed(tree: Path, fault: str) -> None:
    match fault:
        case "changed":
            (tree / "b.py").write_text("import os \n")
        case "more":
            (tree / "c.py").write_text("")
        case "less":
            (tree / "b.py").unlink()
        case "renamed":
            (tree / "b.py").rename(tree / "c.py")
        case "pipe":
            (tree / "b.py").unlink()
            os.mkfifo(tree / "b.py")
        case "link":
            (tree / "b.py").rename(tree.parent / "b.py")
            (tree / "b.py").symlink_to(tree.parent / "b.py")
        case "writable":
            (tree / "a").chmod(0o777)
        case "bytecode":
            (tree / "a/__pycache__/x.cpython-311.pyc").chmod(0o666)
    assert kinds(tree, WANTED) == [("monitor_differs", "monitor")]


def test_missing_file_and_dangling_link_are_missing(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert kinds(tmp_path / "none", SUM) == kinds(tmp_path / "dangling", SUM) == [("monitor_missing", "monitor")]


def test_unit_that_is_enabled_is_compared_through_its_link(tmp_path: Path) -> None:
    (tmp_path / "a.timer").write_text(TEXT)
    (tmp_path / "link").symlink_to("a.timer")
    assert kinds(tmp_path / "link", SUM) == []


def test_file_of_another_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text(TEXT)
    found = os.stat(tmp_path / "file")
    other = os.stat_result([*found[:4], 4711, *found[5:]])
    monkeypatch.setattr(os, "stat", lambda path, **_: other)
    [one] = look_at_installed([{"path": str(tmp_path / "file"), "sha256": SUM}])
    assert one.sha256 == SUM and one.shared.endswith("belongs to uid 4711")


def test_what_must_not_be_there_is_removed_also_as_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert kinds(tmp_path / "dangling", "") == [("monitor_unwanted", "remove")]
    assert kinds(tmp_path / "none", "") == []


def test_difference_alone_starts_nothing_and_is_told(tmp_path: Path) -> None:
    wrong = (Installed("/usr/local/bin/ollama-stack", "1"), Installed("/old", "", present=True))
    seen = replace(clean(), installed=wrong)
    verdict = write_verdict("archiv", seen, judge_stack(seen), {}, [])
    assert (verdict["clean"], verdict["start"], verdict["monitor"]) == (False, False, True)
    assert verdict["report"][1:] == [
        "- /usr/local/bin/ollama-stack: is missing (deploy will install it)",
        "- /old: no longer needed (deploy will remove it)",
    ]


def test_host_without_a_difference_has_no_reason_to_install() -> None:
    assert write_verdict("archiv", clean(), [], {}, [])["monitor"] is False
