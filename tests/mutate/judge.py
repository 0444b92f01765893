"""What a test's own record says about why it was red. Pure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

from tests.mutate.sabotages import Sabotage

TASK = re.compile(r"^TASK \[(.*)\] \**$", re.MULTILINE)
NEXT = re.compile(r"^(?:PLAY|RUNNING HANDLER|INFO|CRITICAL|ERROR|WARNING)\b", re.MULTILINE)
FAILED = re.compile(r"^(?:fatal|failed): \[", re.MULTILINE)


@dataclass(frozen=True)
class Red:
    """One failure: the task or the test, and its words."""

    where: str
    said: str


def reds_of_scenario(log: str) -> list[Red]:
    """The task that ended the scenario: those that failed before it were expected to, and rescued."""
    reds = []
    _, *parts = TASK.split(log)
    for task, output in zip(parts[::2], parts[1::2], strict=True):
        block = NEXT.split(output)[0]
        if failure := FAILED.search(block):
            reds.append(Red(task, block[failure.start() :]))
    return reds[-1:]


def reds_of_pytest(report: str) -> list[Red]:
    """Failed tests; one that could not be set up or imported shows nothing."""
    cases = ET.fromstring(report).iter("testcase")
    return [
        Red(case.attrib["name"].partition("[")[0], f"{failure.get('message', '')}\n{failure.text or ''}")
        for case in cases
        for failure in case.findall("failure")
    ]


def why_not_caught(sabotage: Sabotage, code: int, reds: Iterable[Red]) -> str:
    """ "" when the named test went red for the expected reason."""
    if code == 0:
        return "the test stayed green"
    wanted = sabotage.task or sabotage.test.rpartition("::")[2]
    reds = list(reds)
    here = [red for red in reds if red.where == wanted]
    if not here:
        return f"red elsewhere: {', '.join(red.where for red in reds) or 'no task or test failed'}"
    if not any(re.search(sabotage.saying, red.said) for red in here):
        return f"red in {wanted!r}, but without saying {sabotage.saying!r}"
    return ""
