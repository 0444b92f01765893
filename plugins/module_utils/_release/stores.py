# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model stores of a host: that of the inventory, and those that older releases were made with. Private."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass

from .._engine.client import Engine
from .._engine.volume import NoStore, find_models_dir
from .._store.lock import hold_lock
from .._store.paths import Store
from .._store.receipts import Receipts
from .records import Release

VOLUME = "ollama-models"
_LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class Stores:
    """models_dir is that of the inventory, "" for the one in the project's volume."""

    project: str
    engine: Engine
    models_dir: str
    receipts_dir: str

    def of(self, release: Release | None = None) -> Store | None:
        """The store of a release, else that of the inventory; None where there is no such folder, or none yet."""
        models_dir = self.models_dir if release is None else str(release.note.get("models_dir", self.models_dir))
        try:
            store = Store(find_models_dir(self.engine, models_dir, self.project, VOLUME, ""))
        except NoStore:
            return None
        return store if store.disk.find(store.models_dir) is not None else None

    @contextlib.contextmanager
    def locked(self, release: Release | None = None) -> t.Iterator[tuple[Store, Receipts] | None]:
        """The same under its lock, with its receipts."""
        store = self.of(release)
        if store is None:
            yield None
            return
        receipts = Receipts(store.models_dir, self.receipts_dir)
        purpose = f"release {release.number}" if release is not None else "releases"
        with hold_lock(store.disk, store.lock_path, _LOCK_SECONDS, purpose):
            receipts.read()
            yield store, receipts
