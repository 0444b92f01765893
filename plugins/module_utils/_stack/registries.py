# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets the Engine try the logins and images that a deploy needs from registries. Private."""

from __future__ import annotations

from .._engine.access import try_image, try_login
from .._engine.client import Engine, EngineError
from .._engine.compose import Document
from .._registry.logins import Login, server_of
from . import preflight
from .actions import find_missing_images
from .files import look_at_logins
from .inputs import registry_of
from .types import Query, Seen


def try_registries(query: Query, seen: Seen, document: Document) -> preflight.Registries:
    """Let the Engine try what a deploy needs from registries: new logins and missing images."""
    services = (document.get("services") or {}).values()
    built = {service.get("image", "") for service in services if service.get("build")}
    images = [name for name in find_missing_images(seen) if name not in built]
    on_host = all(file.sha256 == file.wanted_sha256 for file in look_at_logins(query))
    try:
        engine = Engine(query.docker_host)
    except EngineError:
        return preflight.Registries()
    logins = {server_of(login.host): login for login in query.logins}
    # The last answer of each registry; one that refused or did not answer is not asked again.
    told: dict[str, str | None] = {}
    if images or not on_host:
        told = {server: try_login(engine, server, one.username, one.password) for server, one in logins.items()}
    refused = {login.host: told[server] or "" for server, login in logins.items() if told.get(server)}
    kept_back = {}
    for name in images:
        server = server_of(registry_of(name))
        if told.get(server, "") == "":
            told[server] = try_image(engine, name, _credentials(logins.get(server)), own=not logins)
            if told[server]:
                kept_back[name] = told[server] or ""
                # Other images of this registry may be accessible.
                told[server] = ""
    return preflight.Registries(refused, kept_back, own=not logins)


def _credentials(login: Login | None) -> tuple[str, str] | None:
    return (login.username, login.password) if login else None
