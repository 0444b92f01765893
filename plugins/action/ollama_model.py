# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ollama_model and shows the progress of its download, without -v."""

from __future__ import annotations

import secrets
import shlex
import time
import typing as t

from ansible_collections.archiv.ollama.plugins.module_utils._install.progress import progress_line, worker_pid
from ansible_collections.archiv.ollama.plugins.plugin_utils._background import Background, display

_SILENT_SECONDS = 3.0
_LINE_SECONDS = 5.0
# The module has a deadline of its own; this is for the case that it does not end.
_GRACE_SECONDS = 900


class ActionModule(Background):
    """The module runs in the background on the host: if the play ends, the download continues or can be resumed."""

    _supports_check_mode = True
    _supports_async = True
    _gone: t.ClassVar[dict[str, t.Any]] = {
        "failed": True,
        "kind": "gone",
        "models": [],
        "lacking": [],
        "msg": (
            "the module ended on the host without a result (was it killed, or the host rebooted?); the download is"
            " kept, run again to resume"
        ),
    }
    # Where the module writes its progress, and its process.
    _record = ""
    _pid = 0
    _next_line = 0.0

    def _act(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        own_async = bool(self._task.async_val)
        if own_async or self._task.check_mode or self._task.args.get("state") == "absent":
            result: dict[str, t.Any] = self._execute_module(task_vars=task_vars, wrap_async=own_async)
            return result
        name = f"archiv-ollama-{secrets.token_hex(8)}"
        args = self._task.args
        self._record = args.get("progress_path") or self._connection._shell.join_path(self._async_dir(), name)
        return self._run_by_itself(task_vars, {**args, "progress_path": self._record}, _most_seconds(args))

    def _look(self, task_vars: dict[str, t.Any], job: str) -> bool:
        alive = f"kill -0 {self._pid} 2>/dev/null || echo gone" if self._pid else "true"
        command = f"cat {shlex.quote(self._record)} 2>/dev/null; echo; {alive}"
        untyped: t.Any = self
        record, _, rest = str(untyped._low_level_execute_command(command).get("stdout", "")).partition("\n")
        self._pid = worker_pid(record) or self._pid
        self._next_line = self._next_line or time.monotonic() + _SILENT_SECONDS
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINE_SECONDS
            line = progress_line(str(task_vars.get("inventory_hostname", "")), record)
            if line is not None:
                display.display(line)
        return "gone" not in rest


def _most_seconds(args: dict[str, t.Any]) -> int:
    try:
        return int(float(args.get("timeout", 14400)) + float(args.get("load_timeout", 300))) + _GRACE_SECONDS
    except (TypeError, ValueError, OverflowError):
        # The module itself reports what is wrong with it.
        return _GRACE_SECONDS
