# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ollama_monitor from its options to its result: what watches a host, installed or removed. Private."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import typing as t
import zlib
from dataclasses import dataclass

from .._model.tree import sum_tree
from .._stack.installed import look_at_installed, why_shared
from .._store.receipts import DEFAULT_DIR
from . import units
from .placing import PlacingError, make_folder, place_file, place_package, remove, usual_umask

# What the command wrote itself: history, receipts, counters. It is kept, and said to be.
KEPT = os.path.dirname(DEFAULT_DIR)


@dataclass(frozen=True)
class Parcel:
    """What is to be on the host: a folder with one package, and files with their modes."""

    folder: str
    package: t.Mapping[str, str]
    files: t.Sequence[t.Mapping[str, str]]

    @property
    def sha256(self) -> str:
        return sum_tree({name: _sum(text) for name, text in self.package.items()})

    @property
    def units(self) -> list[str]:
        """All units among the files."""
        return [os.path.basename(file["path"]) for file in self.files if units.is_unit(file["path"])]

    @property
    def wanted_units(self) -> list[str]:
        """The units that are started now and at boot; systemd starts the others."""
        return [os.path.basename(file["path"]) for file in self.files if "\nWantedBy=" in file["content"]]


@dataclass(frozen=True)
class Result:
    """What was changed, or would be."""

    paths: t.Sequence[str] = ()
    started: t.Sequence[str] = ()
    kept: t.Sequence[str] = ()
    diff: t.Sequence[t.Mapping[str, str]] = ()

    def as_dict(self) -> dict[str, t.Any]:
        told = {"paths": list(self.paths), "started": list(self.started), "kept": list(self.kept)}
        return {"changed": bool(self.paths or self.started), **told, "diff": list(self.diff)}


def read_parcel(text: str) -> Parcel:
    """What the controller packed."""
    try:
        told = json.loads(zlib.decompress(base64.b64decode(text)))
        return Parcel(told["folder"], told["package"], told["files"])
    except (ValueError, KeyError, TypeError, zlib.error):
        raise PlacingError("parcel is not what the filter archiv.ollama.pack_monitor makes") from None


def install(parcel: Parcel, folders: t.Sequence[t.Mapping[str, t.Any]], check: bool) -> Result:
    """Put everything in place that is not as wanted, then start it."""
    files = [file for file in parcel.files if not _is_as_wanted(file)]
    stale = bool(parcel.package) and _is_stale(parcel)
    missing = [folder for folder in folders if not _is_folder(folder["path"], int(folder["mode"], 8))]
    changed_units = [os.path.basename(file["path"]) for file in files if units.is_unit(file["path"])]
    # A run that was interrupted may have written some.
    unread = [name for name in units.find_unread(parcel.units) if name not in changed_units]
    idle = units.find_idle(parcel.wanted_units)
    result = Result(
        paths=[parcel.folder] * stale + [one["path"] for one in [*files, *missing]],
        started=[*idle, *(name for name in unread if name not in idle)],
        diff=[_diff_package(parcel)] * stale + [_diff_file(file) for file in files],
    )
    if check:
        return result
    with usual_umask():
        for folder in missing:
            make_folder(folder["path"], int(folder["mode"], 8))
        if stale:
            place_package(parcel.folder, parcel.package, parcel.sha256)
        for file in files:
            place_file(file["path"], file["content"], int(file["mode"], 8))
    units.start([*changed_units, *unread], parcel.wanted_units, idle)
    return result


def uninstall(paths: t.Sequence[str], check: bool) -> Result:
    """Stop the units, then remove what is there of these paths."""
    links = [link for path in paths if units.is_unit(path) for link in units.find_links(path)]
    there = [path for path in [*paths, *links] if os.path.lexists(path)]
    result = Result(
        paths=there,
        kept=[KEPT] if there and os.path.isdir(KEPT) else [],
        diff=[_diff(path, "present\n", "absent\n") for path in there],
    )
    if check or not there:
        return result
    # Of a link alone systemd knows no unit to stop.
    present = [os.path.basename(path) for path in there if units.is_unit(path) and path not in links]
    units.stop(present)
    for path in there:
        remove(path)
    units.forget(present)
    return result


def _is_stale(parcel: Parcel) -> bool:
    [found] = look_at_installed([{"path": parcel.folder, "sha256": parcel.sha256}])
    return found.sha256 != found.wanted_sha256 or bool(found.shared)


def _is_as_wanted(file: t.Mapping[str, str]) -> bool:
    path = file["path"]
    [found] = look_at_installed([{"path": path, "sha256": _sum(file["content"])}])
    if found.sha256 != found.wanted_sha256 or os.path.islink(path):
        return False
    return not why_shared(path) and stat.S_IMODE(os.stat(path).st_mode) == int(file["mode"], 8)


def _is_folder(path: str, mode: int) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    # One that others made and use as well keeps the mode they gave it.
    ours = not mode & 0o077
    return stat.S_ISDIR(found.st_mode) and (not ours or stat.S_IMODE(found.st_mode) == mode)


def _diff_file(file: t.Mapping[str, str]) -> dict[str, str]:
    return _diff(file["path"], _read(file["path"]), file["content"])


def _diff_package(parcel: Parcel) -> dict[str, str]:
    """A line for each file, and not their texts: nobody reads a whole release in a diff."""
    there = {}
    for folder, _, names in os.walk(parcel.folder):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith(".pyc"):
                there[os.path.relpath(path, parcel.folder)] = _sum(_read(path))
    wanted = {name: _sum(text) for name, text in parcel.package.items()}
    before, after = ("".join(f"{sums[name][:12]}  {name}\n" for name in sorted(sums)) for sums in (there, wanted))
    return _diff(parcel.folder, before, after)


def _diff(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
