# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bytes in readable units. Pure and private."""

from __future__ import annotations

# What decides is whether a model fits, and memory limits, `docker stats`, `free` and `df -h` all count in powers of
# 1024; so everything does, downloads too. What must be equal to the byte, such as the size of a blob, is written whole.
_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def sized(amount: float) -> str:
    """Bytes in the units of a memory limit."""
    for unit, name in _UNITS:
        if amount >= unit:
            return f"{amount / unit:.1f} {name}"
    return f"{amount:.0f} bytes"
