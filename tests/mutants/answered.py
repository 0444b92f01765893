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


ANSWERED: tuple[Answer, ...] = ()
