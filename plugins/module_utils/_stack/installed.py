# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is installed on the host beside the stack: files and folders, compared by their SHA-256. Private."""

from __future__ import annotations

import hashlib
import os
import stat
import typing as t
from dataclasses import replace

from .._model.tree import CACHE, sum_tree
from .types import Installed

_PIECE = 1024 * 1024


def look_at_installed(wanted: t.Sequence[t.Mapping[str, str]]) -> tuple[Installed, ...]:
    """Each path compared with what should be there; a sha256 of "" means that nothing should be."""
    return tuple(_look_at(Installed(one["path"], one["sha256"])) for one in wanted)


def _look_at(one: Installed) -> Installed:
    if not one.wanted_sha256:
        return replace(one, present=os.path.lexists(one.path))
    try:
        # Links are followed: systemd enables a unit by one.
        found = os.stat(one.path)
        sha256 = sum_folder(one.path) if stat.S_ISDIR(found.st_mode) else _sum_file(one.path, found)
    except FileNotFoundError:
        return one
    except OSError as error:
        return replace(one, present=True, shared=f"cannot be read: {error.strerror or error}")
    return replace(one, present=True, sha256=sha256, shared=why_shared(one.path))


def sum_folder(path: str) -> str:
    """The SHA-256 of the regular files below a folder, without bytecode."""
    sums = {}
    for folder, folders, names in os.walk(path, onerror=_refuse):
        folders[:] = [name for name in folders if name != CACHE]
        # Walking stops at links to folders, but an import would not.
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for file in (os.path.join(folder, name) for name in names + links):
            sums[os.path.relpath(file, path)] = _sum_file(file, os.lstat(file))
    return sum_tree(sums)


def why_shared(path: str) -> str:
    """A sentence if users other than root can change it or something below it; else ""."""
    found = os.stat(path)
    places = [(path, found)]
    if stat.S_ISDIR(found.st_mode):
        below = (os.path.join(inner, name) for inner, names, files in os.walk(path) for name in [*names, *files])
        places += [(place, os.lstat(place)) for place in below]
    for place, status in places:
        if status.st_uid not in (0, os.geteuid()):
            return f"{place} belongs to uid {status.st_uid}"
        if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
            return f"{place} is writable by users other than root"
    return ""


def _sum_file(path: str, found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        # A link, pipe or device is never what is wanted, and is not opened.
        return f"not a file: mode {found.st_mode:o}"
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _refuse(error: OSError) -> t.NoReturn:
    raise error
