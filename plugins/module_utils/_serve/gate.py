# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the gate on this host what it has loaded and what it has counted. Private."""

from __future__ import annotations

from dataclasses import dataclass

from .._engine.client import Container
from .api import ApiError, over_http

# The port at which the gate speaks of itself; what it says is no secret.
PORT = 8405
_SECONDS = 2.0
# The longest number is a 32-bit counter.
_LONGEST = 20


@dataclass(frozen=True)
class Loaded:
    """The mark of the files that the gate has loaded, or why that is unknown."""

    mark: str = ""
    problem: str = ""


def ask_loaded(container: Container) -> Loaded:
    """What a running gate has loaded."""
    try:
        return Loaded(mark=_read(container, "/loaded").strip())
    except ApiError as error:
        return Loaded(problem=f"does not answer on port {PORT}: {error}")


def ask_counts(container: Container) -> dict[str, int]:
    """What a running gate has counted since its last reload; ApiError says why that is unknown."""
    return parse_counts(_read(container, "/counts"))


def parse_counts(text: str) -> dict[str, int]:
    """Lines of a name and a number; all else is left out, as a container may say anything."""
    counts = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name.isidentifier() and number.isdecimal() and number.isascii() and len(number) <= _LONGEST:
            counts[name] = int(number)
    return counts


def _read(container: Container, path: str) -> str:
    failure = ApiError("the container has no IP address")
    for address in container.addresses.values():
        try:
            status, raw = over_http(f"http://{address}:{PORT}")("GET", path, None, _SECONDS)
        except ApiError as error:
            failure = error
            continue
        if status == 200:
            return raw.decode(errors="replace")
        failure = ApiError(f"HTTP {status}")
    raise failure
