# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses a registry may have, and who is told what: no request is made here. Private."""

from __future__ import annotations

import os
import re
import typing as t
from urllib.parse import SplitResult, urljoin, urlsplit

from .._model.names import DEFAULT_HOST, ModelName
from . import logins
from .access import Access
from .errors import BadAnswer, InsecureRedirect, shown


def origin(url: str) -> tuple[str, str, int]:
    """What two URLs must share for credentials to go to both."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return (parts.scheme, (parts.hostname or "").lower(), port)


def is_at(host: str, url: str) -> bool:
    """Whether a URL leads to host[:port]; without a port it is that of the URL's scheme."""
    return origin(url) == origin(f"{urlsplit(url).scheme}://{host}")


def base_url(name: ModelName, access: Access) -> str:
    """Where a model's registry answers; a mirror stands in for the default registry only."""
    if name.host.lower() != DEFAULT_HOST:
        # Where there is a mirror, it alone is meant to be insecure.
        return f"{'http' if access.insecure and access.mirror is None else 'https'}://{name.host}"
    if access.mirror is None:
        return f"https://{DEFAULT_HOST}"
    check_mirror(access.mirror, access.insecure)
    return access.mirror.rstrip("/")


def check_mirror(url: str, insecure: bool) -> None:
    """Refuse a mirror we could not, or should not, speak to."""
    parts = split_url(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadAnswer(f"mirror {url.rpartition('@')[2]!r} is not a URL; write https://host[:port][/path]")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise BadAnswer(
            f"mirror {shown(url)} carries credentials or a query; give its login in `registries`"
            " (ollama_stack_registries) and the bare URL here"
        )
    if parts.scheme == "http" and not insecure:
        raise BadAnswer(
            f"mirror {shown(url)} is plain HTTP, which anyone on the way can change; use https, or say `insecure: true`"
            " (ollama_stack_mirror_insecure)"
        )


def next_hop(url: str, location: str | None) -> str:
    """Where a redirect leads, refused unless it is as safe as where we are."""
    if not location:
        raise BadAnswer(f"{shown(url)} answered with a redirect that leads nowhere (no Location)")
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    parts = split_url(target)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InsecureRedirect(
            f"{shown(url)} redirects to {location.split(':', 1)[0][:20]!r}, which is no http or"
            " https address; nothing was read from it, ask who runs this registry"
        )
    if parts.scheme == "http" and urlsplit(url).scheme == "https":
        raise InsecureRedirect(f"{shown(url)} redirects from https to plain http at {parts.hostname}; this was refused")
    if "@" in parts.netloc:
        raise InsecureRedirect(f"{shown(url)} redirects to an address with a user name in it")
    return target


def split_url(url: str) -> SplitResult | None:
    """Split a URL, None when it is none: a bad port or bracket only shows when asked for."""
    if re.fullmatch(r"[!-~]+", url) is None:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def find_mistakes(params: t.Mapping[str, t.Any]) -> list[str]:
    """Everything about mirror, insecure, ca_path, registries and ollama_version that cannot be."""
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
