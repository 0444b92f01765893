# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a host as text for a terminal. Pure and private."""

from __future__ import annotations

import typing as t

from .._model.units import sized
from .._store.disk import printable
from .troubles import DEPLOY, moment_text

Document = t.Mapping[str, t.Any]
_DEPLOY = DEPLOY.partition(" -l")[0]


def write_table(document: Document) -> str:
    """All of it; what is unknown is a dash."""
    parts = [
        _head(document),
        _columns(
            ("SERVICE", "STATE", "HEALTH", "STARTED", "RESTARTS", "OOM KILLS", "MEMORY"),
            [_service(one) for one in document["services"]],
        ),
        _columns(
            ("MODEL", "IN STORE", "BYTES", "LOADED", "PINNED", "ON GPU", "ANSWER"),
            [_model(one) for one in document["models"]],
        ),
        _times(document),
        write_reasons(document["reasons"]),
    ]
    return "\n\n".join(part for part in parts if part)


def write_reasons(reasons: t.Sequence[Document]) -> str:
    """What is wrong, why, and what mends it; a paragraph each."""
    return "\n\n".join(map(_reason, reasons))


def _reason(one: Document) -> str:
    where = "on the controller" if one["command"].startswith(_DEPLOY) else "on this host"
    return f"{printable(one['subject'])}: {printable(one['why'])}\n  {where}: {printable(one['command'])}"


def headline(document: Document) -> str:
    """One line: which stack, where, and whether it is as wanted."""
    wrong = [one for one in document["reasons"] if one["action"] != "prove"]
    count = f"{len(wrong)} {'thing is' if len(wrong) == 1 else 'things are'} not as wanted"
    return f"{document['project'] or 'the stack'} on {document['host']}: {count if wrong else 'as wanted'}"


def _head(document: Document) -> str:
    versions = document["versions"]
    told = (
        ("archiv.ollama", versions["collection"]),
        ("Ollama", versions["ollama"]),
        ("Docker Engine", versions["engine"]),
        ("Compose", versions["compose"]),
    )
    shown = f"{headline(document)}\n" + ", ".join(f"{name} {version or '-'}" for name, version in told)
    lease = document["lease"]
    return f"{shown}\n{_lease(lease)}" if lease else shown


def _lease(one: Document) -> str:
    who = f"{printable(one['user'])} from {printable(one['controller'])}"
    return f"being {printable(one['doing'])} by {who} since {moment_text(one['since'])}"


def _service(one: Document) -> tuple[str, ...]:
    memory = one["memory"]
    used = "-"
    if memory["unreclaimable"] is not None:
        limit = f" of {sized(memory['limit'])}" if memory["limit"] else ""
        used = f"{sized(memory['unreclaimable'])}{limit}, with caches {_size(memory['working_set'])}"
    kills = "-" if one["oom_kills"] is None else str(one["oom_kills"])
    gaps = f" ({one['oom_gaps']} gaps)" if one["oom_gaps"] else ""
    started = moment_text(one["started"]) if one["started"] else "-"
    restarts = "-" if one["restarts"] is None else str(one["restarts"])
    return one["service"], one["state"] or "-", one["health"] or "-", started, restarts, f"{kills}{gaps}", used


def _model(one: Document) -> tuple[str, ...]:
    stored = {True: "yes", False: "no", None: "-"}[one["cached"]]
    if one["wanted_digest"] and one["digest"] and one["digest"] != one["wanted_digest"]:
        stored = "another digest"
    intact = {True: "verified", False: "damaged", None: "not verified"}[one["intact"]]
    gpu = "-" if one["gpu_ratio"] is None else f"{one['gpu_ratio']:.0%}"
    answer = "-"
    if one["answer_seconds"] is not None:
        answer = f"{one['answer_seconds']:.1f} s"
        answer += f" at {moment_text(one['answer_time'])}" if one["answer_time"] else ""
    return one["name"], stored, intact, _yes(one["resident"]), _yes(one["pinned"]), gpu, answer


def _times(document: Document) -> str:
    store, scrub = document["store"], document["scrub"]
    lines = [
        f"{event:7}{moment_text(document[event]['time'])} {'ok' if document[event]['ok'] else 'FAILED'}"
        if document[event]["time"]
        else f"{event:7}-"
        for event in ("deploy", "verify", "scrub")
    ]
    if scrub["running"]:
        lines[-1] += f", running: {_size(scrub['done_bytes'])} of {_size(scrub['total_bytes'])}"
    gate = document["gate"]
    if gate["wanted"]:
        lines.append(f"gate   {_gate(gate)}")
    used = f"{_size(store['free_bytes'])} free of {_size(store['size_bytes'])}"
    lines.append(f"store  {store['path'] or '-'}: {used}, {_size(store['unreferenced_bytes'])} that no model uses")
    return "\n".join(lines)


def _gate(gate: Document) -> str:
    if gate["waiting"] is None:
        return "-"
    now = f"{gate['waiting']} waiting, {gate['at_work']} at work"
    return f"{now}; since its last reload {gate['questions']} questions taken, {gate['refused']} requests refused"


def _columns(head: tuple[str, ...], rows: t.Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    shown = [head, *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[number]) for row in shown) for number in range(len(head))]
    return "\n".join("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths)).rstrip() for row in shown)


def _size(amount: float | None) -> str:
    return "-" if amount is None else sized(amount)


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "-"}[value]
