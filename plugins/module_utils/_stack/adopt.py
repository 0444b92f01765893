# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backend that was set up by hand would lose by adoption. Pure and private to this collection."""

from __future__ import annotations

import json
import re
import typing as t

from .._engine.compose import Document

BACKEND = "backend"
# ollama_stack_backend_image answers for both.
_GIVEN = ("image", "build")
# What has a meaning only as a whole.
_WHOLE = ("command", "entrypoint", "healthcheck", "logging", "deploy")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")


def parts_of(document: Document) -> dict[str, t.Any]:
    """The settings of a compose file's backend as Compose reads it, each by a name that operators know."""
    parts: dict[str, t.Any] = {}
    for key, value in ((document.get("services") or {}).get(BACKEND) or {}).items():
        if key in _GIVEN or value in (None, [], {}):
            continue
        if key in _WHOLE or not isinstance(value, (dict, list)):
            parts[key] = value
        elif isinstance(value, dict):
            parts.update({f"{key}.{name}": _plain(key, name, one, document) for name, one in value.items()})
        else:
            for one in value:
                # A host may have several addresses.
                parts.setdefault(f"{key}.{_name(key, one)}", []).append(_plain(key, "", one, document))
    return parts


def find_losses(old: Document, new: Document) -> list[str]:
    """Names of the old backend's settings that the new one lacks or changes."""
    have = parts_of(new)
    return [name for name, value in parts_of(old).items() if name not in have or have[name] != value]


def find_refusals(old: Document, new: Document, without: t.Sequence[str], where: str) -> list[str]:
    """Why the new backend must not replace the old one yet; values are never shown, as they may be secrets."""
    known = parts_of(old)
    lost = [name for name in find_losses(old, new) if name not in without]
    unknown = [name for name in without if name not in known]
    refusals = []
    if lost:
        refusals.append(
            f"the backend in {where} has settings that the new one lacks or changes: {', '.join(lost)}; add each"
            " to the inventory (ollama_stack_backend_environment, ollama_stack_backend_secrets,"
            " ollama_stack_backend_extra or its own input), or drop it by listing it in"
            " ollama_stack_adopt_without"
        )
    if unknown:
        refusals.append(
            f"ollama_stack_adopt_without lists {', '.join(unknown)}, which the backend in {where} does not have: it has"
            f" {', '.join(known) or 'no settings'}"
        )
    return refusals


def unreadable(where: str, why: str) -> str:
    """The refusal if Compose cannot read the old file; quoted parts of its error may be secrets and are left out."""
    return (
        f"cannot tell what the backend in {where} would lose: Compose cannot read the file"
        f" ({_QUOTED.sub('...', why)}): fix it until `docker compose config` accepts it, or remove the old containers"
        " and the file by hand (the volumes are kept), then deploy again"
    )


def _name(key: str, one: t.Any) -> str:
    if key == "ports" and isinstance(one, dict):
        address, published, protocol = one.get("host_ip", ""), one.get("published", ""), one.get("protocol", "tcp")
        parts = [f"[{address}]" if ":" in address else address, str(published), str(one.get("target"))]
        return ":".join(part for part in parts if part) + ("" if protocol == "tcp" else f"/{protocol}")
    if isinstance(one, dict):
        return str(one.get("target") or one.get("source") or json.dumps(one, sort_keys=True))
    return str(one).partition("=")[0] if key == "extra_hosts" else str(one)


def _plain(key: str, name: str, one: t.Any, document: Document) -> t.Any:
    """A normalized setting: the same volume, network or file under another key is the same."""
    if key == "networks":
        return {**(one or {}), "name": _real_name(document, "networks", name)}
    if not isinstance(one, dict):
        return one
    if key == "volumes":
        source = one.get("source", "")
        source = _real_name(document, "volumes", source) if one.get("type") == "volume" and source else source
        # Short and long form differ in it.
        bind = {option: value for option, value in (one.get("bind") or {}).items() if option != "create_host_path"}
        return {**one, "source": source, "bind": bind}
    if key in ("secrets", "configs"):
        # The file it comes from is another in any case.
        return {option: value for option, value in one.items() if option != "source"}
    return one


def _real_name(document: Document, kind: str, key: str) -> str:
    return str(((document.get(kind) or {}).get(key) or {}).get("name", key))
