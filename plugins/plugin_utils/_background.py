# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that runs in the background on a host and is polled until it ends or the host is gone. Private."""

from __future__ import annotations

import os
import shlex
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import told

display = Display()

# How long one look waits on the host for the end; also until the next one, where nothing waited there.
_POLL_SECONDS = 2.0
_LOOKS_A_POLL = 10
# After this time without a connection we give up on the host; Ansible's own polling waits until the task times out.
_LOST_SECONDS = 180.0
# Well below the time after which a lease ends, so that one renewal may fail.
_RENEW_SECONDS = 15.0
# Where a role of ours keeps what ollama_lease returned; it has no id before and after.
LEASE = "__ollama_stack_lease"
_ASYNC_KEYS = ("ansible_job_id", "started", "finished", "results_file")


class Background(ActionBase):
    """The module keeps running even if the play ends."""

    # The result if the module is gone and has left none.
    _gone: t.ClassVar[dict[str, t.Any]]

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        try:
            result.update(self._act(task_vars or {}))
        except AnsibleError:
            raise
        except Exception as error:
            kind, sentence = told(error)
            result.update({"failed": True, "kind": kind, "msg": sentence})
        return result

    def _act(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """The task's result."""
        raise NotImplementedError

    def _look(self, task_vars: dict[str, t.Any], job: str) -> bool:
        """Whether the module still runs; also the place to show progress."""
        raise NotImplementedError

    def _is_running(self, job: str) -> bool:
        # The job's name is in the command lines of its processes; the pattern keeps grep from finding itself.
        name = job.partition(".")[0]
        untyped: t.Any = self
        command = f"grep -qsa '{name[0]}[{name[1]}]{name[2:]}' /proc/[0-9]*/cmdline || echo gone"
        return "gone" not in str(untyped._low_level_execute_command(command).get("stdout", ""))

    def _async_dir(self) -> str:
        untyped: t.Any = self
        return str(untyped._remote_expand_user(untyped.get_shell_option("async_dir", default="~/.ansible_async")))

    def _run_by_itself(
        self, task_vars: dict[str, t.Any], args: dict[str, t.Any], seconds: int, module: str | None = None
    ) -> dict[str, t.Any]:
        lost = self._renew(task_vars)
        if lost.get("failed"):
            return lost
        started = self._start(task_vars, args, seconds, module)
        if "ansible_job_id" not in started:
            return started
        status = {"jid": started["ansible_job_id"], "mode": "status", "_async_dir": self._async_dir()}
        result = self._follow(status, task_vars, seconds)
        self._execute_module("ansible.legacy.async_status", {**status, "mode": "cleanup"}, task_vars=task_vars)
        return {key: value for key, value in result.items() if key not in _ASYNC_KEYS}

    def _start(
        self, task_vars: dict[str, t.Any], args: dict[str, t.Any], seconds: int, module: str | None
    ) -> dict[str, t.Any]:
        self._task.async_val = seconds
        try:
            started: dict[str, t.Any] = self._execute_module(module, args, task_vars=task_vars, wrap_async=True)
        finally:
            # Otherwise the executor would poll this task again.
            self._task.async_val = 0
        return started

    def _follow(self, status: dict[str, t.Any], task_vars: dict[str, t.Any], seconds: float) -> dict[str, t.Any]:
        """Poll until the module has ended; a connection that is lost for a while does not count."""
        begun = heard = renewed = time.monotonic()
        gone, parent = 0, os.getppid()
        while True:
            if os.getppid() != parent:
                # This process is a worker: it must not keep a lease for a play that was killed.
                raise AnsibleError("the play that waited for this has ended")
            try:
                if self._wait_for_result(status):
                    result = self._execute_module("ansible.legacy.async_status", dict(status), task_vars=task_vars)
                    if result.get("finished") or result.get("failed"):
                        return dict(result)
                    time.sleep(_POLL_SECONDS)
                alive = self._look(task_vars, str(status["jid"]))
                if time.monotonic() - renewed >= _RENEW_SECONDS:
                    # The module goes on in any case; who has lost the lease learns it before the next step.
                    self._renew(task_vars)
                    renewed = time.monotonic()
            except AnsibleConnectionFailure:
                if time.monotonic() - heard > _LOST_SECONDS:
                    raise
                time.sleep(_POLL_SECONDS)
                continue
            heard, gone = time.monotonic(), 0 if alive else gone + 1
            # After a reboot the PID may belong to another process, or it was never known.
            if gone > 2 or heard - begun > seconds:
                return dict(self._gone)

    def _wait_for_result(self, status: dict[str, t.Any]) -> bool:
        """Wait on the host for a while; whether the module has left a result.

        By the shell: `async_status` is a module, and so a Python on a host that starts the services meanwhile.
        """
        untyped: t.Any = self
        # Until the result takes its place the file says that the job has started, and says that first.
        file = shlex.quote(f"{status['_async_dir']}/{status['jid']}")
        looks = " ".join("." * _LOOKS_A_POLL)
        # Not every `sleep` takes fractions.
        pause = f"sleep {_POLL_SECONDS / _LOOKS_A_POLL:.1f} || sleep 1"
        command = f"for _ in {looks}; do grep -qs '^{{\"started\"' {file} || {{ echo ended; break; }}; {pause}; done"
        return "ended" in str(untyped._low_level_execute_command(command).get("stdout", ""))

    def _renew(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Renew the host's lease, if this run holds one.

        From here and not by the module: that goes on without its controller, and the lease must not.
        """
        lease = task_vars.get(LEASE) or {}
        if not lease.get("id") or self._task.check_mode:
            return {}
        args = {
            **{key: lease[key] for key in ("id", "project", "folder")},
            "host": task_vars.get("inventory_hostname", ""),
        }
        result: dict[str, t.Any] = self._execute_module("archiv.ollama.ollama_lease", args, task_vars=task_vars)
        return result
