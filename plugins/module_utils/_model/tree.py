# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digest of a folder's content, the same on the controller and on a host. Pure and private."""

from __future__ import annotations

import hashlib
import typing as t

# Bytecode, which depends on the host's Python.
CACHE = "__pycache__"


def sum_tree(sums: t.Mapping[str, str]) -> str:
    """The SHA-256 of a folder, from those of its files by their path below it."""
    lines = sorted(f"{sha256}  {path}\n" for path, sha256 in sums.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
