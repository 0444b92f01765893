# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a host, why, and the one command that mends it. Pure and private."""

from __future__ import annotations

import datetime
import shlex
import typing as t
from dataclasses import dataclass

from .._model.units import sized
from .._stack.types import GATE, KEEPER, SERVER, Reason
from .collect import Facts, read_ended
from .history import Line
from .keep import NEVER
from .models import ModelFacts
from .oom import State

# The alert rules have the same four.
NEARLY_FULL = 0.9
DAY = 24 * 3600.0
VERIFY_OVERDUE = 8 * DAY
SCRUB_OVERDUE = 15 * DAY
# So many intervals without metrics, and then some seconds, as the alert waits.
LATE_INTERVALS, LATE_SECONDS = 3, 60.0
# What a person types on the controller; everything else is typed on the host.
DEPLOY = "ansible-playbook playbooks/deploy.yml -l {host}"
_UP = "docker compose -f {file} up -d {service}"
_LOAD = "docker exec {server} ollama run --keepalive -1m {subject} ''"
# By the kinds of reasons; for all others a deploy is what helps.
_COMMANDS = {
    "api": "docker restart {server}",
    "compose_refused": "docker compose -f {file} config --quiet",
    "container_missing": _UP,
    "container_paused": "docker unpause {name}",
    "container_restarting": "docker logs --tail 50 {name}",
    "container_starting": "docker logs --tail 50 {name}",
    "container_stopped": _UP,
    "container_unhealthy": "docker restart {name}",
    "cpu_fallback": "docker logs {server} 2>&1 | grep -i gpu",
    "deploy_failed": DEPLOY,
    "engine_missing": "systemctl restart docker",
    "gate_silent": "docker restart {name}",
    "metrics_stale": "systemctl restart ollama-stack-metrics.timer",
    "model_unproven": "ollama-stack verify --full",
    "network_detached": DEPLOY,
    "no_answer": "docker restart {server}",
    "not_loaded": _LOAD,
    "not_pinned": _LOAD,
    "one_shot_failed": "docker logs --tail 50 {name}",
    "scrub_overdue": "systemctl start ollama-stack-scrub.service",
    "stale": "docker restart {server}",
    "switch_interrupted": DEPLOY,
    "verify_failed": "ollama-stack verify",
    "verify_overdue": "ollama-stack verify",
}


@dataclass(frozen=True)
class Trouble:
    """One thing that is not as it should be."""

    kind: str
    subject: str
    why: str
    # As in a verdict: what a deploy would do about it.
    action: str
    command: str


def find_troubles(
    facts: Facts,
    state: State,
    models: t.Sequence[ModelFacts],
    reasons: t.Sequence[Reason],
    lines: t.Sequence[Line],
    host: str,
) -> list[Trouble]:
    """The reasons of a look at the stack, and what only one that watches can know."""
    found: list[tuple[str, str, str, str]] = [(one.kind, one.subject, one.why, one.action) for one in reasons]
    known = {(kind, subject) for kind, subject, *_ in found}
    for kind, subject, why in (
        *_of_switch(facts),
        *_of_wanted(facts),
        *_of_gate(facts, {one.subject for one in reasons}),
        *_of_memory(facts),
        *_of_kills(lines, facts.now),
        *_of_models(facts, models, {one.subject for one in reasons if one.action != "prove"}),
        *_of_times(facts, state),
    ):
        if (kind, subject) not in known:
            found.append((kind, subject, why, "ask"))
    return [
        Trouble(kind, subject, why, action, command_for(kind, subject, facts, host))
        for kind, subject, why, action in found
    ]


def is_clean(troubles: t.Sequence[Trouble]) -> bool:
    """Whether all is as wanted: models that were not hashed lately do not count."""
    return all(one.action == "prove" for one in troubles)


def command_for(kind: str, subject: str, facts: Facts, host: str) -> str:
    """One line to type; what comes from the host is quoted for the shell."""
    containers = facts.containers
    service = subject if subject in containers else SERVER
    project = facts.wanted.project if facts.wanted else ""
    values = {
        "host": host,
        "file": facts.wanted.compose_file if facts.wanted else "",
        "subject": subject,
        "service": subject,
        "name": containers[service].name if service in containers else f"{project}-{service}-1",
        "server": containers[SERVER].name if SERVER in containers else f"{project}-{SERVER}-1",
    }
    if kind == "container_unhealthy" and subject == KEEPER:
        kind = "container_starting"
    return _COMMANDS.get(kind, DEPLOY).format(**{key: shlex.quote(value) for key, value in values.items()})


Found = t.Iterator[tuple[str, str, str]]


def _of_switch(facts: Facts) -> Found:
    switch = facts.switch
    if switch.begun and switch.interrupted:
        yield (
            "switch_interrupted",
            f"release {switch.begun.number}",
            f"switch interrupted: begun at {moment_text(switch.begun.made)} by {switch.beginner}, it did not end, and"
            " nobody is at it; run playbooks/deploy.yml, or playbooks/rollback.yml to go back",
        )


def _of_wanted(facts: Facts) -> Found:
    if facts.wanted_problem:
        yield "wanted_missing", "wanted.json", facts.wanted_problem
    if facts.wanted_stale:
        yield "wanted_stale", "wanted.json", facts.wanted_stale


def _of_gate(facts: Facts, told: t.Collection[str]) -> Found:
    # One that has not loaded its files yet has another trouble.
    if facts.gate_problem and GATE not in told:
        yield "gate_silent", GATE, f"does not tell what it has counted: {facts.gate_problem}"


def _of_memory(facts: Facts) -> Found:
    for service, memory in facts.memory.items():
        used, limit = memory.unreclaimable, memory.limit
        if used and limit and used > NEARLY_FULL * limit:
            why = (
                f"{sized(used)} of {sized(limit)} of memory cannot be taken back; at the limit the kernel kills: raise"
                " ollama_stack_mem_limit, or use a smaller model or context"
            )
            yield "memory", service, why


def _of_kills(lines: t.Sequence[Line], now: float) -> Found:
    last: dict[str, Line] = {}
    for one in lines:
        if one["event"] == "oom" and now - one["time"] < DAY:
            last.setdefault(one["subject"], one)
    for service, one in last.items():
        yield "oom_kills", service, f"{one['what']} at {moment_text(one['time'])}: raise ollama_stack_mem_limit"


def _of_models(facts: Facts, models: t.Sequence[ModelFacts], told: t.Collection[str]) -> Found:
    for one in models:
        if one.intact is False and one.name not in told:
            yield "model_damaged", one.name, "the last scrub found damaged bytes on the disk"
        if facts.wanted and facts.wanted.gpu and one.gpu_ratio == 0:
            yield "cpu_fallback", one.name, f"runs on the CPU, although the inventory wants {facts.wanted.gpu} GPUs"


def _of_times(facts: Facts, state: State) -> Found:
    deploy = read_ended(facts.records.get("deploy"))
    # A rollback ends with a verification.
    looks = [read_ended(facts.records.get(event)) for event in ("verify", "rollback")]
    verify = max((one for one in looks if one), key=lambda one: one.time, default=None)
    # Each counts until the other ended well: a deploy that changes nothing notes nothing.
    if deploy and not deploy.ok and not (verify and verify.ok and verify.time > deploy.time):
        yield (
            "deploy_failed",
            "deploy",
            f"the last deploy failed at {moment_text(deploy.time)}, and no verify ended well",
        )
    if verify and not verify.ok and not (deploy and deploy.ok and deploy.time > verify.time):
        yield "verify_failed", "verify", f"the last verification at {moment_text(verify.time)} found a difference"
    proofs = [one.time for one in (deploy, verify) if one and one.ok]
    if proofs and facts.now - max(proofs) > VERIFY_OVERDUE:
        yield "verify_overdue", "verify", f"nothing was verified since {moment_text(max(proofs))}"
    scrub = facts.scrub.ended
    if scrub and facts.now - scrub.time > SCRUB_OVERDUE:
        days = f"more than {SCRUB_OVERDUE / DAY:g} days ago"
        yield "scrub_overdue", "scrub", f"the last scrub ended at {moment_text(scrub.time)}, {days}"
    late = LATE_SECONDS + LATE_INTERVALS * facts.wanted.metrics_interval if facts.wanted else 0.0
    if late and state.seen and facts.now - state.seen / 1e9 > late:
        since = f"since {moment_text(state.seen / 1e9)}" if state.seen > NEVER else "yet"
        yield "metrics_stale", "metrics", f"no metrics were written {since}"


def moment_text(seconds: float) -> str:
    """A time for a person, in UTC: a fleet has more than one clock."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M UTC")
