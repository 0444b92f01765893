# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether registries give the Engine access to what it needs. Private."""

from __future__ import annotations

import os
import re
import typing as t

from .client import Engine, EngineError

# The Engine's status codes if a registry denies access; 26.1.5 returns 500, so the message counts too.
REFUSALS = (401, 403)
_REFUSED = re.compile(
    r"unauthorized|forbidden|(?<!permission )denied|authentication (is )?required|no basic auth credentials",
    re.IGNORECASE,
)


def try_login(engine: Engine, server: str, username: str, password: str) -> str | None:
    """Why a registry rejects a login, "" if it does not; None if unknown."""
    # Ignore root's own configuration for that registry.
    keys = {"registry": server, "reauth": True, "dockercfg_path": os.devnull}
    return _refusal(engine, lambda client: client.login(username, password, **keys))


def try_image(engine: Engine, name: str, login: tuple[str, str] | None, own: bool) -> str | None:
    """The same for an image, with a login or with root's own configuration (own)."""
    known = {"username": login[0], "password": login[1]} if login else None if own else {}
    return _refusal(engine, lambda client: client.inspect_distribution(name, auth_config=known))


def _refusal(engine: Engine, ask: t.Callable[[t.Any], object]) -> str | None:
    try:
        with engine.speaking() as client:
            ask(client)
    except EngineError as error:
        # None if no registry answered: other errors of the SDK have no status.
        status = getattr(error.__cause__, "status_code", None)
        if status is None:
            return None
        said = str(getattr(error.__cause__, "explanation", ""))
        return said if status in REFUSALS or _REFUSED.search(said) else None
    return ""
