# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stack's own files on the host, including secrets and logins, and the secrets of its containers. Private."""

from __future__ import annotations

import errno
import hashlib
import os
import typing as t
from dataclasses import replace

from .._store.disk import read_kernel
from .types import HEADER, File, Query

# Where Compose mounts secrets.
MOUNTED = "/run/secrets/"
# The limit for the list of a container's mounts in bytes.
MOUNTS_LIMIT = 1024 * 1024
# Below the stack's folder.
SECRETS = ".archiv/secrets"
LOGINS = ".archiv/docker-config/config.json"
# The stack's own compose file and that of its variant for development.
COMPOSE_FILES = ("docker-compose.prod.yml", "docker-compose.yml")
PROCESSES = "/proc"
# Larger than any file that a deploy writes; the owner of the folder may have put anything in its place.
_LIMIT = 8 * 1024 * 1024


def look_at_file(path: str, content: str, mode: str) -> File:
    """The file at path compared with what it should be."""
    seen, raw = _read(File(path, hashlib.sha256(content.encode()).hexdigest(), mode))
    # Only files with our header can be told from those written by hand.
    foreign = content.startswith(HEADER) and not raw.startswith(HEADER.encode())
    return replace(seen, ours=not (seen.sha256 and foreign))


def look_at_wanted(directory: str, wanted: t.Mapping[str, t.Any]) -> File:
    """A file beside its wanted content, or beside its digest where that is all that is known."""
    path = os.path.join(directory, wanted["path"])
    if wanted.get("content") is not None:
        seen = look_at_file(path, wanted["content"], wanted["mode"])
    else:
        seen = _read(File(path, wanted["sha256"], wanted["mode"]))[0]
    return replace(seen, wanted_owner=wanted.get("owner"))


def read_text(path: str) -> str:
    """The file's text; OSError says why there is none."""
    with open(path, "rb", opener=_open_at_once) as file:
        raw = file.read(_LIMIT + 1)
    if len(raw) > _LIMIT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return raw.decode(errors="replace")


def find_other_variant(directory: str, own: str) -> str:
    """The compose file of the other variant, where a deploy wrote it; a person's own has no wrapper beside it."""
    if directory and own in COMPOSE_FILES:
        for name in COMPOSE_FILES:
            file = look_at_file(os.path.join(directory, name), HEADER, "")
            if name != own and file.sha256 and file.ours:
                return file.path
    return ""


def look_at_secret(query: Query, name: str) -> File:
    """The file of one secret; only the digest of its wanted content is known."""
    path = os.path.join(query.directory, SECRETS, name)
    return _read(File(path, query.secrets[name], "0400", wanted_owner=query.secrets_owner))[0]


def look_at_logins(query: Query) -> tuple[File, ...]:
    """The file with the logins for images, where it should be there or is."""
    path = os.path.join(query.directory, LOGINS)
    wanted = File(path, query.logins_file, "0600")
    return (_read(wanted)[0],) if query.logins_file or os.path.lexists(path) else ()


def find_outdated(pid: int, secrets: t.Sequence[File]) -> tuple[str, ...]:
    """The secrets that a running container has mounted with an old value.

    It has the file from when it was started, even after that was replaced; it sees the new content of a file that was
    only written to. The kernel's list of mounts shows which file it is; the container's own tree is not trusted.
    """
    try:
        table = read_kernel(f"{PROCESSES}/{pid}/mountinfo", MOUNTS_LIMIT) if pid and secrets else ""
    except OSError:
        return ()
    # ID PARENT DEVICE ROOT MOUNT-POINT; with several at one mount point, the last is on top.
    mounts = [words[3:5] for words in map(str.split, table.splitlines()) if len(words) > 4]
    sources = {place.rpartition(MOUNTED)[2]: root for root, place in mounts if MOUNTED in place}
    names = {os.path.basename(file.path): file for file in secrets}
    return tuple(
        name
        for name, file in names.items()
        if name in sources and (file.sha256 != file.wanted_sha256 or not _is_at(sources[name], file.path))
    )


def _is_at(root: str, path: str) -> bool:
    """Whether a mount's root, relative to its file system, is still the file at path: neither removed nor moved."""
    return path.endswith(root) or root.endswith(f"/{SECRETS}/{os.path.basename(path)}")


def find_uid(pid: int) -> int | None:
    """The uid of a running process; None where it is gone."""
    try:
        return os.stat(f"{PROCESSES}/{pid}").st_uid if pid else None
    except OSError:
        return None


def _read(file: File) -> tuple[File, bytes]:
    try:
        with open(file.path, "rb", opener=_open_at_once) as opened:
            # What is cut differs from what is wanted.
            raw = opened.read(_LIMIT + 1)
            status = os.fstat(opened.fileno())
    except OSError:
        return file, b""
    mode = f"{status.st_mode & 0o7777:04o}"
    return replace(file, sha256=hashlib.sha256(raw).hexdigest(), mode=mode, owner=status.st_uid), raw


def _open_at_once(path: str, flags: int) -> int:
    # NONBLOCK: a FIFO in a file's place, or in a container, must not hang the module.
    return os.open(path, flags | os.O_NONBLOCK)
