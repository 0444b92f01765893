# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of the judgement: files, observations of the host, and reasons. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._engine.client import DEFAULT_HOST, Container, HostImage, HostNetwork
from .._engine.compose import ComposeFile
from .._registry.access import Access
from .._registry.logins import Login
from .._serve.gate import Loaded
from .._serve.health import HealthKind
from .._store.inspect import ModelState

# A compose file that starts with this was written by the role.
HEADER = "# Managed by archiv.ollama"
# Services whose containers may be restarted: they have no data. Others are only reported.
STATELESS = ("backend", "gate", "ollama", "ollama-model-init", "ollama-warm")
BACKEND = "backend"
GATE = "gate"
KEEPER = "ollama-warm"
SERVER = "ollama"
VOLUME = "ollama-models"
Action = t.Literal[
    "ask",
    "check",
    "connect",
    "create",
    "forbid",
    "hold",
    "install",
    "monitor",
    "prove",
    "rebuild",
    "record",
    "recreate",
    "reload",
    "remove",
    "restart",
    "start",
    "wait",
    "write",
]
ReasonKind = t.Union[
    HealthKind,
    t.Literal[
        "compose_refused",
        "compose_upgraded",
        "config_changed",
        "container_missing",
        "container_paused",
        "container_restarting",
        "container_starting",
        "container_stopped",
        "container_unhealthy",
        "container_leftover",
        "container_unwanted",
        "engine_missing",
        "file_differs",
        "file_foreign",
        "file_missing",
        "file_mode",
        "file_owner",
        "file_unwanted",
        "gate_outdated",
        "gate_silent",
        "image_other",
        "image_retagged",
        "image_too_old",
        "input",
        "limit_changed",
        "model_changed",
        "model_damaged",
        "model_missing",
        "model_other",
        "model_unproven",
        "models_unknown",
        "monitor_differs",
        "monitor_missing",
        "monitor_unwanted",
        "network_detached",
        "network_gone",
        "network_internal",
        "network_missing",
        "one_shot_failed",
        "release_loose",
        "release_missing",
        "release_open",
        "secret_rotated",
        "swap_allowed",
        "volume_missing",
    ],
]
# Reasons about what watches the host: they change no container.
MONITOR: tuple[ReasonKind, ...] = ("monitor_differs", "monitor_missing", "monitor_unwanted")
# The same of what a switch can return to.
RELEASES: tuple[ReasonKind, ...] = ("release_loose", "release_missing", "release_open")
# What is done about a reason, in words that also fit a run that only looks. With `wait` nothing is changed, with
# `prove` nothing is wrong.
ACTIONS: dict[Action, str] = {
    "write": "deploy will write it",
    "remove": "deploy will remove it",
    "create": "deploy will create it",
    "recreate": "deploy will recreate the container",
    "reload": "deploy will reload it, which interrupts no request",
    "restart": "deploy will restart the container",
    "start": "deploy will start it",
    "rebuild": "deploy will recreate the network and reconnect its containers",
    "connect": "deploy will connect it",
    "forbid": "deploy will disable swap again, without a restart",
    "install": "deploy will install it",
    "monitor": "deploy will install it",
    "record": "deploy will record it",
    "hold": "deploy will hold it",
    "check": "deploy will hash it, and reinstall it if it is damaged",
    "prove": "deploy will hash it, as does verify.yml with -e verify=full",
    "wait": "may recover on its own",
    "ask": "needs manual action",
}


@dataclass(frozen=True)
class Reason:
    """One difference from the inventory, why, and what is done about it."""

    kind: ReasonKind
    subject: str
    why: str
    action: Action

    def __str__(self) -> str:
        return f"{self.subject}: {self.why} ({ACTIONS[self.action]})"


@dataclass(frozen=True)
class File:
    """A file of the stack as it should be and as it is; a sha256 of "" means that it is missing, or should be."""

    path: str
    wanted_sha256: str
    wanted_mode: str
    sha256: str = ""
    mode: str = ""
    ours: bool = True
    # The uids; None if any owner is fine.
    wanted_owner: int | None = None
    owner: int | None = None


@dataclass(frozen=True)
class Installed:
    """A file or folder beside the stack; a wanted sha256 of "" means that it should be missing."""

    path: str
    wanted_sha256: str
    sha256: str = ""
    present: bool = False
    # Who else than root can change it, in words.
    shared: str = ""


@dataclass(frozen=True)
class Kept:
    """The releases of a host: the last good one, one of which nobody said how it ended, and one that failed and stayed.

    All are numbers, 0 for none; loose are images that could be pruned, with the number of their release; lasted is by
    service for how many seconds it did not serve when it was last made anew.
    """

    good: int = 0
    begun: int = 0
    failed: int = 0
    loose: tuple[tuple[int, str], ...] = ()
    lasted: t.Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """Everything that one look at a host found."""

    files: tuple[File, ...] = ()
    installed: tuple[Installed, ...] = ()
    # The real path of the first of them, the compose file.
    compose_file: str = ""
    # Why there is no answer from the Engine or from Compose; "" where there is one.
    engine_missing: str = ""
    compose_refused: str = ""
    compose_version: str = ""
    wanted: ComposeFile = field(default_factory=ComposeFile)
    containers: tuple[Container, ...] = ()
    # By name; missing images and networks are absent.
    images: t.Mapping[str, HostImage] = field(default_factory=dict)
    # The digests of which an image must have one, by its name.
    locks: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    networks: t.Mapping[str, HostNetwork] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    # The mark of the files that the gate should have loaded, "" without a gate, and what it says; None if not asked.
    gate_wanted: str = ""
    gate: Loaded | None = None
    ignored: t.Sequence[str] = ()
    # None if nobody asked for them.
    kept: Kept | None = None
    # Where the models are on the host, or "" if unknown.
    models_dir: str = ""
    store_problem: str = ""
    # Unexpected files in it, which are left alone.
    strange: tuple[str, ...] = ()
    # What is wrong with the wanted models; the preflight reports it with the names of the inputs.
    models_problem: str = ""
    models: tuple[ModelState, ...] = ()
    # Bytes of blobs that no model uses, and free bytes on their file system; None if unknown.
    unreferenced: int | None = None
    free: int | None = None
    # The result of judge_health; {} if the server could not be asked.
    healthy: t.Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """The options of one look."""

    project: str
    directory: str
    files: t.Sequence[t.Mapping[str, str]]
    models: t.Sequence[t.Mapping[str, t.Any]]
    models_dir: str
    receipts_dir: str
    answer_within: float
    context_length: int
    docker_host: str = DEFAULT_HOST
    # The sha256 of each secret by its name, and the uid that must own their files.
    secrets: t.Mapping[str, str] = field(default_factory=dict)
    secrets_owner: int = 0
    # The options for asking registries about missing models; None to ask none.
    registry: Access | None = None
    # The SHA-256 of the file with the logins for images, "" if there must be none, and the logins themselves.
    logins_file: str = ""
    logins: tuple[Login, ...] = ()
    # The path and SHA-256 of what watches the host; "" for what must not be there.
    installed: t.Sequence[t.Mapping[str, str]] = ()
    # The mark of the gate's files, "" without a gate.
    gate: str = ""
    # The digests of which an image must have one, by its name.
    locks: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    # Whether the releases are looked at.
    releases: bool = False
    # Services that are not judged.
    ignored: t.Sequence[str] = ()
    # Whether each loaded model is asked for a token.
    tokens: bool = True
