# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's answer to `ollama-stack status --json` as typed facts, and what is wrong with it. Pure and private."""

from __future__ import annotations

import datetime
import errno
import json
import shlex
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.archiv.ollama.plugins.module_utils._stack.types import ACTIONS

from . import raw as read
from .raw import Raw

FORMAT = 1
COMMAND = "/usr/local/bin/ollama-stack"
DAY = 86400
# A host has a handful of each; a page must stay a page when one says that it has a million.
_MOST_REASONS, _MOST_SERVICES, _MOST_MODELS, _MOST_EVENTS, _MOST_SAMPLES = 20, 8, 8, 10, 2000
_LONGEST_ANSWER = 2 * 2**20
_LONGEST_WHY, _LONGEST_COMMAND = 400, 300
# Time synchronisation holds hosts to well below a second; what is left is the way of the answer.
_CLOCK_SECONDS = 60

# What a deploy would do, in the words of its own report.
_PLANS = {str(action): plan for action, plan in ACTIONS.items()}
# Such reasons alone leave a host clean.
_NOTE = "prove"

# The worst first: in this order hosts stand on the page.
ATTENTION, SILENT, UNKNOWN, WELL = "attention", "silent", "unknown", "well"
STATES = (ATTENTION, SILENT, UNKNOWN, WELL)


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong, and one line to type for it."""

    subject: str
    why: str
    command: str = ""
    # Worth a look, and no fault: bytes that were not hashed since a boot.
    note: bool = False

    @property
    def here(self) -> bool:
        """Whether the command is typed on the controller; all others are typed on the host."""
        return self.command.startswith("ansible")


@dataclass(frozen=True)
class Service:
    name: str
    state: str
    health: str
    started: float | None
    restarts: int | None
    kills: int | None
    gaps: int | None
    used: float | None
    working: float | None
    peak: float | None
    limit: float | None


@dataclass(frozen=True)
class Model:
    name: str
    digest: str
    wanted: str
    cached: bool | None
    intact: bool | None
    unproven: tuple[str, ...]
    loaded: bool | None
    pinned: bool | None
    warm: bool | None
    gpu: float | None
    seconds: float | None
    asked: float | None


@dataclass(frozen=True)
class Event:
    time: float | None
    event: str
    who: str
    subject: str
    what: str
    result: str


@dataclass(frozen=True)
class Run:
    """When something was last done, and how it ended."""

    time: float | None = None
    ok: bool | None = None


@dataclass(frozen=True)
class Host:
    """All of a host that the page shows."""

    name: str
    state: str
    troubles: tuple[Trouble, ...]
    fqdn: str = ""
    project: str = ""
    time: float | None = None
    # Who works on it now, and since when; "" if nobody does.
    lease: str = ""
    versions: t.Mapping[str, str] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    models: tuple[Model, ...] = ()
    store: t.Mapping[str, float | None] = field(default_factory=dict)
    # Empty without a gate.
    gate: t.Mapping[str, int | None] = field(default_factory=dict)
    runs: t.Mapping[str, Run] = field(default_factory=dict)
    scrubbing: bool = False
    history: tuple[Event, ...] = ()
    samples: tuple[tuple[float, float], ...] = ()
    limit: float | None = None

    @property
    def answered(self) -> bool:
        return self.time is not None or bool(self.services or self.models)

    @property
    def server(self) -> Service | None:
        """The service that serves models."""
        return next((one for one in self.services if one.name == "ollama"), None)


def read_host(name: str, answer: Raw, now: float, began: float | None = None) -> Host:
    """What the task on a host came to: its `unreachable`, `rc`, `stdout`, `stderr`, `msg`."""
    shown = read.clean(name) or "?"
    said = _last_words(answer)
    if answer.get("unreachable") is True:
        return Host(shown, SILENT, (_unreachable(name, said),))
    status = _parsed(answer.get("stdout"))
    if status is None:
        state = UNKNOWN if _is_missing(answer) else SILENT
        return Host(shown, state, (_missing(name) if _is_missing(answer) else _unreadable(name, said),))
    if status.get("format") != FORMAT:
        return Host(shown, UNKNOWN, (_other_format(name),))
    return _host(name, status, now, now if began is None else began)


def _host(name: str, status: Raw, now: float, began: float) -> Host:
    samples, time = read.part(status, "samples"), read.moment(status, "time")
    host = Host(
        name=read.clean(name) or "?",
        state=UNKNOWN,
        troubles=(*_reasons(name, status), *_clock(name, time, began, now)),
        fqdn=read.text(status, "host", 80),
        project=read.text(status, "project", 80),
        time=time,
        lease=_lease(read.part(status, "lease")),
        versions={
            key: read.text(read.part(status, "versions"), key, 40)
            for key in ("collection", "ollama", "engine", "compose")
        },
        services=tuple(_service(one) for one in read.parts(status, "services", _MOST_SERVICES)),
        models=tuple(_model(one) for one in read.parts(status, "models", _MOST_MODELS)),
        store={
            key: read.number(read.part(status, "store"), key)
            for key in ("free_bytes", "size_bytes", "unreferenced_bytes", "blobs_damaged", "blobs_missing")
        },
        gate=_gate(read.part(status, "gate")),
        runs={key: _run(read.part(status, key)) for key in ("deploy", "verify", "scrub")},
        scrubbing=read.flag(read.part(status, "scrub"), "running") is True,
        history=tuple(_event(one) for one in read.parts(status, "history", _MOST_EVENTS)),
        samples=tuple(_samples(samples, now if time is None else time)),
        limit=read.number(samples, "limit"),
    )
    return _judged(name, host, read.flag(status, "clean"))


def _judged(name: str, host: Host, clean: bool | None) -> Host:
    """A host is as wanted where it says so, and what it shows of itself agrees."""
    faults = [one for one in host.troubles if not one.note]
    if faults or not clean:
        return replace(host, state=ATTENTION if faults else UNKNOWN)
    damaged = any(one.cached is False or one.intact is False for one in host.models) or host.store["blobs_damaged"]
    if damaged or host.time is None or not (host.server and host.models):
        shown = "shows damage" if damaged else "does not show enough of itself for that"
        why = f"it says that it is as wanted, and {shown}"
        told = (Trouble("host", why, _doctor(name)), *host.troubles)
        return replace(host, state=ATTENTION if damaged else UNKNOWN, troubles=told)
    return replace(host, state=WELL)


def _parsed(stdout: object) -> Raw | None:
    if not isinstance(stdout, str) or len(stdout) > _LONGEST_ANSWER:
        return None
    try:
        found = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _last_words(answer: Raw) -> str:
    """Why there is no answer, as the host or Ansible says it."""
    for key in ("stderr", "stdout", "msg"):
        lines = str(answer.get(key) or "").strip().splitlines()
        if lines:
            return read.clean(lines[-1] if key == "stderr" else lines[0], _LONGEST_WHY)
    return ""


def _is_missing(answer: Raw) -> bool:
    """Ansible gives the system's number as exit code; the command's own 2, for wrong usage, comes with words."""
    return answer.get("rc") == errno.ENOENT and not answer.get("stdout") and not answer.get("stderr")


def _unreachable(name: str, said: str) -> Trouble:
    return Trouble("host", f"it cannot be reached{_because(said)}", f"ansible {shlex.quote(name)} -m ping")


def _missing(name: str) -> Trouble:
    why = "it is not installed, so nothing is known; put ollama_stack_monitor: true into the inventory, then deploy"
    return Trouble("ollama-stack", why, f"ansible-playbook archiv.ollama.deploy -l {shlex.quote(name)}")


def _unreadable(name: str, said: str) -> Trouble:
    return Trouble("ollama-stack", f"it gave no answer that can be read{_because(said)}", _doctor(name))


def _other_format(name: str) -> Trouble:
    why = f"its answer is not of format {FORMAT}: it is of another version of the collection, which a deploy mends"
    return Trouble("ollama-stack", why, f"ansible-playbook archiv.ollama.deploy -l {shlex.quote(name)}")


def _because(said: str) -> str:
    return f": {said}" if said else ""


def _doctor(name: str) -> str:
    return f"ansible {shlex.quote(name)} -b -a '{COMMAND} doctor'"


def _reasons(name: str, status: Raw) -> t.Iterator[Trouble]:
    reasons = read.parts(status, "reasons", _MOST_REASONS)
    for one in reasons:
        why, action = read.text(one, "why", _LONGEST_WHY), read.text(one, "action", 120)
        # One that this version does not know stands as it is.
        action = _PLANS.get(action, action)
        told = f"{why} ({action})" if why and action else why or action or "it does not say why"
        note = one.get("action") == _NOTE and read.flag(status, "clean") is True
        yield Trouble(read.text(one, "subject"), told, read.text(one, "command", _LONGEST_COMMAND), note)
    left = len(read.items(status, "reasons")) - len(reasons)
    if left:
        yield Trouble("more", f"{left} more, which are not shown here", _doctor(name))
    elif not reasons and read.flag(status, "clean") is False:
        yield Trouble("host", "it is not as wanted, and does not say why", _doctor(name))


def _clock(name: str, time: float | None, began: float, now: float) -> t.Iterator[Trouble]:
    """It answered between these two times; slow hosts make minutes of that."""
    if time is None:
        return
    off = max(time - now, began - time)
    if off > _CLOCK_SECONDS:
        why = f"it is {off:.0f} seconds {'ahead of' if time > now else 'behind'} this controller's"
        yield Trouble("clock", why, f"ansible {shlex.quote(name)} -a 'timedatectl status'")


def _service(one: Raw) -> Service:
    memory = read.part(one, "memory")
    return Service(
        name=read.text(one, "service", 60),
        state=read.text(one, "state", 40),
        health=read.text(one, "health", 40),
        started=read.moment(one, "started"),
        restarts=read.count(one, "restarts"),
        kills=read.count(one, "oom_kills"),
        gaps=read.count(one, "oom_gaps"),
        used=read.number(memory, "unreclaimable"),
        working=read.number(memory, "working_set"),
        peak=read.number(memory, "peak"),
        limit=read.number(memory, "limit"),
    )


def _model(one: Raw) -> Model:
    ratio = read.number(one, "gpu_ratio")
    return Model(
        name=read.text(one, "name", 120),
        digest=read.digest(one, "digest"),
        wanted=read.digest(one, "wanted_digest"),
        cached=read.flag(one, "cached"),
        intact=read.flag(one, "intact"),
        unproven=read.texts(one, "unproven", 3),
        loaded=read.flag(one, "resident"),
        pinned=read.flag(one, "pinned"),
        warm=read.flag(one, "warm"),
        gpu=ratio if ratio is not None and ratio <= 1 else None,
        seconds=read.number(one, "answer_seconds"),
        asked=read.moment(one, "answer_time"),
    )


def _gate(one: Raw) -> dict[str, int | None]:
    if read.flag(one, "wanted") is not True:
        return {}
    return {key: read.count(one, key) for key in ("waiting", "at_work", "questions", "refused")}


def _lease(one: Raw) -> str:
    since = read.moment(one, "since")
    if since is None:
        return ""
    moment = datetime.datetime.fromtimestamp(since, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    doing, user, controller = (read.text(one, key, 60) or "?" for key in ("doing", "user", "controller"))
    return f"being {doing} by {user} from {controller} since {moment}"


def _run(one: Raw) -> Run:
    return Run(read.moment(one, "time"), read.flag(one, "ok"))


def _event(one: Raw) -> Event:
    return Event(
        time=read.moment(one, "time"),
        event=read.text(one, "event", 20),
        who=read.text(one, "who", 80),
        subject=read.text(one, "subject", 80),
        what=read.text(one, "what", 200),
        result=read.text(one, "result", 20),
    )


def _samples(samples: Raw, until: float) -> t.Iterator[tuple[float, float]]:
    """Those of the last day by their time; the largest of each quarter of an hour, so that no peak is lost."""
    quarters: dict[int, tuple[float, float]] = {}
    for pair in read.items(samples, "memory")[-_MOST_SAMPLES:]:
        if not isinstance(pair, list) or len(pair) != 2:
            continue
        time, used = read.instant(pair[0]), read.amount(pair[1])
        if time is None or used is None or not until - DAY <= time <= until:
            continue
        quarter = int(time // 900)
        if quarter not in quarters or used > quarters[quarter][1]:
            quarters[quarter] = (time, used)
    yield from sorted(quarters.values())
