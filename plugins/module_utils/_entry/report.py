# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on a stack, for tasks and as text. Pure and private."""

from __future__ import annotations

import typing as t

from .._stack.actions import (
    find_detached,
    find_foreign,
    find_leftovers,
    find_missing_images,
    find_orphans,
    find_rebuilds,
    find_recreations,
    find_reloads,
    find_removals,
    find_restarts,
)
from .._stack.files import SECRETS
from .._stack.locked import list_images
from .._stack.types import BACKEND, MONITOR, RELEASES, Reason, Seen

# What the verdict shows of a container.
SHOWN = ("name", "service", "state", "health", "exit_code", "started")


def write_verdict(
    project: str,
    seen: Seen,
    reasons: t.Sequence[Reason],
    logs: t.Mapping[str, t.Sequence[str]],
    refusals: t.Sequence[str],
    after_start: bool = False,
) -> dict[str, t.Any]:
    """The module's result: the verdict for tasks, and the same as text."""
    unproven = [reason for reason in reasons if reason.action == "prove"]
    reasons = [reason for reason in reasons if reason.action != "prove"]
    return {
        "clean": not reasons,
        "reasons": [vars(reason) for reason in reasons],
        "report": _write_report(project, reasons, unproven, logs, after_start),
        "refusals": list(refusals),
        "orphans": find_orphans(seen),
        "foreign": find_foreign(seen),
        "engine": not (seen.engine_missing or seen.compose_refused),
        "start": any(
            reason.kind not in (*MONITOR, *RELEASES) and reason.action not in ("install", "check", "wait")
            for reason in reasons
        ),
        "monitor": any(reason.kind in MONITOR for reason in reasons),
        "release": seen.kept.good if seen.kept is not None else 0,
        "lasted": dict(seen.kept.lasted) if seen.kept is not None else {},
        "prove": [reason.subject for reason in unproven],
        **_list_actions(seen, reasons),
        "models_dir": seen.models_dir,
        "models": [
            {
                "name": model.name.display,
                "digest": model.digest,
                "cached": model.cached,
                "intact": model.intact,
                "unproven": list(model.unproven),
            }
            for model in seen.models
        ],
        "images": list_images(seen),
        "store": {"unreferenced_bytes": seen.unreferenced, "free_bytes": seen.free},
        "healthy": dict(seen.healthy),
        "services": [
            {key: value for key, value in vars(container).items() if key in SHOWN} for container in seen.containers
        ],
    }


def _list_actions(seen: Seen, reasons: t.Sequence[Reason]) -> dict[str, t.Any]:
    """What a deploy does, by the result that its task reads."""
    recreated = find_recreations(seen, reasons)
    # Recreated containers need nothing else.
    gone = {item.name for item in seen.containers if item.service in recreated}
    return {
        "restart": [name for name in find_restarts(seen, reasons) if name not in gone],
        "remove": find_removals(reasons),
        "discard": find_leftovers(seen),
        "reload": [name for name in find_reloads(seen, reasons) if name not in gone],
        "rebuild": find_rebuilds(seen, reasons),
        "connect": [lost for lost in find_detached(seen, reasons) if lost["container"] not in gone],
        "recreate": recreated,
        "pull": find_missing_images(seen),
    }


def _write_report(
    project: str,
    reasons: t.Sequence[Reason],
    unproven: t.Sequence[Reason],
    logs: t.Mapping[str, t.Sequence[str]],
    after_start: bool,
) -> list[str]:
    return [
        f"{project} differs from the inventory:" if reasons else f"{project} matches the inventory",
        # At the end of a deploy, no further deploy is announced.
        *(f"- {reason.subject}: {reason.why}" if after_start else f"- {reason}" for reason in reasons),
        *(f"- {reason}" for reason in unproven),
        *(f"{name} | {line}" for name, lines in logs.items() for line in lines),
    ]


def find_notes(seen: Seen) -> list[str]:
    """What the operator should know although nothing is done about it."""
    left = [f"not in the compose file, left alone: {orphan}" for orphan in find_orphans(seen)]
    owners = {file.wanted_owner for file in seen.files if f"/{SECRETS}/" in file.path} - {None}
    left += [
        f"{item.name} runs as uid {item.uid}, which cannot read its secrets: set ollama_stack_backend_uid to"
        f" {item.uid}, unless its entrypoint reads them as root"
        for item in seen.containers
        if owners and item.service == BACKEND and item.uid not in {None, 0, *owners}
    ]
    odd = [f"{one['subject']}: {one['found']}; {one['action']}" for one in seen.healthy.get("warnings", ())]
    return [*left, *odd, *seen.strange]
