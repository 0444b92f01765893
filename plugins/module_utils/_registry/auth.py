# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authentication at registries. Private."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .errors import ServerError, Unauthorized, is_ill, shown
from .logins import Login
from .rules import is_at, origin, split_url


@dataclass(frozen=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    realm: str
    service: str
    scope: str


def read_challenge(header: str | None) -> Challenge | None:
    """Parse WWW-Authenticate; None if the scheme is not supported."""
    match = re.match(r"\s*(bearer|basic)\b(.*)", header or "", re.IGNORECASE | re.DOTALL)
    if match is None:
        return None
    fields = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2)))
    return Challenge(
        match.group(1).lower(),
        fields.get("realm", ""),
        fields.get("service", ""),
        fields.get("scope", ""),
    )


class Identity:
    """The Authorization headers of registries by their origins; a registry's login is sent to no other."""

    def __init__(self, logins: Sequence[Login], ask: Callable[[str, dict[str, str]], tuple[int, bytes]]) -> None:
        self._logins = logins
        # One request to a token service: the status and, with 200, the body.
        self._ask = ask
        # Workers share it, and a dict item is replaced atomically.
        self._authorization: dict[tuple[str, str, int], str] = {}

    def headers(self, home: tuple[str, str, int]) -> dict[str, str]:
        """The headers for a request to this origin."""
        known = self._authorization.get(home)
        return {"Authorization": known} if known else {}

    def learn(self, challenge: Challenge, url: str) -> bool:
        """Get the credentials for the origin of url; False if there are none to try."""
        home = origin(url)
        if challenge.scheme == "bearer":
            self._authorization[home] = "Bearer " + self._token(challenge, url)
            return True
        basic = self._basic(url, url)
        if basic is None or self._authorization.get(home) == basic:
            return False
        self._authorization[home] = basic
        return True

    def _login(self, url: str) -> Login | None:
        return next((login for login in self._logins if is_at(login.host, url)), None)

    def _basic(self, registry: str, asking: str) -> str | None:
        """The Authorization header for the URL that asks; None if the login must not be sent there."""
        login = self._login(registry)
        if login is None or not (is_at(login.host, asking) or is_at(login.token_host, asking)):
            return None
        return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()

    def _token(self, challenge: Challenge, url: str) -> str:
        """Request a token from the realm, with the registry's login if it may be sent there."""
        where = f"the token service of {shown(url)}"
        parts = split_url(challenge.realm)
        if parts is None or not parts.hostname or "@" in parts.netloc:
            raise Unauthorized(f"{where} is not a valid URL: {challenge.realm[:100]!r}")
        if origin(challenge.realm) != origin(url) and parts.scheme != "https":
            raise Unauthorized(f"{where} is at {shown(challenge.realm)}, which is not https")
        basic = self._basic(url, challenge.realm)
        asked = {"service": challenge.service, "scope": challenge.scope}
        query = urlencode({key: value for key, value in asked.items() if value})
        status, raw = self._ask(
            f"{challenge.realm}{'&' if parts.query else '?'}{query}",
            {"Authorization": basic} if basic else {},
        )
        if is_ill(status):
            raise ServerError(f"{where} returned HTTP {status}; try again later")
        if status != 200:
            raise Unauthorized(_no_token(where, status, parts.netloc, self._login(url), basic is not None))
        return read_token(raw, where)


def read_token(raw: bytes, where: str) -> str:
    """The token in a token service's response."""
    try:
        answer: Any = json.loads(raw)
    except ValueError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or re.fullmatch(r"[!-~]+", token) is None:
        raise Unauthorized(f"{where} returned no token")
    return token


def _no_token(where: str, status: int, host: str, login: Login | None, told: bool) -> str:
    if told and login is not None:
        return (
            f"{where} rejected the login for {login.host} (HTTP {status}); check the password in `registries`"
            " (ollama_stack_registries)"
        )
    if login is not None:
        return (
            f"{where} is at {host}, which does not get the login for {login.host}, and returned no token without it"
            f" (HTTP {status}); if it belongs to that registry, set in `registries` (ollama_stack_registries):"
            f" token_host: {host}"
        )
    return (
        f"{where} requires a login (HTTP {status}); add one to `registries` (ollama_stack_registries)"
        f" with token_host: {host}, or check the name (some registries return this for models that do not exist)"
    )
