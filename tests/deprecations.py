"""Judges the deprecation warnings that Ansible printed: ours fail the run, others stand in a list that stays true."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible.release import __version__ as ansible_version

ROOT = Path(__file__).resolve().parent.parent
CORE = ansible_version.rpartition(".")[0]
COLLECTION = re.compile(r"\barchiv[./]ollama\b")

WARNING = re.compile(r"^\[DEPRECATION WARNING\]: (?P<text>.*)(?:\nOrigin: (?P<origin>.*))?", re.MULTILINE)
SCENARIO = re.compile(r"\[(\w+) > \w+\] Executing")


@dataclass(frozen=True)
class Known:
    """A warning that others must mend: part of its text, where it must appear, and who gives it."""

    text: str
    scenarios: tuple[str, ...]
    cores: tuple[str, ...]
    reason: str


KNOWN: tuple[Known, ...] = ()


def complaint(output: str, known: Sequence[Known] = KNOWN, core: str = CORE) -> str | None:
    """The first warning that nobody may give, or an entry of the list that has become wrong."""
    found = list(warnings(output))
    for text, origin in found:
        where = f" ({origin})" if origin else ""
        if is_ours(text, origin):
            return f"a deprecation warning names our own: {text}{where}"
        if not any(entry.text in text for entry in known):
            return f"a deprecation warning is not in the list of tests/deprecations.py: {text}{where}"
    ran = set(SCENARIO.findall(output))
    for entry in known:
        if core in entry.cores and ran & set(entry.scenarios) and not any(entry.text in text for text, _ in found):
            return f"tests/deprecations.py lists a deprecation warning that no longer appears: {entry.text}"
    return None


def warnings(output: str) -> Iterator[tuple[str, str]]:
    for found in WARNING.finditer(output):
        yield found["text"], found["origin"] or ""


def is_ours(text: str, origin: str) -> bool:
    """Our collection's name, or a file of this checkout that is not one of its environments'."""
    if COLLECTION.search(text):
        return True
    path = Path(origin.split(":")[0])
    return path.is_relative_to(ROOT) and "site-packages" not in path.parts
