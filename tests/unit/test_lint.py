"""What the lint gate says of shell files, and that the workflow runs what the matrix runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.matrix.controllers import PAIRS
from tests.sanity import shell

WORKFLOW = shell.ROOT / ".github/workflows/fast.yml"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        pytest.param("a.sh", "echo", True, id="by-its-name"),
        pytest.param("lab-cut", "#!/bin/sh\necho", True, id="by-its-first-line"),
        pytest.param("run", "#!/usr/bin/env bash\necho", True, id="bash"),
        pytest.param("tool.py", "#!/usr/bin/env python3\n", False, id="python"),
        pytest.param("a.sh.j2", "#!/bin/sh\n{% if %}", False, id="template"),
        pytest.param("notes", "sh", False, id="text"),
    ],
)
def test_shell_files_are_found(tmp_path: Path, name: str, text: str, found: bool) -> None:
    (tmp_path / name).write_text(text)
    assert list(shell.shell_files(tmp_path, [name])) == ([name] if found else [])


def test_shell_of_this_repository_is_among_them() -> None:
    names = list(shell.shell_files(shell.ROOT, shell.files()))
    assert {"tests/venv.sh", ".ci/run", "molecule/shared/lab-cut"} <= set(names)


def test_shellcheck_finds_what_breaks(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("for file in *; do rm $file; done\n")
    (tmp_path / "b.sh").write_text('#!/bin/sh\necho "$HOME"\n')
    said = shell.complaints(tmp_path, ["a.sh", "b.sh"])
    assert "SC2086" in said
    assert "b.sh" not in said


def test_workflow_runs_the_pairs_of_the_matrix() -> None:
    job = yaml.safe_load(WORKFLOW.read_text())["jobs"]["gates"]
    rows = [(row["core"], row["python"], row.get("over", "")) for row in job["strategy"]["matrix"]["include"]]
    assert rows == [(pair.core, pair.python, pair.over) for pair in PAIRS]


def test_actions_are_pinned_to_a_commit() -> None:
    used = re.findall(r"uses: (\S+)", WORKFLOW.read_text())
    assert used
    assert [action for action in used if not re.fullmatch(r"\S+@[0-9a-f]{40}", action)] == []
