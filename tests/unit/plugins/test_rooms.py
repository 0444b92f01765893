"""The plugins' rooms: who imports whom, what runs without Ansible, and how large a part of the code may be."""

from __future__ import annotations

import ast
import io
import os
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
UTILS = PLUGINS / "module_utils"
# The top first. A file imports from its own room and from those on lower floors, never from a neighbour or from above.
FLOORS = (
    ("_entry", "_monitor"),
    ("_stack",),
    ("_serve", "_install", "_release"),
    ("_store", "_registry", "_engine"),
    ("_model",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(str(path.relative_to(UTILS).with_suffix("")) for path in UTILS.rglob("*.py"))
LONGEST = {"function": 50, "class": 120, "file": 350}
# Each with what is larger in it, and why it stays so.
LARGER: dict[str, tuple[str, str]] = {}
# What a module is documented with; ansible-doc wants it in the same file.
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")


def imports(file: str) -> Iterator[tuple[str, int]]:
    """What a file of module_utils imports: a file as in FILES, or a module's full name; and in which line."""
    package = file.split("/")[:-1]
    for node in ast.walk(ast.parse((UTILS / f"{file}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or "", node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = "/".join(package[: len(package) - node.level + 1] + (node.module or "").split("."))
            if base.rstrip("/") in FILES:
                yield base, node.lineno
            else:
                yield from ((f"{base.rstrip('/')}/{alias.name}", node.lineno) for alias in node.names)


def own_imports(file: str) -> list[str]:
    return [name for name, _line in imports(file) if name in FILES]


def test_every_room_has_its_floor() -> None:
    assert {file.split("/")[0] for file in FILES} == set(FLOOR)


@pytest.mark.parametrize("file", FILES)
def test_arrows_point_down_only(file: str) -> None:
    room = file.split("/")[0]
    for name, line in imports(file):
        assert "/" not in name or name in FILES, f"{file}.py:{line}: {name} is no file here"
        other = name.split("/")[0] if name in FILES else room
        assert other == room or FLOOR[other] > FLOOR[room], f"{file}.py:{line}: {room} must not import from {other}"


def test_no_circles() -> None:
    """A file that can be loaded only with another is one file in two parts."""
    left = {file: set(own_imports(file)) for file in FILES}
    while free := [file for file, needed in left.items() if not needed & left.keys()]:
        for file in free:
            del left[file]
    assert not left, f"these import each other: {sorted(left)}"


@pytest.mark.parametrize("file", FILES)
def test_nothing_of_ansible_is_imported(file: str) -> None:
    """All of it is to run on a host that has no Ansible."""
    found = [f"{name} (line {line})" for name, line in imports(file) if name.partition(".")[0].startswith("ansible")]
    assert not found


def test_rooms_load_as_a_package_below_any_folder(tmp_path: Path) -> None:
    """On a host they are a package of another name, and Ansible is not there to be found."""
    shutil.copytree(UTILS, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("__pycache__"))
    names = [f"elsewhere.{file.replace('/', '.')}" for file in FILES]
    script = f"""
import importlib, sys
sys.path.insert(0, {str(tmp_path)!r})
sys.modules["ansible"] = sys.modules["ansible_collections"] = None
for name in {names!r}:
    importlib.import_module(name)
print(len({names!r}))
"""
    found = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/", env=dict(os.environ)
    )
    assert (found.stderr, found.stdout.strip()) == ("", str(len(FILES)))


def code_lines(text: str) -> int:
    """Lines that are neither blank, comment nor documentation."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            documented.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in DOCUMENTATION:
            documented.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - documented)


def too_large(text: str) -> list[str]:
    """Each part of a source that is larger than LONGEST, in words."""
    found = [f"file of {code_lines(text)} lines"] if code_lines(text) > LONGEST["file"] else []
    for node in ast.walk(ast.parse(text)):
        what = "class" if isinstance(node, ast.ClassDef) else "function"
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            found += [f"{what} {node.name} of {lines} lines"] if lines > LONGEST[what] else []
    return found


@pytest.mark.parametrize("path", sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py")))
def test_no_part_is_too_large_to_read(path: str) -> None:
    found = [one for one in too_large((PLUGINS / path).read_text()) if one.split()[0] not in LARGER.get(path, ())[:1]]
    assert not found, f"{path}: {', '.join(found)}: split it, or say in LARGER why it stays"


def test_exceptions_are_still_needed() -> None:
    for path, (what, _why) in LARGER.items():
        assert [one for one in too_large((PLUGINS / path).read_text()) if one.split()[0] == what], f"take {path} out"


def test_sizes_are_counted_as_they_are_read() -> None:
    """Blank lines, comments and documentation are free in a file; a function counts whole."""
    body = "".join(f"    x = {number}\n" for number in range(LONGEST["function"] - 1))
    fits = f'"""Doc.\n\nMore."""\n\n# A comment.\ndef fits() -> None:\n{body}'
    assert code_lines(fits) == LONGEST["function"]
    assert too_large(fits) == []
    assert too_large(f"{fits}    y = 1\n") == [f"function fits of {LONGEST['function'] + 1} lines"]
    assert too_large("x = 1\n" * (LONGEST["file"] + 1)) == [f"file of {LONGEST['file'] + 1} lines"]
