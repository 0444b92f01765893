# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins for registries as the inventory writes them: their mistakes, never their passwords. Pure and private."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

# What a module takes as an entry of `registries`.
LOGIN: dict[str, t.Any] = {
    "host": {"type": "str", "required": True},
    # Explicit, because Ansible treats every name with "token" in it as a secret.
    "token_host": {"type": "str", "no_log": False},
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
}

# A host as in image names; other parts of a URL have no meaning for a login.
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class Login:
    """The login for one registry, host[:port], and its token service; it is sent to no other host."""

    host: str
    token_host: str
    username: str
    password: str = field(repr=False)


def read_logins(entries: t.Iterable[t.Mapping[str, t.Any]]) -> tuple[Login, ...]:
    """The `registries` option as logins, after find_mistakes has found none."""
    return tuple(
        Login(one["host"], one.get("token_host") or one["host"], one["username"], one["password"]) for one in entries
    )


# Names of Docker's own registry.
_DOCKERS = ("docker.io", "index.docker.io", "registry-1.docker.io")
DOCKER = "https://index.docker.io/v1/"


def server_of(host: str) -> str:
    """The docker command's name for a registry; for Docker's own it is a historic URL."""
    return DOCKER if host.lower() in _DOCKERS else host.lower()


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and 0 < int(found.group(1) or 443) <= 65535


def find_mistakes(entries: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """All mistakes in the `registries` option, without its secrets."""
    mistakes, seen = [], set()
    for one in entries:
        for key in ("host", "token_host"):
            host = str(one.get(key) or "")
            if (host or key == "host") and not _is_host(host):
                mistakes.append(f"{key} {host.rpartition('@')[2]!r}: write it as in image names, host or host:port")
        host = str(one["host"]).rpartition("@")[2]
        if server_of(host) in seen:
            mistakes.append(f"host {host.lower()!r} is listed more than once: keep one login")
        seen.add(server_of(host))
        mistakes += [f"{key} of {host} is empty" for key in ("username", "password") if not one[key]]
        if ":" in str(one["username"]):
            mistakes.append(f"username of {host} contains a colon, which a login cannot have")
    return mistakes


def find_plain(entries: t.Iterable[t.Mapping[str, t.Any]], returned: str) -> list[str]:
    """Passwords that occur in a module's result, where Ansible would mask them, also in names and paths."""
    return [
        f"ollama_stack_registries: the password for {one['host']} is too simple: it is part of a name or path of this"
        " deploy, where Ansible would mask it too; use a longer one"
        for one in entries
        if one["password"] and one["password"] in returned
    ]
