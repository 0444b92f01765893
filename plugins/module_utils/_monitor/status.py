# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `status`: how everything on this host is, as JSON or as a table. Private."""

from __future__ import annotations

import argparse
import json
import sys
import time
import typing as t

from . import paths
from .collect import Ended, read_ended
from .judged import Judged, judge_host
from .oom import moment
from .samples import read_samples
from .state import read_document
from .table import write_table
from .troubles import is_clean

FORMAT = 1
_SHOWN_LINES = 10
_WATCH_SECONDS = 5.0
# Home, and everything after it is gone.
_CLEAR = "\x1b[H\x1b[J"


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack status`; the exit code."""
    while True:
        judged = judge_host()
        document = to_document(judged)
        text = json.dumps(document, indent=None if arguments.watch else 1) if arguments.json else write_table(document)
        print(f"{_CLEAR}{text}" if arguments.watch and sys.stdout.isatty() and not arguments.json else text, flush=True)
        if not arguments.watch:
            return judged.code
        time.sleep(_WATCH_SECONDS)


def to_document(judged: Judged) -> dict[str, t.Any]:
    """The whole as plain data; what is unknown is null."""
    facts, seen, scrub = judged.facts, judged.seen, judged.facts.scrub
    samples = read_document(paths.SAMPLES)
    server = facts.memory.get("ollama")
    return {
        "format": FORMAT,
        "time": round(facts.now, 3),
        "host": judged.host,
        "project": facts.wanted.project if facts.wanted else None,
        "versions": {
            "collection": facts.wanted.version if facts.wanted else None,
            "ollama": facts.server_version or None,
            "engine": facts.engine_version or None,
            "compose": judged.compose_version or None,
        },
        "lease": _lease(judged),
        "clean": seen is not None and is_clean(judged.troubles),
        "reasons": [vars(one) for one in judged.troubles],
        "services": _services(judged),
        "models": [
            {
                "name": one.name,
                "digest": one.digest,
                "wanted_digest": one.wish.digest,
                "cached": one.cached,
                "intact": one.intact,
                "unproven": list(one.unproven),
                "resident": one.resident,
                "pinned": one.pinned,
                "warm": one.wish.warm,
                "gpu_ratio": one.gpu_ratio,
                "answer_seconds": one.answer_seconds,
                "answer_time": one.answer_time,
            }
            for one in judged.models
        ],
        "gate": _gate(judged),
        "store": _store(judged),
        "scrub": {
            **_ended(scrub.ended),
            "running": scrub.running,
            "done_bytes": scrub.done_bytes,
            "total_bytes": scrub.total_bytes,
        },
        "deploy": _ended(read_ended(facts.records.get("deploy"))),
        "verify": _ended(read_ended(facts.records.get("verify"))),
        "history": list(judged.lines[:_SHOWN_LINES]),
        "samples": {"memory": read_samples(samples), "limit": server.limit if server else (samples or {}).get("limit")},
    }


def _lease(judged: Judged) -> dict[str, t.Any] | None:
    lease = judged.facts.switch.lease
    if lease is None:
        return None
    return {"user": lease.user, "controller": lease.controller, "doing": lease.doing, "since": lease.since}


def _services(judged: Judged) -> list[dict[str, t.Any]]:
    facts, counts = judged.facts, judged.state.counts
    found = []
    for service in sorted({*facts.containers, *counts}):
        item, count, memory = facts.containers.get(service), counts.get(service), facts.memory.get(service)
        begun = moment(item.started) / 1e9 if item else 0
        found.append(
            {
                "service": service,
                "name": item.name if item else None,
                # Without an answer of the Engine nobody knows whether it is gone.
                "state": item.state if item else "missing" if facts.look else None,
                "health": (item.health or None) if item else None,
                "started": begun if begun > 0 else None,
                "restarts": count.restarts if count else None,
                "oom_kills": count.oom_kills if count else None,
                "oom_gaps": count.gaps if count else None,
                "memory": {
                    "unreclaimable": memory.unreclaimable if memory else None,
                    "working_set": memory.working_set if memory else None,
                    "peak": memory.peak if memory else None,
                    "limit": memory.limit if memory else None,
                },
            }
        )
    return found


def _gate(judged: Judged) -> dict[str, t.Any]:
    wanted, counts = judged.facts.wanted, judged.facts.gate
    return {
        "wanted": bool(wanted.gate) if wanted else None,
        "waiting": counts.waiting if counts else None,
        "at_work": counts.at_work if counts else None,
        "questions": counts.questions if counts else None,
        "refused": sum(counts.refused.values()) if counts else None,
    }


def _store(judged: Judged) -> dict[str, t.Any]:
    store = judged.facts.store
    return {
        "path": store.path if store else None,
        "unreferenced_bytes": store.unreferenced if store else None,
        "free_bytes": store.disk.free if store and store.disk else None,
        "size_bytes": store.disk.size if store and store.disk else None,
        "blobs_damaged": len(store.damaged) if store else None,
        "blobs_missing": len(store.missing) if store else None,
    }


def _ended(one: Ended | None) -> dict[str, t.Any]:
    return {"time": one.time if one else None, "ok": one.ok if one else None}
