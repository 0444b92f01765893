# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ollama_stack_info, in the background where it waits while this run holds the host's lease."""

from __future__ import annotations

import typing as t

from ansible_collections.archiv.ollama.plugins.plugin_utils._background import LEASE, Background

# What the module needs beside the time that it waits; it has a deadline of its own.
_GRACE_SECONDS = 3600


class ActionModule(Background):
    """A look of a run without a lease is one call, as that of any module."""

    _supports_check_mode = True
    _supports_async = True
    _gone: t.ClassVar[dict[str, t.Any]] = {
        "failed": True,
        "kind": "gone",
        "msg": (
            "the look at the host ended without a result (was it killed, or the host rebooted?); wait until the host"
            " answers, then run again"
        ),
    }

    def _act(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        args, own_async = self._task.args, bool(self._task.async_val)
        leased = bool((task_vars.get(LEASE) or {}).get("id"))
        if own_async or self._task.check_mode or not leased or args.get("wait_for") != "clean":
            result: dict[str, t.Any] = self._execute_module(task_vars=task_vars, wrap_async=own_async)
            return result
        return self._run_by_itself(task_vars, args, int(float(args.get("wait") or 0)) + _GRACE_SECONDS)

    def _look(self, task_vars: dict[str, t.Any], job: str) -> bool:
        return self._is_running(job)
