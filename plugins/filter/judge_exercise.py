# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What held while a host was broken on purpose, what did not, and how long it took to recover."""

from __future__ import annotations

DOCUMENTATION = r"""
name: judge_exercise
short_description: Judge an exercise of a game day
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Judges what a backend answered while its host was broken by C(playbooks/gameday.yml).
  - All times are of the host's clock, in seconds since 1970.
options:
  _input:
    description: What the asker wrote, a line of JSON for each reply. The last line may be half written.
    type: str
    required: true
  mended:
    description: From when the host was to recover. Empty where it never came to that.
    type: str
    default: ""
  steady_from:
    description: From when the backend was to serve on whatever happened. Empty where it was to go down too.
    type: str
    default: ""
  steady_to:
    description: Until when. Empty for the end of the record.
    type: str
    default: ""
  within:
    description: How long a question may take, in seconds.
    type: int
    default: 60
  verdict:
    description: The result of M(archiv.ollama.ollama_stack_info) afterwards.
    type: dict
  problems:
    description: What else went wrong, a sentence each.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show how long it took
  ansible.builtin.debug:
    msg: "{{ (record.stdout | archiv.ollama.judge_exercise(mended=undone.stdout)).recovery }}"
"""

RETURN = r"""
_value:
  description: >-
    C(recovery), the seconds until a question was answered that was asked later, or none; C(answered) and C(refused),
    how many questions were meanwhile; C(held) and C(broken), a sentence each.
  type: dict
"""

import json
import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible.errors import AnsibleFilterError

_ANSWERED, _REFUSED = 200, 503
# A question that is asked at the last moment is given up this much later.
_GRACE = 2.0
# As many different replies as a person reads.
_MOST = 3


@dataclass(frozen=True)
class _Reply:
    asked: str
    at: float
    status: int | str
    seconds: float


def judge_exercise(
    record: str,
    mended: str = "",
    steady_from: str = "",
    steady_to: str = "",
    within: int = 60,
    verdict: t.Mapping[str, t.Any] | None = None,
    problems: t.Sequence[str] = (),
) -> dict[str, t.Any]:
    """The judgement, as the report shows it."""
    replies = _read(record)
    recovery = _recovery(replies, float(mended)) if mended else None
    held: list[str] = []
    broken = list(problems)
    steady = _between(replies, steady_from, steady_to)
    if steady_from:
        for sentences in (_of_health(steady), _of_questions(steady, within)):
            held += sentences[0]
            broken += sentences[1]
    if recovery is None:
        broken.append("no question was answered afterwards")
    else:
        held.append(f"the first question was answered after {recovery:.1f} s")
    if verdict is not None and verdict.get("clean"):
        held.append("the host is as the inventory describes it")
    elif verdict is not None:
        broken += [str(line) for line in verdict.get("report", [])] or ["the host is not as the inventory describes it"]
    questions = [reply for reply in steady if reply.asked == "question"]
    return {
        "recovery": recovery,
        "answered": sum(reply.status == _ANSWERED for reply in questions),
        "refused": sum(reply.status == _REFUSED for reply in questions),
        "held": held,
        "broken": broken,
    }


def _read(record: str) -> list[_Reply]:
    lines = record.splitlines()
    replies = []
    for number, line in enumerate(lines, 1):
        try:
            said = json.loads(line)
            replies.append(_Reply(said["asked"], float(said["at"]), said["status"], float(said["seconds"])))
        except (ValueError, KeyError, TypeError) as error:
            if number < len(lines):
                raise AnsibleFilterError(f"line {number} of the record cannot be read: {line[:80]}") from error
    return replies


def _between(replies: t.Iterable[_Reply], begin: str, end: str) -> list[_Reply]:
    """What was asked and answered between two times: a reply across the end says nothing of the time before it."""
    first, last = float(begin or 0), float(end or "inf")
    return [reply for reply in replies if first <= reply.at and reply.at + reply.seconds <= last]


def _recovery(replies: t.Iterable[_Reply], mended: float) -> float | None:
    """When the first answer came to a question that was asked after that."""
    for reply in replies:
        if reply.asked == "question" and reply.at >= mended and reply.status == _ANSWERED:
            return round(reply.at + reply.seconds - mended, 1)
    return None


def _of_health(steady: t.Iterable[_Reply]) -> tuple[list[str], list[str]]:
    checks = [reply for reply in steady if reply.asked == "health"]
    bad = [reply for reply in checks if reply.status != _ANSWERED]
    if not checks:
        return [], ["the backend's health was not asked, so nothing is known of it"]
    if bad:
        return [], [f"the backend's health was away in {len(bad)} of {len(checks)} checks: {_replies(bad)}"]
    return [f"the backend's health was there in each of {len(checks)} checks"], []


def _of_questions(steady: t.Iterable[_Reply], within: float) -> tuple[list[str], list[str]]:
    questions = [reply for reply in steady if reply.asked == "question"]
    if not questions:
        return [], ["no question was asked, so nothing is known of the answers"]
    strange = [reply for reply in questions if reply.status not in (_ANSWERED, _REFUSED)]
    late = [reply for reply in questions if reply.seconds > within + _GRACE]
    broken = []
    if strange:
        broken.append(
            f"{len(strange)} of {len(questions)} questions got neither an answer nor a 503: {_replies(strange)}"
        )
    if late:
        slowest = max(reply.seconds for reply in late)
        broken.append(
            f"{len(late)} of {len(questions)} questions took longer than {within} s, the slowest {slowest:.1f} s"
        )
    if broken:
        return [], broken
    counts = Counter(reply.status for reply in questions)
    slowest = max(reply.seconds for reply in questions)
    answers = f"{counts[_ANSWERED]} answered and {counts[_REFUSED]} refused with 503"
    return [f"of {len(questions)} questions {answers}, each within {slowest:.1f} s"], []


def _replies(bad: t.Iterable[_Reply]) -> str:
    counts = Counter(str(reply.status) for reply in bad)
    return ", ".join(f"{status} ({count})" for status, count in counts.most_common(_MOST))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"judge_exercise": judge_exercise}
