# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How registries may be reached, and as whom. Pure and private."""

from __future__ import annotations

from dataclasses import dataclass

from .logins import Login


@dataclass(frozen=True)
class Access:
    """How to reach registries, and with which logins."""

    mirror: str | None = None
    insecure: bool = False
    ca_path: str | None = None
    logins: tuple[Login, ...] = ()
    # The registry compares this with what a model requires, and answers 412 to an older Ollama.
    ollama_version: str | None = None
