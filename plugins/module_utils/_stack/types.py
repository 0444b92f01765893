# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stack is judged by: the files, what was seen of the host, and reasons. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._engine.client import DEFAULT_HOST, Container, HostNetwork
from .._engine.compose import ComposeFile
from .._registry.access import Access
from .._registry.logins import Login
from .._serve.health import HealthKind
from .._store.inspect import ModelState

# A compose file that begins so was written by the role.
HEADER = "# Managed by archiv.ollama"
# Services whose container may be restarted to mend it: they hold no data. Any other is only reported.
STATELESS = ("backend", "ollama", "ollama-model-init", "ollama-warm")
BACKEND = "backend"
KEEPER = "ollama-warm"
SERVER = "ollama"
Action = t.Literal[
    "ask",
    "check",
    "connect",
    "create",
    "install",
    "prove",
    "rebuild",
    "recreate",
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
        "engine_missing",
        "file_differs",
        "file_foreign",
        "file_missing",
        "file_mode",
        "file_owner",
        "file_unwanted",
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
        "network_detached",
        "network_gone",
        "network_internal",
        "network_missing",
        "one_shot_failed",
        "secret_rotated",
        "volume_missing",
    ],
]
# What mends a reason, in words that are true of a run that only looks as well. With `wait` nothing is touched, with
# `prove` nothing is wrong.
ACTIONS: dict[Action, str] = {
    "write": "a deploy writes it",
    "remove": "a deploy removes it",
    "create": "a deploy creates it",
    "recreate": "a deploy recreates its container",
    "restart": "a deploy restarts its container",
    "start": "a deploy starts it",
    "rebuild": "a deploy makes the network anew and connects its containers again",
    "connect": "a deploy connects it",
    "install": "a deploy installs it",
    "check": "a deploy hashes it, and installs it again where that shows damage",
    "prove": "a deploy reads and compares them, as does verify.yml with -e verify=full",
    "wait": "it may still come up by itself",
    "ask": "it needs to be mended by hand",
}


@dataclass(frozen=True)
class Reason:
    """One thing that is not as wanted, why that is so, and what mends it."""

    kind: ReasonKind
    subject: str
    why: str
    action: Action

    def __str__(self) -> str:
        return f"{self.subject}: {self.why}; {ACTIONS[self.action]}"


@dataclass(frozen=True)
class File:
    """A file of the stack as it should be and as it is; a sha256 of "" means that it is missing, or should be."""

    path: str
    wanted_sha256: str
    wanted_mode: str
    sha256: str = ""
    mode: str = ""
    ours: bool = True
    # The uids; None where anybody may own it.
    wanted_owner: int | None = None
    owner: int | None = None


@dataclass(frozen=True)
class Seen:
    """Everything one look at a host brought home."""

    files: tuple[File, ...] = ()
    # Where the first of them, the compose file, really lies.
    compose_file: str = ""
    # Why there is no answer from the Engine or from Compose; "" where there is one.
    engine_missing: str = ""
    compose_refused: str = ""
    compose_version: str = ""
    wanted: ComposeFile = field(default_factory=ComposeFile)
    containers: tuple[Container, ...] = ()
    # By name; an image or network that is not there is absent. An image is all that a container of it may run.
    images: t.Mapping[str, frozenset[str]] = field(default_factory=dict)
    networks: t.Mapping[str, HostNetwork] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    # Where the models lie on the host, or "" where nobody knows (yet).
    models_dir: str = ""
    store_problem: str = ""
    # What was planted in it and is left alone.
    strange: tuple[str, ...] = ()
    # Why the wanted models cannot be meant; the preflight says it in the inputs' own names.
    models_problem: str = ""
    models: tuple[ModelState, ...] = ()
    # Bytes of blobs that no model uses, and bytes free where they lie; None where nobody could say.
    unreferenced: int | None = None
    free: int | None = None
    # What judge_health said; {} when nobody could ask.
    healthy: t.Mapping[str, t.Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """What one look is to be about."""

    project: str
    directory: str
    files: t.Sequence[t.Mapping[str, str]]
    models: t.Sequence[t.Mapping[str, t.Any]]
    models_dir: str
    receipts_dir: str
    answer_within: float
    context_length: int
    docker_host: str = DEFAULT_HOST
    # The sha256 of each secret by its name, and the uid that is to own their files.
    secrets: t.Mapping[str, str] = field(default_factory=dict)
    secrets_owner: int = 0
    # How registries are asked for what is not in the store; None not to.
    registry: Access | None = None
    # The sha256 of the file with the logins for images, "" where there is to be none, and the logins themselves.
    logins_file: str = ""
    logins: tuple[Login, ...] = ()
    # Whether each loaded model is asked for a token.
    tokens: bool = True
