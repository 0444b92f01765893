# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd's units of what watches a host: started, stopped, loaded anew. Private."""

from __future__ import annotations

import glob
import os
import subprocess
import typing as t

SECONDS = 60


class UnitError(Exception):
    """systemctl failed; str() is a sentence."""


def is_unit(path: str) -> bool:
    """Whether systemd reads this file as a unit; it has files of its own with a unit's name after stamp-."""
    return path.endswith((".service", ".timer")) and not os.path.basename(path).startswith("stamp-")


def find_links(path: str) -> list[str]:
    """The links by which systemd starts a unit at boot."""
    folder, name = os.path.split(path)
    return glob.glob(f"{glob.escape(folder)}/*.wants/{glob.escape(name)}")


def find_idle(units: t.Sequence[str]) -> list[str]:
    """Those that are not started now and at boot."""
    if not units:
        return []
    # Each answers with a line for each unit, and with an error if one of them is not.
    active = _ask("is-active", units)
    enabled = _ask("is-enabled", units)
    # A timer is active, and so is a service that stays so after its command.
    return [name for name, *words in zip(units, active, enabled) if words != ["active", "enabled"]]


def find_unread(units: t.Sequence[str]) -> list[str]:
    """Those whose files systemd has not read since they were written."""
    lines = _call("show", "--property=NeedDaemonReload", "--value", *units).stdout.split() if units else []
    return [name for name, answer in zip(units, lines) if answer == "yes"]


def start(changed: t.Sequence[str], wanted: t.Sequence[str], idle: t.Sequence[str]) -> None:
    """Have systemd read what changed, and start what is wanted now and at boot."""
    if changed:
        _run("daemon-reload")
    if idle:
        _run("enable", "--now", *idle)
    # A running timer keeps the times of its old file. A service is not restarted: what it does at its end is for then.
    timers = [name for name in wanted if name in changed and name not in idle and name.endswith(".timer")]
    if timers:
        _run("restart", *timers)


def stop(units: t.Sequence[str]) -> None:
    """Stop them, the timers first, and never start them again."""
    timers = [name for name in units if name.endswith(".timer")]
    for names in (timers, [name for name in units if name not in timers]):
        if names:
            _run("disable", "--now", *names)


def forget(units: t.Sequence[str]) -> None:
    """Have systemd notice that their files are gone."""
    if units:
        _run("daemon-reload")
        # It fails for units that never failed.
        _call("reset-failed", *units)


def _ask(question: str, units: t.Sequence[str]) -> list[str]:
    lines = _call(question, *units).stdout.splitlines()
    # `is-enabled` of an older systemd says nothing on stdout of a unit that is not there.
    return lines if len(lines) == len(units) else ["unknown"] * len(units)


def _run(*words: str) -> None:
    done = _call(*words)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise UnitError(f"`systemctl {' '.join(words)}` failed: {said}; see `journalctl -xe` on the host")


def _call(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["systemctl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except FileNotFoundError:
        raise UnitError("there is no systemctl command: what watches a host needs systemd") from None
    except subprocess.TimeoutExpired:
        raise UnitError(f"`systemctl {' '.join(words)}` timed out after {SECONDS} s: check the host's load") from None
