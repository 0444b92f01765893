# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all modules have for registries: their mistakes, and what they mean. Private."""

from __future__ import annotations

import os
import re
import typing as t

from .._registry import logins
from .._registry.access import Access
from .._registry.errors import BadAnswer
from .._registry.rules import check_mirror


def find_mistakes(params: t.Mapping[str, t.Any]) -> list[str]:
    """All mistakes in mirror, insecure, ca_path, registries and ollama_version."""
    mistakes = [f"registries: {mistake}" for mistake in logins.find_mistakes(params["registries"])]
    if params["mirror"] is not None:
        try:
            check_mirror(params["mirror"], params["insecure"])
        except BadAnswer as error:
            mistakes.append(str(error))
    if params["ca_path"] is not None and not os.path.isfile(params["ca_path"]):
        mistakes.append(f"ca_path: {params['ca_path']} is not a file on this host")
    version = params.get("ollama_version")
    if version and re.fullmatch(r"[!-~]+", version) is None:
        mistakes.append(f"ollama_version: {version!r} is not a version; write it as `ollama --version` does, 0.34.2")
    return mistakes


def read_access(params: t.Mapping[str, t.Any]) -> Access:
    """The options as Access, after find_mistakes has found none."""
    return Access(
        mirror=params["mirror"],
        insecure=params["insecure"],
        ca_path=params["ca_path"],
        logins=logins.read_logins(params["registries"]),
        ollama_version=params.get("ollama_version"),
    )
