# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scrub has to read, what it found, and what it wrote down of that. Private."""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, dataclass

from .._model.manifest import Layer
from .._model.names import ModelName
from .._store.disk import Disk, printable
from .._store.inspect import Problem, ProblemKind, look_at_all
from .._store.paths import Store
from .._store.receipts import SCRUB_SECONDS, FileKey
from . import paths
from .state import read_document, write_document

# What a look at sizes finds out already. Other kinds say nothing of the bytes.
_NO_BYTES: tuple[ProblemKind, ...] = ("empty", "invalid", "missing", "not_a_file", "size", "unreadable")
# Whoever can write to the store can damage thousands.
_MOST_FINDINGS = 1000


@dataclass(frozen=True)
class Target:
    """A blob to read, and a model that needs it."""

    blob: Layer
    model: str


@dataclass(frozen=True)
class Finding:
    """A blob that is damaged or missing; key is that of the file it was seen in, None where there was none."""

    digest: str
    missing: bool
    model: str
    path: str
    text: str
    key: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Stock:
    """The blobs of a store by digest, those that need no reading to be known as bad, and models without a list."""

    targets: t.Mapping[str, Target]
    findings: t.Mapping[str, Finding]
    # A sentence for each; of wanted models apart.
    unlisted: tuple[str, ...] = ()
    wanted_unlisted: tuple[str, ...] = ()


def take_stock(store: Store, wanted: t.Collection[ModelName]) -> Stock:
    """Each blob that a wanted model or any other manifest in the store names."""
    names = [*wanted, *(ModelName(*parts) for parts in store.manifest_files())]
    keys = {name.key for name in wanted}
    targets: dict[str, Target] = {}
    findings: dict[str, Finding] = {}
    unlisted: dict[str, bool] = {}
    for state in look_at_all(store, [(name, None) for name in dict.fromkeys(names)], "size"):
        model = printable(state.name.display)
        for problem in state.problems:
            if problem.kind in _NO_BYTES and problem.blob:
                findings[problem.blob] = to_finding(store.disk, problem, model)
            elif problem.kind in _NO_BYTES:
                unlisted[printable(f"{model}: {problem.text}; {problem.action}")] = state.name.key in keys
        for blob in state.manifest.blobs if state.manifest else ():
            targets.setdefault(blob.digest, Target(blob, model))
    return Stock(
        {digest: target for digest, target in targets.items() if digest not in findings},
        findings,
        tuple(text for text, is_wanted in unlisted.items() if not is_wanted),
        tuple(text for text, is_wanted in unlisted.items() if is_wanted),
    )


def to_finding(disk: Disk, problem: Problem, model: str) -> Finding:
    """A problem of a blob, with the key of the file that has it."""
    text = printable(f"{model}: {problem.text}; {problem.action}")
    return Finding(problem.blob, problem.kind == "missing", model, problem.path, text, _key_at(disk, problem.path))


def _key_at(disk: Disk, path: str) -> FileKey | None:
    try:
        found = disk.find(path)
    except OSError:
        return None
    return FileKey.of(found) if found is not None else None


class Record:
    """scrub.json as a scrub keeps it: the round that goes on, how the last one ended, what was found."""

    def __init__(self, store: str, clock: t.Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        document = read_document(paths.SCRUB) or {}
        mine = document if document.get("store") == store else {}
        self._last = _part(mine, "last")
        self.findings = {one.digest: one for one in _findings_of(mine)}
        going = _going_on(_part(mine, "round"), clock())
        self._began = going.get("began", clock())
        # Found whole since this round began.
        self.done: set[str] = {one for one in going.get("done", ()) if isinstance(one, str)}
        # Whether all of it was read past the page cache.
        self.direct = going.get("direct") is not False
        self.done_bytes = self.total_bytes = 0

    def expect(self, targets: t.Iterable[Target], todo: t.Iterable[Target]) -> None:
        """What this round reads, and what of it is left."""
        self.total_bytes = sum(target.blob.size for target in targets)
        self.done_bytes = self.total_bytes - sum(target.blob.size for target in todo)
        self.save()

    def save(self) -> None:
        """Write down how far this round is."""
        going = {
            "began": self._began,
            "done": sorted(self.done),
            "done_bytes": self.done_bytes,
            "total_bytes": self.total_bytes,
            "direct": self.direct,
        }
        self._write(going)

    def end(self, ok: bool, findings: t.Iterable[Finding]) -> None:
        """Write down that this round is over; what it did not find again is gone."""
        self.findings = {one.digest: one for one in findings}
        missing = sum(one.missing for one in self.findings.values())
        self._last = {
            "began": self._began,
            "ended": self._clock(),
            "ok": ok,
            "bytes": self.total_bytes,
            "direct": self.direct,
            "damaged": len(self.findings) - missing,
            "missing": missing,
        }
        self._write(None)

    def _write(self, going: dict[str, t.Any] | None) -> None:
        findings = [asdict(one) for one in self.findings.values()][:_MOST_FINDINGS]
        write_document(
            paths.SCRUB, {"store": self._store, "last": self._last or None, "round": going, "findings": findings}
        )


def _part(document: t.Mapping[str, t.Any], key: str) -> dict[str, t.Any]:
    part = document.get(key)
    return part if isinstance(part, dict) else {}


def _going_on(going: dict[str, t.Any], now: float) -> dict[str, t.Any]:
    began = going.get("began")
    # A round that takes longer says nothing of its first blobs any more.
    fresh = isinstance(began, (int, float)) and 0 <= now - began < SCRUB_SECONDS
    return going if fresh and isinstance(going.get("done"), list) else {}


def _findings_of(document: t.Mapping[str, t.Any]) -> t.Iterator[Finding]:
    found = document.get("findings")
    for one in found if isinstance(found, list) else ():
        try:
            finding = Finding(**{**one, "key": tuple(one["key"]) if one["key"] else None})
        except (TypeError, KeyError):
            continue
        if isinstance(finding.digest, str):
            yield finding
