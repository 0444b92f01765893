# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules for registry URLs, redirects and where credentials are sent, and what is refused there. Private."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from .._model.names import DEFAULT_HOST, ModelName
from .access import Access
from .errors import BadAnswer, InsecureRedirect, shown


def origin(url: str) -> tuple[str, str, int]:
    """Two URLs with the same origin may get the same credentials."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return (parts.scheme, (parts.hostname or "").lower(), port)


def is_at(host: str, url: str) -> bool:
    """Whether a URL leads to host[:port]; without a port it is that of the URL's scheme."""
    return origin(url) == origin(f"{urlsplit(url).scheme}://{host}")


def base_url(name: ModelName, access: Access) -> str:
    """Base URL of a model's registry; a mirror replaces the default registry only."""
    if name.host.lower() != DEFAULT_HOST:
        # With a mirror, insecure applies to the mirror only.
        return f"{'http' if access.insecure and access.mirror is None else 'https'}://{name.host}"
    if access.mirror is None:
        return f"https://{DEFAULT_HOST}"
    check_mirror(access.mirror, access.insecure)
    return access.mirror.rstrip("/")


def check_mirror(url: str, insecure: bool) -> None:
    """Refuse an invalid or insecure mirror URL."""
    parts = split_url(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAnswer(f"mirror {url.rpartition('@')[2]!r} is not a URL; write https://host[:port][/path]")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadAnswer(
            f"mirror {shown(url)} contains credentials or a query; put its login into `registries`"
            " (ollama_stack_registries) and only the URL here"
        )
    if parts.scheme == "http" and not insecure:
        raise BadAnswer(
            f"mirror {shown(url)} is plain HTTP, which anyone in between can alter; use https, or set `insecure: true`"
            " (ollama_stack_mirror_insecure)"
        )


def next_hop(url: str, location: str | None) -> str:
    """The target of a redirect, refused if it is less secure."""
    if not location:
        raise BadAnswer(f"{shown(url)} returned a redirect without a Location header")
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    parts = split_url(target)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InsecureRedirect(
            f"{shown(url)} redirects to {location.split(':', 1)[0][:20]!r}, which is not an http or"
            " https URL; the redirect was refused, ask the registry's operator"
        )
    if parts.scheme == "http" and urlsplit(url).scheme == "https":
        raise InsecureRedirect(f"{shown(url)} redirects from https to plain http at {parts.hostname}; this is refused")
    if "@" in parts.netloc:
        raise InsecureRedirect(f"{shown(url)} redirects to a URL with a user name in it; this is refused")
    return target


def split_url(url: str) -> SplitResult | None:
    """Split a URL, None if it is invalid: a bad port or bracket only raises on access."""
    if re.fullmatch(r"[!-~]+", url) is None:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
