"""The checks around the plugins see what they are there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sanity import archive, code_smell, oldest_python

FUTURE = "from __future__ import annotations\n"


@pytest.mark.parametrize(
    "name",
    [
        "tests/unit/test_one.py",
        "molecule/default/molecule.yml",
        ".ci/run",
        "Makefile",
        "pyproject.toml",
        "inventory/lab/hosts.yml",
        "roles/ollama_stack/.hidden",
        "plugins/modules/__pycache__/a.pyc",
    ],
)
def test_archive_refuses_what_does_not_run(name: str) -> None:
    assert archive.strays([name]) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "plugins",
        "plugins/modules/a.py",
        "meta/runtime.yml",
        "playbooks/deploy.yml",
        "inventory/example/a.yml",
    ],
)
def test_archive_accepts_what_runs(name: str) -> None:
    assert archive.strays([name]) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(FUTURE + "x: int | None = None\n", None, id="good"),
        pytest.param(FUTURE + "match 1:\n    case 1: pass\n", "3.10", id="newer-syntax"),
        pytest.param("x: int | None = None\n", "lacks", id="evaluated-types"),
    ],
)
def test_oldest_python_names_what_fails_there(tmp_path: Path, source: str, expected: str | None) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    complaint = oldest_python.complaint(file)
    assert complaint is None if expected is None else expected in str(complaint)


def test_code_smell_gives_each_check_its_own_files() -> None:
    files = ["meta/runtime.yml", "plugins/modules/a.py", "plugins/modules/a.txt"]
    assert code_smell.wanted(files, {"prefixes": ["plugins/"], "extensions": [".py"]}) == ["plugins/modules/a.py"]
    assert code_smell.wanted(files, {}) == files


@pytest.mark.parametrize(
    "source",
    [
        "open(path)",
        "with open(path, 'w') as file: pass",
        "os.open(path, os.O_RDONLY)",
        "os.replace(a, b)",
        "os.chmod(path, 0o644)",
        "os.unlink(path)",
        "os.path.isdir(path)",
        "os.listdir(path)",
        "import shutil",
        "from glob import glob",
        "from os import unlink",
        "import pathlib as p",
    ],
)
def test_store_code_that_works_by_path_is_found(source: str) -> None:
    assert len(list(code_smell.path_calls(source))) == 1


def test_store_code_works_through_the_disk_alone() -> None:
    harmless = "os.fsync(fd)\nos.path.join(a, b)\ndisk.open(path)\nself.source.open(1, 2)\nimport os"
    assert list(code_smell.path_calls(harmless)) == []
    for name in code_smell.STORE_CODE:
        assert list(code_smell.path_calls((code_smell.ROOT / name).read_text())) == [], name
