# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the last deploy wanted, as it wrote it down for this host. Private."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import typing as t
from dataclasses import dataclass

from .._engine.client import find_remote
from .._model.wishes import InputInvalid, Wish, read_wishes
from .._store.disk import Disk, printable, user_name
from . import paths

if t.TYPE_CHECKING:
    from .._stack.types import Query

FORMAT = 1
_LIMIT = 1024 * 1024
# Larger than any file that a deploy writes.
_FILE_LIMIT = 8 * 1024 * 1024
_DEPLOY = "run playbooks/deploy.yml for this host"
_SECRETS = ".archiv/secrets"
_LOGINS = ".archiv/docker-config/config.json"
GPUS = ("", "nvidia", "amd")
# Each key with its type.
_KEYS: dict[str, t.Any] = {
    "version": str,
    "project": str,
    "dir": str,
    "docker_host": str,
    "files": list,
    "secrets": list,
    "owner": int,
    "models": list,
    "models_dir": str,
    "receipts_dir": str,
    "answer_within": (int, float),
    "context_length": int,
    "gpu": str,
    "metrics_interval": (int, float),
}


class NotWanted(Exception):
    """There is nothing to judge the host by; str() is a sentence for the operator."""


@dataclass(frozen=True)
class Wanted:
    """The content of wanted.json, checked."""

    version: str
    project: str
    directory: str
    docker_host: str
    # The compose file first.
    files: tuple[dict[str, t.Any], ...]
    secrets: tuple[str, ...]
    owner: int
    models: tuple[dict[str, t.Any], ...]
    wishes: tuple[Wish, ...]
    models_dir: str
    receipts_dir: str
    answer_within: float
    context_length: int
    gpu: str
    # The mark of the files that the gate must have loaded; "" without a gate.
    gate: str
    # The digests of which an image must have one, by its name.
    locks: dict[str, list[str]]
    metrics_interval: float

    @property
    def compose_file(self) -> str:
        """Where the compose file is."""
        return os.path.join(self.directory, self.files[0]["path"])


def read_wanted(path: str | None = None) -> Wanted:
    """What is wanted; NotWanted says why that is unknown."""
    path = paths.WANTED if path is None else path
    try:
        disk = Disk(os.path.dirname(path))
        status = disk.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise NotWanted(f"{path} is {disk.kind_of(path, status)}, not a file: remove it, then {_DEPLOY}")
        if status.st_uid not in (0, os.geteuid()):
            raise NotWanted(f"{path} belongs to {user_name(status.st_uid)}, not to root: remove it, then {_DEPLOY}")
        if status.st_mode & 0o022:
            raise NotWanted(f"{path} is writable by users other than root: remove it, then {_DEPLOY}")
        raw = disk.read(path, _LIMIT)
    except FileNotFoundError:
        raise NotWanted(f"there is no {path}, so nobody knows what is wanted on this host: {_DEPLOY}") from None
    except OSError as error:
        raise NotWanted(f"cannot read {path}: {error.strerror or error}; run this as root") from error
    try:
        return parse_wanted(json.loads(raw))
    except (ValueError, RecursionError) as error:
        # JSON's own message says nothing to an operator, ours does.
        why = str(error) if isinstance(error, InputInvalid) else "it is not JSON"
        raise NotWanted(f"cannot use {path}: {why}; {_DEPLOY}") from error


def parse_wanted(document: object) -> Wanted:
    """The document as Wanted; InputInvalid says what is wrong with it."""
    if not isinstance(document, dict):
        raise InputInvalid("it is not a JSON object")
    if document.get("format") != FORMAT:
        raise InputInvalid(f"its format is {document.get('format')!r}, this command reads {FORMAT}")
    for key, kind in _KEYS.items():
        if not isinstance(document.get(key), kind) or isinstance(document.get(key), bool):
            raise InputInvalid(f"{key} is missing or of the wrong type")
    files, secrets = document["files"], document["secrets"]
    if not files or not all(_is_file(one) for one in files):
        raise InputInvalid("files must list at least one {path, sha256, mode}")
    if not all(isinstance(name, str) and os.path.basename(name) == name for name in secrets):
        raise InputInvalid("secrets must list names")
    if document["gpu"] not in GPUS:
        raise InputInvalid(f"gpu is {document['gpu']!r}, not one of '', nvidia, amd")
    mistakes = find_remote(document["docker_host"])
    if mistakes:
        raise InputInvalid(mistakes[0])
    return Wanted(
        version=document["version"],
        project=document["project"],
        directory=document["dir"],
        docker_host=document["docker_host"],
        files=tuple(files),
        secrets=tuple(secrets),
        owner=document["owner"],
        models=tuple(document["models"]),
        wishes=tuple(read_wishes(document["models"])),
        models_dir=document["models_dir"],
        receipts_dir=document["receipts_dir"],
        answer_within=document["answer_within"],
        context_length=document["context_length"],
        gpu=document["gpu"],
        gate=str(document.get("gate", "")),
        locks=dict(document.get("locks", {})),
        metrics_interval=document["metrics_interval"],
    )


def why_stale(wanted: Wanted) -> str:
    """A sentence if the compose file is not the one that was written with wanted.json; "" if it is."""
    path = wanted.compose_file
    found = sha256_of(path)
    if found == wanted.files[0]["sha256"]:
        return ""
    what = "was changed after the last deploy" if found else "is missing or cannot be read"
    return f"{printable(path)} {what}, so {paths.WANTED} may not say what is wanted: {_DEPLOY}"


def to_query(wanted: Wanted) -> Query:
    """The same as options of a look.

    Of secrets and logins only their names are kept, so their content is taken as it is; that they exist, their modes
    and owners, and whether containers have the current ones, is still judged.
    """
    # Imported here, because metrics do not need it.
    from .._stack.types import Query

    folder = os.path.join(wanted.directory, _SECRETS)
    return Query(
        project=wanted.project,
        directory=wanted.directory,
        files=wanted.files,
        models=wanted.models,
        models_dir=wanted.models_dir,
        receipts_dir=wanted.receipts_dir,
        answer_within=wanted.answer_within,
        context_length=wanted.context_length,
        docker_host=wanted.docker_host,
        gate=wanted.gate,
        locks=wanted.locks,
        # Not a digest, so a missing file is reported as missing.
        secrets={name: sha256_of(os.path.join(folder, name)) or "unknown" for name in wanted.secrets},
        secrets_owner=wanted.owner,
        logins_file=sha256_of(os.path.join(wanted.directory, _LOGINS)),
        tokens=False,
    )


def sha256_of(path: str) -> str:
    """The SHA-256 of a file; "" where there is none, or a very large one."""
    try:
        # NONBLOCK: a pipe in its place must not hang.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            raw = file.read(_FILE_LIMIT + 1)
    except OSError:
        return ""
    return hashlib.sha256(raw).hexdigest() if len(raw) <= _FILE_LIMIT else ""


def _is_file(one: object) -> bool:
    return isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("path", "sha256", "mode"))
