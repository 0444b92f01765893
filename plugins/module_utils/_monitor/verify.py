# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `verify`: looks at everything, asks for a token, and writes down the result. Private."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import typing as t
from dataclasses import replace

from .._model.units import sized
from .._model.wishes import read_wishes
from .._stack.types import Query, Seen
from .._store.inspect import ModelState, look_at_all
from .._store.lock import LockError, hold_lock
from .._store.paths import Store, StoreError
from .._store.receipts import Receipts, ReceiptsUnsafe
from .judged import DIFFERS, OK, UNKNOWN, Judged, judge_host
from .records import record, who_runs_this
from .status import to_document
from .table import write_reasons

_LOCK_SECONDS = 30.0
_WIDTH = 30
# What is about another time, or still to come, is no difference.
_OTHERS = ("deploy_failed", "memory", "metrics_stale", "oom_kills", "scrub_overdue", "verify_failed", "verify_overdue")


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack verify`; the exit code."""
    judged = judge_host(tokens=True, finish=hash_all if arguments.full else None)
    if judged.code == UNKNOWN:
        print(write_reasons(to_document(judged)["reasons"]), file=sys.stderr)
        return UNKNOWN
    wrong = [one for one in judged.troubles if one.action != "prove" and one.kind not in _OTHERS]
    answers = read_answers(judged)
    what = f"{len(wrong)} differences" if wrong else "all as wanted"
    record("verify", ok=not wrong, who=who_runs_this(), what=what, answers=answers)
    notes = [one for one in judged.troubles if one not in wrong]
    print(f"{judged.host}: {what}")
    for name, seconds in answers.items():
        print(f"{name} answered after {seconds:.1f} s")
    shown = write_reasons([vars(one) for one in (*wrong, *notes)])
    if shown:
        print(f"\n{shown}")
    return DIFFERS if wrong else OK


def read_answers(judged: Judged) -> dict[str, float]:
    """How long each model took that answered."""
    models = judged.seen.healthy.get("models", ()) if judged.seen else ()
    return {one["name"]: float(one["seconds"]) for one in models if one["answered"]}


def hash_all(query: Query, seen: Seen) -> Seen:
    """The same with every byte of the wanted models hashed, and receipts for what is whole."""
    if not seen.models_dir:
        return seen
    store = Store(seen.models_dir)
    pairs = [(wish.name, wish.digest) for wish in read_wishes(query.models)]
    blobs = {blob.digest: blob.size for state in seen.models if state.manifest for blob in state.manifest.blobs}
    for digest in blobs:
        # A receipt says that the bytes are on the disk; what is missing is found out below.
        with contextlib.suppress(OSError):
            store.disk.sync(store.blob_path(digest))
    with _progress(sum(blobs.values())):
        states = look_at_all(store, pairs)
    _keep_receipts(store, query.receipts_dir, states)
    return replace(seen, models=tuple(states))


def _keep_receipts(store: Store, folder: str, states: t.Sequence[ModelState]) -> None:
    proven = {digest: key for state in states for digest, key in state.proven.items()}
    bad = {problem.blob for state in states for problem in state.problems if problem.kind == "content"}
    try:
        with hold_lock(store.disk, store.lock_path, _LOCK_SECONDS, "ollama-stack verify"):
            receipts = Receipts(store.models_dir, folder)
            receipts.forget(bad)
            receipts.write(proven)
    except (LockError, ReceiptsUnsafe, StoreError) as error:
        print(f"cannot write receipts, so the next deploy hashes all models again: {error}", file=sys.stderr)


@contextlib.contextmanager
def _progress(total: int) -> t.Iterator[None]:
    """A bar on a terminal, by what the kernel says this process has read."""
    if not sys.stderr.isatty() or not total:
        yield
        return
    done, begun = threading.Event(), _bytes_read()

    def draw() -> None:
        while not done.wait(0.2):
            part = min(_bytes_read() - begun, total)
            bar = f"[{'#' * (_WIDTH * part // total):{_WIDTH}}] {part / total:4.0%}  {sized(part)} of {sized(total)}"
            print(f"\r{bar}\x1b[K", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=draw, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _bytes_read() -> int:
    with open("/proc/self/io", encoding="ascii") as file:
        return int(file.readline().split()[1])
