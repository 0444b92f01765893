# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs ollama_model and tells how far its download is, without -v."""

from __future__ import annotations

import secrets
import shlex
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.archiv.ollama.plugins.module_utils._progress import progress_line, worker_pid

display = Display()

# Quick at first, so that a model that is there costs no waiting.
_FIRST_POLLS = (0.2, 0.3, 0.5, 1.0, 1.0)
_POLL_SECONDS = 2.0
_SILENT_SECONDS = 3.0
_LINE_SECONDS = 5.0
# The module ends by its own `timeout`; this is for the case that it cannot.
_GRACE_SECONDS = 900
_MOST_LOST_POLLS = 30
_ASYNC_KEYS = ("ansible_job_id", "started", "finished", "results_file")


class ActionModule(ActionBase):
    """The module runs on the host by itself: whatever ends this play, the download goes on or can be resumed."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        own_async = bool(self._task.async_val)
        if own_async or self._task.check_mode or self._task.args.get("state") == "absent":
            result.update(self._execute_module(task_vars=task_vars, wrap_async=own_async))
        else:
            result.update(self._run_and_tell(task_vars or {}))
        return result

    def _run_and_tell(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        untyped: t.Any = self
        async_dir = untyped._remote_expand_user(untyped.get_shell_option("async_dir", default="~/.ansible_async"))
        name = f"archiv-ollama-{secrets.token_hex(8)}"
        path = self._task.args.get("progress_path") or self._connection._shell.join_path(async_dir, name)
        started = self._start({**self._task.args, "progress_path": path}, task_vars)
        if "ansible_job_id" not in started:
            return started
        status = {"jid": started["ansible_job_id"], "mode": "status", "_async_dir": async_dir}
        result = self._follow(status, path, task_vars, _most_seconds(self._task.args))
        self._execute_module("ansible.legacy.async_status", {**status, "mode": "cleanup"}, task_vars=task_vars)
        return {key: value for key, value in result.items() if key not in _ASYNC_KEYS}

    def _start(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        self._task.async_val = _most_seconds(args)
        try:
            started: dict[str, t.Any] = self._execute_module(module_args=args, task_vars=task_vars, wrap_async=True)
        finally:
            # Else the executor would poll this task a second time.
            self._task.async_val = 0
        return started

    def _follow(
        self, status: dict[str, t.Any], path: str, task_vars: dict[str, t.Any], seconds: float
    ) -> dict[str, t.Any]:
        """Poll until the module has ended; a connection that is lost for a while is no end."""
        begun = time.monotonic()
        next_line = begun + _SILENT_SECONDS
        first_polls, lost, pid, gone = iter(_FIRST_POLLS), 0, 0, 0
        while True:
            time.sleep(next(first_polls, _POLL_SECONDS))
            try:
                result = self._execute_module("ansible.legacy.async_status", dict(status), task_vars=task_vars)
                if result.get("finished") or result.get("failed"):
                    return dict(result)
                record, alive = self._look(path, pid)
            except AnsibleConnectionFailure:
                lost += 1
                if lost > _MOST_LOST_POLLS:
                    raise
                continue
            lost, pid, gone = 0, worker_pid(record) or pid, 0 if alive else gone + 1
            # After a reboot its number may be another process's, or it was never told.
            if gone > 2 or time.monotonic() - begun > seconds:
                return {"failed": True, "kind": "gone", "models": [], "lacking": [], "msg": _GONE}
            if time.monotonic() >= next_line:
                next_line = time.monotonic() + _LINE_SECONDS
                self._tell(task_vars, record)

    def _look(self, path: str, pid: int) -> tuple[str, bool]:
        """The progress record, and whether the module still runs."""
        alive = f"kill -0 {pid} 2>/dev/null || echo gone" if pid else "true"
        command = f"cat {shlex.quote(path)} 2>/dev/null; echo; {alive}"
        untyped: t.Any = self
        record, _, rest = str(untyped._low_level_execute_command(command).get("stdout", "")).partition("\n")
        return record, "gone" not in rest

    def _tell(self, task_vars: dict[str, t.Any], record: str) -> None:
        line = progress_line(str(task_vars.get("inventory_hostname", "")), record)
        if line is not None:
            display.display(line)


def _most_seconds(args: dict[str, t.Any]) -> int:
    try:
        return int(float(args.get("timeout", 14400))) + _GRACE_SECONDS
    except (TypeError, ValueError, OverflowError):
        # The module says in its own words what is wrong with it.
        return _GRACE_SECONDS


_GONE = (
    "the module ended on the host without a result: was it killed, or the host restarted? What was fetched is kept,"
    " so run again to go on from there"
)
