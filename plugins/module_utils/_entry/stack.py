# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of ollama_stack_info to its result: look, wait, judge. Private."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import dataclass, replace

from .._engine.compose import Document
from .._model.versions import dotted, parse_version
from .._registry import logins
from .._stack import preflight
from .._stack.actions import find_suspects
from .._stack.host import advise, future_models_dir, look_at_host
from .._stack.inputs import Mistake
from .._stack.inputs import find_mistakes as find_mistakes_of_inputs
from .._stack.judge import age_of, is_clean, judge_stack, time_may_mend
from .._stack.locked import refuse_images
from .._stack.look import hash_models, judge_adoption, observe, read_logs
from .._stack.registries import try_registries
from .._stack.types import Query, Reason, Seen
from .access import read_access
from .report import find_notes, write_verdict

# The inputs that a look depends on: if one of them is wrong, the host is not looked at.
RELIED_ON = {
    "ollama_stack_backend_secrets",
    "ollama_stack_backend_timeout",
    "ollama_stack_dir",
    "ollama_stack_models",
    "ollama_stack_models_dir",
    "ollama_stack_num_parallel",
    "ollama_stack_project",
}
# The inputs for the access to registries.
ASKED_BY = {
    "ollama_stack_ca_file",
    "ollama_stack_https_proxy",
    "ollama_stack_mirror",
    "ollama_stack_mirror_insecure",
    "ollama_stack_registries",
}
LOOK_AGAIN_SECONDS = 1.0
# For containers that were not started recently, such as after a client unloaded a model.
BRIEF_SECONDS = 60.0


@dataclass(frozen=True)
class StackOptions:
    """The options of the module."""

    query: Query
    # The role's inputs, with those that the module gets in other options.
    inputs: t.Mapping[str, t.Any]
    registries: t.Sequence[t.Mapping[str, t.Any]]
    # Whether all models are hashed.
    full: bool
    # Seconds to wait for a recovery, and whether a deploy has just started the services.
    wait: float
    after_start: bool
    # What Compose said when it could not start the stack.
    failure: str
    # The Prometheus with the alert on memory, and this host's name there.
    prometheus: t.Mapping[str, str]
    ca_path: str | None
    check: bool

    @property
    def adopt_without(self) -> t.Sequence[str]:
        names: t.Sequence[str] = self.inputs.get("ollama_stack_adopt_without", ())
        return names


Verdict = tuple[dict[str, t.Any], list[str]]


def read_options(params: t.Mapping[str, t.Any], check: bool) -> StackOptions:
    """The options of ollama_stack_info."""
    query = Query(
        project=params["project"],
        directory=params["dir"],
        files=params["files"],
        models=params["models"],
        models_dir=params["models_dir"] or "",
        receipts_dir=params["receipts_dir"],
        answer_within=params["answer_within"],
        context_length=params["context_length"],
        docker_host=params["docker_host"],
        secrets=params["secrets"],
        secrets_owner=params["owner"],
        registry=read_access(params) if params["upstream"] else None,
        logins_file=params["logins"],
        logins=logins.read_logins(params["registries"]),
        installed=params["installed"],
        gate=params["gate"],
        locks=params["locks"],
        releases=params["releases"],
        ignored=params["ignored"],
    )
    inputs = {
        **params["inputs"],
        "ollama_stack_backend_secrets": sorted(params["secrets"]),
        "ollama_stack_registries": [one["host"] for one in params["registries"]],
    }
    return StackOptions(
        query=query,
        inputs=inputs,
        registries=params["registries"],
        full=params["verify"] == "full",
        wait=params["wait"],
        after_start=params["wait_for"] == "clean",
        failure=params["failure"],
        prometheus=params["prometheus"],
        ca_path=params["ca_path"],
        check=check,
    )


def look(options: StackOptions) -> Verdict:
    """Look until the host matches or waiting does not help: the verdict, and notes.

    Invalid inputs come first: what depends on them is neither looked at nor waited for.
    """
    mistakes = find_mistakes(options)
    if mistakes:
        return refuse(options, mistakes)
    query = options.query
    seen, document = watch(query, options)
    if options.full:
        seen = hash_models(query, seen)
    reasons = judge_stack(seen)
    if is_clean(reasons):
        return write_verdict(query.project, seen, reasons, {}, []), find_notes(seen)
    host = look_at_host(query, seen, options.inputs)
    seen = replace(seen, models_dir=seen.models_dir or future_models_dir(query))
    registries = try_registries(query, seen, document)
    refusals = preflight.find_refusals(options.inputs, document, _told(host, seen, options.check), registries)
    refusals += [*refuse_images(seen), *judge_adoption(query, seen, document, options.adopt_without)]
    logs = read_logs(query, find_suspects(seen, reasons))
    verdict = write_verdict(query.project, seen, reasons, logs, refusals, options.after_start)
    verdict["refusals"] += logins.find_plain(options.registries, json.dumps(verdict))
    verdict.update(ollama_version=_version(options.inputs, host), advice=advise(query, options.failure))
    return verdict, [*find_notes(seen), *_doubt_alert(options)]


def watch(query: Query, options: StackOptions) -> tuple[Seen, Document]:
    """The observation once the host matches, waiting does not help, or the time is over."""
    begun = time.monotonic()
    while True:
        seen, document = observe(query)
        reasons = judge_stack(seen)
        clean = is_clean(reasons)
        if clean and query.tokens:
            return seen, document
        young = options.after_start or age_of(seen, time.time()) < options.wait
        patience = options.wait if young else min(options.wait, BRIEF_SECONDS)
        late = time.monotonic() - begun >= patience
        if not clean and (late or not time_may_mend(reasons, options.after_start)):
            return seen, document
        # While waiting, no tokens are requested, as these would queue with user requests; only the last look does.
        query = replace(query, tokens=clean)
        time.sleep(0 if clean else LOOK_AGAIN_SECONDS)


def find_mistakes(options: StackOptions) -> list[Mistake]:
    """Mistakes in the inputs, those of the logins without their passwords."""
    variable = "ollama_stack_registries"
    of_logins = logins.find_mistakes(options.registries)
    return [
        *(Mistake(variable, f"{variable}: {mistake}") for mistake in of_logins),
        *find_mistakes_of_inputs(options.inputs),
    ]


def refuse(options: StackOptions, mistakes: t.Sequence[Mistake]) -> Verdict:
    """A verdict with the mistakes, and what is known about the host without the wrong inputs."""
    wrong = {mistake.variable for mistake in mistakes}
    seen = Seen()
    document: Document = {}
    query = trusted(options.query, wrong)
    if not wrong & RELIED_ON:
        seen, document = observe(replace(query, tokens=False))
    inputs = {variable: value for variable, value in options.inputs.items() if variable not in wrong}
    host = look_at_host(query, seen, inputs)
    seen = replace(seen, engine_missing=seen.engine_missing or host.engine_missing)
    # Compose's error may be caused by one of the mistakes.
    host = replace(_told(host, seen, options.check), compose_refused="")
    known = {mistake.text for mistake in mistakes}
    others = preflight.find_refusals(options.inputs, document, host)
    others += refuse_images(seen)
    others += judge_adoption(query, seen, document, inputs.get("ollama_stack_adopt_without", ()))
    refusals = [mistake.text for mistake in mistakes] + [one for one in others if one not in known]
    reasons = [Reason("input", one.variable, one.text[len(one.variable) :].lstrip(" :"), "ask") for one in mistakes]
    verdict = write_verdict(options.query.project, seen, reasons, {}, refusals)
    return {**verdict, "ollama_version": "", "advice": []}, []


def trusted(query: Query, wrong: t.Collection[str]) -> Query:
    """The query without what depends on wrong inputs; with those no registry is asked or gets a login."""
    if not RELIED_ON.isdisjoint(wrong):
        query = replace(query, models=(), models_dir="", registry=None)
    if not ASKED_BY.isdisjoint(wrong):
        query = replace(query, registry=None, logins=())
    return query


def _told(host: preflight.Host, seen: Seen, check: bool) -> preflight.Host:
    """The host with the errors of Docker and Compose; in check mode a missing Docker is not an error."""
    missing = "" if check else seen.engine_missing or host.engine_missing
    return replace(host, engine_missing=missing, compose_refused=seen.compose_refused)


def _doubt_alert(options: StackOptions) -> list[str]:
    """What speaks against the alert on memory: notes for before a deploy, not for its end."""
    told = options.prometheus
    if not told.get("url") or options.after_start:
        return []
    # Imported here, because only a deploy that changes something asks.
    from .._stack.alert import find_doubts

    return find_doubts(told["url"], told["name"], options.ca_path)


def _version(inputs: t.Mapping[str, t.Any], host: preflight.Host) -> str:
    version = parse_version(preflight.ollama_version(inputs, host))
    return dotted(version) if version else ""
