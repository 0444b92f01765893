# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types shared by the parts of an installation. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .._model.manifest import Layer
from .._model.wishes import Wish
from .._registry.client import RegistryClient
from .._registry.errors import FailureKind
from .._store.inspect import Verify
from .._store.paths import Store
from .._store.receipts import Receipts
from .progress import Progress

Fact = dict[str, t.Any]


InstallKind = t.Union[FailureKind, t.Literal["damaged", "load", "pull", "store"]]


class InstallError(Exception):
    """A model could not be installed; str() is a sentence for the operator."""

    def __init__(self, kind: InstallKind, message: str, lacking: t.Sequence[Layer] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.lacking = tuple(lacking)


@dataclass(frozen=True)
class Limits:
    """Number of connections, and when to give up."""

    connections: int
    stall_timeout: float


@dataclass
class Workshop:
    """The objects that an installation needs."""

    store: Store
    receipts: Receipts
    client: RegistryClient
    limits: Limits
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True)
class Job:
    """The requested state; check is check mode."""

    wishes: tuple[Wish, ...]
    verify: Verify = "receipt"
    repair: bool = True
    prune: bool = False
    check: bool = False


@dataclass
class Outcome:
    """What was done, or in check mode would be."""

    changed: bool = False
    models: list[Fact] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    download_bytes: int = 0
    # A running server still uses what it read before.
    stale: bool = False
    pruned: list[str] = field(default_factory=list)
