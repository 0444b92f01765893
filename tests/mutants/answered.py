"""Mutants that no test is to catch, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One mutant: its file, the line that it changes, what is done to that, and why no test is to mind."""

    file: str
    text: str
    operator: str
    why: str


ANSWERED: tuple[Answer, ...] = (
    Answer(
        "_serve/health",
        "return int(year) if year.isdigit() else 0",
        "NumberReplacer",
        "Any year before 2200 means that a model is not pinned.",
    ),
)
