# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether registries give the Engine what it asks them for. Private."""

from __future__ import annotations

import os
import re
import typing as t

from .client import Engine, EngineError

# What an Engine answers when a registry wants another login; 26.1.5 makes an error 500 of it, so words count too.
REFUSALS = (401, 403)
_REFUSED = re.compile(
    r"unauthorized|forbidden|(?<!permission )denied|authentication (is )?required|no basic auth credentials",
    re.IGNORECASE,
)


def try_login(engine: Engine, server: str, username: str, password: str) -> str | None:
    """Why a registry does not take a login, "" where it does; None where nobody can tell."""
    # What root's own configuration says of that registry must not count.
    keys = {"registry": server, "reauth": True, "dockercfg_path": os.devnull}
    return _refusal(engine, lambda client: client.login(username, password, **keys))


def try_image(engine: Engine, name: str, login: tuple[str, str] | None, own: bool) -> str | None:
    """The same of an image, asked for with a login or as whom root's own configuration names (own)."""
    known = {"username": login[0], "password": login[1]} if login else None if own else {}
    return _refusal(engine, lambda client: client.inspect_distribution(name, auth_config=known))


def _refusal(engine: Engine, ask: t.Callable[[t.Any], object]) -> str | None:
    try:
        with engine.speaking() as client:
            ask(client)
    except EngineError as error:
        # None where no registry answered: the SDK's other errors carry no status.
        status = getattr(error.__cause__, "status_code", None)
        if status is None:
            return None
        said = str(getattr(error.__cause__, "explanation", ""))
        return said if status in REFUSALS or _REFUSED.search(said) else None
    return ""
