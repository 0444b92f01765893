"""Runs of ansible-playbook that are watched while they go on, and may be ended in their midst."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gates import environment
from tests.lab.settings import ROOT, LabError


@dataclass(frozen=True)
class Played:
    """What a run came to. times: how many seconds after its begin it said each of its tasks."""

    code: int
    output: str
    log: Path
    times: Sequence[tuple[float, str]] = ()
    seconds: float = 0.0

    @property
    def recap(self) -> dict[str, int]:
        return recap_of(self.output)

    @property
    def last_task(self) -> str:
        return (tasks_in(self.output) or [""])[-1]

    @property
    def problem(self) -> str:
        # A play that matched no host ends with 0 too.
        ok = self.code == 0 and self.recap.get("ok")
        return "" if ok else f"It ended with {self.code} at «{self.last_task}»; {self.log} shows why."

    def must_pass(self) -> Played:
        if self.problem:
            raise LabError(self.problem)
        return self

    def must_change_nothing(self) -> Played:
        self.must_pass()
        if changed := self.recap["changed"]:
            raise LabError(f"It changed {changed} things where nothing was to be done (see {self.log}).")
        return self

    def seconds_from(self, task: str) -> float:
        """From where it said this task to its end."""
        return round(self.seconds - next(at for at, name in self.times if name == task), 1)


class Started:
    """A run that something will happen to."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log, self.begun, self.times = log, time.monotonic(), list[tuple[float, str]]()
        with log.open("wb") as kept:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment({}),
                stdin=subprocess.DEVNULL,
                stdout=kept,
                stderr=kept,
                start_new_session=True,
            )

    def runs(self) -> bool:
        said = tasks_in(self.said())
        self.times += [(time.monotonic() - self.begun, task) for task in said[len(self.times) :]]
        return self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, task: str, seconds: float) -> bool:
        """Until it is at this task; False where it ended before."""
        while self.runs() and self._young(seconds):
            if any(name == task for _, name in self.times):
                return True
            time.sleep(0.05)
        return any(name == task for _, name in self.times)

    def finish(self, seconds: float) -> Played:
        """Let it run to its end."""
        while self.runs():
            if not self._young(seconds):
                self.end()
                raise LabError(f"It did not end within {seconds:.0f} s (see {self.log}).")
            time.sleep(0.05)
        return self.end()

    def end(self) -> Played:
        """End it if it still runs: Ansible goes on asking a dead host for a job as long as the job may take."""
        if self.runs():
            # ansible-core 2.20 and later give each worker a session of its own.
            pgrep = ["pgrep", "--parent", str(self.process.pid)]
            workers = subprocess.run(pgrep, capture_output=True, text=True, check=False).stdout.split()
            os.killpg(self.process.pid, signal.SIGKILL)
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(worker), signal.SIGKILL)
        code = self.process.wait()
        self.runs()
        return Played(code, self.said(), self.log, tuple(self.times), time.monotonic() - self.begun)

    def _young(self, seconds: float) -> bool:
        return time.monotonic() - self.begun < seconds


def tasks_in(output: str) -> list[str]:
    """What a run has said of its tasks so far, without the roles they are of."""
    return re.findall(r"^TASK \[(?:[^\]]* : )?([^\]]*)\] \*", output, re.MULTILINE)


def recap_of(output: str) -> dict[str, int]:
    """The counts that Ansible prints last, of one host; empty where it printed none."""
    lines = re.findall(r"^\S+ +: (ok=.*)$", output, re.MULTILINE)
    return {key: int(count) for key, count in re.findall(r"(\w+)=(\d+)", lines[-1])} if lines else {}
