# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd is doing. Private."""

from __future__ import annotations

import subprocess

# It answers at once, unless it is in trouble itself.
_SECONDS = 5.0


def system_state() -> str:
    """As `systemctl is-system-running` says it: running, degraded, stopping, ...; "" if there is no answer."""
    try:
        asked = subprocess.run(
            ["systemctl", "is-system-running"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return asked.stdout.strip()
