# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions as numbers, and the oldest Ollama that may serve. Private to this collection."""

from __future__ import annotations

import re
import typing as t

# 0.17.1 closed the leak of the server's memory to anybody who can reach it (CVE-2026-7482).
OLLAMA_FLOOR = (0, 17, 1)

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def parse_version(text: str) -> tuple[int, ...] | None:
    """The three numbers a version begins with; None when it does not begin so."""
    match = _VERSION.match(text)
    return tuple(int(part) for part in match.groups()) if match else None


def dotted(version: t.Sequence[int]) -> str:
    """A version as text."""
    return ".".join(str(part) for part in version)


def is_too_old(version: str) -> str:
    """Why this Ollama must not be used, "" if it may or the version is unknown."""
    numbers = parse_version(version)
    # A build without a version reports 0.0.0.
    if numbers is None or numbers >= OLLAMA_FLOOR or not any(numbers):
        return ""
    return f"leaks memory to anyone who can reach it (CVE-2026-7482); use {dotted(OLLAMA_FLOOR)} or later"
