# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the gate on this host what it has loaded and what it has counted. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .._engine.client import Container
from .api import ApiError, ApiTimeout, over_http

# The port at which the gate speaks of itself; what it says is no secret.
PORT = 8405
_SECONDS = 2.0
# Why a question got no answer, and the seconds within which answers are counted: as the role has them in its vars.
REFUSALS = ("path", "host", "body", "slow", "token", "rate", "queue", "deadline", "unavailable")
WITHIN = (1, 2, 5, 10, 20, 40, 60)
# HAProxy's counters have 32 bits.
_LARGEST = 2**32 - 1


@dataclass(frozen=True)
class Loaded:
    """The mark of the files that the gate has loaded, or why that is unknown."""

    mark: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Counts:
    """What the gate has counted since its last reload, and how many questions it has now."""

    waiting: int
    at_work: int
    questions: int
    light: int
    without_token: int
    answered: int
    answered_milliseconds: int
    # By seconds: the answers that took at most so long.
    within: t.Mapping[int, int]
    # By reason.
    refused: t.Mapping[str, int]


def ask_loaded(container: Container) -> Loaded:
    """What a running gate has loaded."""
    try:
        return Loaded(mark=_read(container, "/loaded").strip())
    except ApiError as error:
        return Loaded(problem=f"does not answer on port {PORT}: {error}")


def ask_counts(container: Container) -> Counts:
    """What a running gate has counted; ApiError says why that is unknown."""
    return parse_counts(_read(container, "/counts"))


def parse_counts(text: str) -> Counts:
    """Lines of a name and a number; a container may say anything, so it is all that is known or ApiError."""
    told: dict[str, int] = {}
    # What has no end of line may have been cut off within a number.
    *lines, _cut = text.split("\n")
    for line in lines:
        name, _, number = line.partition(" ")
        # Compared as text first: a number without end takes long to read.
        if number.isdecimal() and number.isascii() and len(number) <= len(str(_LARGEST)) and int(number) <= _LARGEST:
            told[name] = int(number)

    def take(name: str) -> int:
        if name not in told:
            raise ApiError(f"its counts have no number {name}")
        return told[name]

    return Counts(
        waiting=take("waiting"),
        at_work=take("at_work"),
        questions=take("questions"),
        light=take("light"),
        without_token=take("without_token"),
        answered=take("answered"),
        answered_milliseconds=take("answered_milliseconds"),
        within={seconds: take(f"answered_within_{seconds}") for seconds in WITHIN},
        refused={reason: take(f"refused_{reason}") for reason in REFUSALS},
    )


def _read(container: Container, path: str) -> str:
    failure = ApiError("the container has no IP address")
    for address in container.addresses.values():
        try:
            status, raw = over_http(f"http://{address}:{PORT}")("GET", path, None, _SECONDS)
        except ApiTimeout:
            # It would hang at its other addresses too.
            raise
        except ApiError as error:
            failure = error
            continue
        if status == 200:
            return raw.decode(errors="replace")
        failure = ApiError(f"HTTP {status}")
    raise failure
