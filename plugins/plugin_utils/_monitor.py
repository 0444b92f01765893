# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of this collection runs on a host without Ansible, read on the controller. Private."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import typing as t
import zlib
from pathlib import Path

from ansible_collections.archiv.ollama.plugins.module_utils._model.tree import sum_tree

COLLECTION = Path(__file__).resolve().parents[2]
UTILS = COLLECTION / "plugins/module_utils"
ROOM = "_monitor"
# What the files of that room and all that they import become on a host.
PACKAGE = "archiv_ollama"
_RELATIVE = re.compile(r"^[ \t]*from (\.+)([\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)

File = t.Mapping[str, str]


@functools.cache
def read_package() -> dict[str, str]:
    """The package's files by their path below its folder's parent: what `_monitor` imports, and what that imports."""
    texts: dict[str, str] = {}
    left = {f"{ROOM}/{path.stem}" for path in (UTILS / ROOM).glob("*.py")}
    while left:
        file = left.pop()
        texts[file] = (UTILS / f"{file}.py").read_text(encoding="utf-8")
        left |= find_imports(file, texts[file]) - texts.keys()
    start = f'"""What watches this host, from the Ansible collection archiv.ollama."""\n\nVERSION = "{version()}"\n'
    return {f"{PACKAGE}/__init__.py": start, **{f"{PACKAGE}/{file}.py": text for file, text in sorted(texts.items())}}


def find_imports(file: str, text: str) -> set[str]:
    """The files of module_utils that a file there imports; by pattern, as parsing them takes ten times as long."""
    package = file.split("/")[:-1]
    found = set()
    for dots, module, names in _RELATIVE.findall(text):
        base = [*package[: len(package) - len(dots) + 1], *filter(None, module.split("."))]
        candidates = ["/".join(base)] + ["/".join([*base, name]) for name in re.findall(r"\w+", names)]
        found |= {one for one in candidates if (UTILS / f"{one}.py").is_file()}
    return found


def version() -> str:
    """The collection's: of its archive, or of the checkout."""
    manifest = COLLECTION / "MANIFEST.json"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    [found] = re.findall(r"^version: (\S+)$", (COLLECTION / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def find_enabled(files: t.Sequence[File]) -> dict[str, File]:
    """The links by which systemd starts units at boot, each with its unit."""
    links = {}
    for file in files:
        for target in re.findall(r"^WantedBy=(.*)$", file["content"], re.MULTILINE):
            folder, _, name = file["path"].rpartition("/")
            links.update({f"{folder}/{one}.wants/{name}": file for one in target.split()})
    return links


def list_installed(files: t.Sequence[File], folder: str = "") -> list[dict[str, str]]:
    """The path and SHA-256 of all that is installed; without a folder only of the files."""
    package = {path: _sum(text) for path, text in read_package().items()} if folder else {}
    links = find_enabled(files)
    return [
        *({"path": path, "sha256": sum_tree(package)} for path in [folder] if path),
        *({"path": file["path"], "sha256": _sum(file["content"])} for file in files),
        *({"path": link, "sha256": _sum(file["content"])} for link, file in links.items()),
    ]


def pack(files: t.Sequence[File], folder: str = "") -> str:
    """All that is installed, for one transfer; the same text for the same content."""
    told = {
        "folder": folder,
        "package": read_package() if folder else {},
        "files": [{key: str(file[key]) for key in ("path", "content", "mode")} for file in files],
    }
    return base64.b64encode(zlib.compress(json.dumps(told).encode(), 9)).decode()


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
