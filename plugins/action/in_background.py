# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in the background on the host, and gives up on a host that is gone."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.archiv.ollama.plugins.plugin_utils._background import Background, display

_LINE_SECONDS = 15.0


class ActionModule(Background):
    """Ansible's own `async` waits for a dead host until the task times out, an hour or more."""

    _supports_check_mode = True
    _supports_async = False
    _gone: t.ClassVar[dict[str, t.Any]] = {
        "failed": True,
        "kind": "gone",
        "msg": (
            "the module ended on the host without a result (was it killed, or the host rebooted?); deploy again to"
            " resume"
        ),
    }
    _begun = 0.0
    _next_line = 0.0

    def _act(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        untyped: t.Any = self
        _, told = untyped.validate_argument_spec(
            {
                "module": {"type": "str", "required": True},
                "args": {"type": "dict", "default": {}},
                "timeout": {"type": "int", "required": True},
            }
        )
        if self._task.check_mode:
            result: dict[str, t.Any] = self._execute_module(told["module"], told["args"], task_vars=task_vars)
            return result
        self._begun = time.monotonic()
        self._next_line = self._begun + _LINE_SECONDS
        return self._run_by_itself(task_vars, told["args"], told["timeout"], told["module"])

    def _look(self, task_vars: dict[str, t.Any], job: str) -> bool:
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINE_SECONDS
            host, seconds = task_vars.get("inventory_hostname", ""), time.monotonic() - self._begun
            display.display(f"[{host}] {self._task.get_name().strip()}: running for {seconds:.0f} s")
        return self._is_running(job)
