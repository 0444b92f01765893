# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTML in which nothing is markup but what this code wrote. Pure and private."""

from __future__ import annotations

import html
import typing as t


class Markup(str):
    """Text that is HTML already. Everything else is escaped where it is put into a page."""

    __slots__ = ()


def escape(value: str) -> Markup:
    # An instance of Markup is the only way past it; a plain str is never one, whatever it holds.
    return value if isinstance(value, Markup) else Markup(html.escape(value, quote=True))


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element; `class_` is the attribute class, `aria_label` is aria-label."""
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{_written(attributes)}>{inside}</{name}>")


def void(name: str, /, **attributes: str) -> Markup:
    """An element without an end."""
    return Markup(f"<{name}{_written(attributes)}>")


def joined(parts: t.Iterable[str]) -> Markup:
    return Markup("".join(escape(part) for part in parts))


def told(value: str) -> Markup:
    """A host's own words inside a line: in whatever direction they run, they do not turn what stands beside them."""
    return tag("bdi", value)


def _written(attributes: t.Mapping[str, str]) -> str:
    pairs = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    # Quoted always, and escaped even where it is ours.
    return "".join(f' {name}="{html.escape(value, quote=True)}"' for name, value in pairs)
