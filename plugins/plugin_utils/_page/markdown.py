# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same fleet as text for a chat. Pure and private."""

from __future__ import annotations

import re
import typing as t

from . import words
from .facts import WELL, Host, Trouble

# What Markdown, or a chat, could take for more than a letter. The rest stays readable where nobody reads Markdown.
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~@&$!{}])")
# Both become links by themselves.
_LINKS = re.compile(r"(?i)(:)(?=//)|(?<=www)(\.)")


def markdown(hosts: t.Iterable[Host], now: float) -> str:
    """A summary, a table of all hosts, and what is wrong with the command for it."""
    ordered = words.by_state(hosts)
    lines = [f"**Ollama: {words.summary(ordered)}** ({words.utc(now)})", ""]
    lines += [f"{plain(note)}\n" for note in words.differing(ordered)]
    lines += ["| Host | State | Ollama | Model | Memory |", "| --- | --- | --- | --- | --- |", *map(_row, ordered)]
    lines += [f"\n{plain(host.name)} is {plain(host.lease)}" for host in ordered if host.lease]
    for host in ordered:
        faults = [one for one in host.troubles if not one.note]
        if faults:
            lines += ["", f"**{plain(host.name)}** {_state(host)}", "", *map(_trouble, faults)]
    return "\n".join(lines) + "\n"


def line(hosts: t.Iterable[Host], now: float) -> str:
    """How many hosts there are, and which need a person."""
    ordered = words.by_state(hosts)
    bad = [host.name for host in ordered if host.state != WELL]
    return words.summary(ordered) + (f": {', '.join(bad)}" if bad else "")


def plain(text: str) -> str:
    """A host's words as words."""
    return _LINKS.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\1", text))


def code(text: str) -> str:
    """A host's words between backticks, more of them than it has itself."""
    runs = [len(run) for run in re.findall(r"`+", text)]
    fence = "`" * (max(runs, default=0) + 1)
    # Only where it begins or ends with one; the blanks are not shown.
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _row(host: Host) -> str:
    model, server = (host.models[0].name if host.models else ""), host.server
    cells = (
        plain(host.name),
        _state(host),
        plain(host.versions.get("ollama") or "unknown"),
        # A bar ends a cell even between backticks.
        code(model).replace("|", "\\|") if model else "unknown",
        words.memory(server) if server else "unknown",
    )
    return f"| {' | '.join(cells)} |"


def _state(host: Host) -> str:
    symbol, word = words.STATE_WORDS[host.state]
    return f"{symbol} {word}"


def _trouble(trouble: Trouble) -> str:
    told = ": ".join(plain(part) for part in (trouble.subject, trouble.why) if part)
    return f"- {told}{f'. {words.place(trouble)} {code(trouble.command)}' if trouble.command else ''}"
