# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bar of memory against its limit, and the plot of a day. Pure and private."""

from __future__ import annotations

from .facts import DAY, Host, Service
from .markup import Markup, joined, tag
from .words import NEAR, OVER, memory, plot_words, share

_WIDTH, _HEIGHT = 480, 80
# Samples further apart than this are not joined: between them the host was off, or nobody looked.
_GAP_SECONDS = 2700
# Room above the highest line.
_HEADROOM = 1.08


def bar(service: Service) -> Markup:
    """How full a service's memory is; the thin line is its peak, the striped part is above 80 % of the limit."""
    part = share(service)
    if part is None:
        return Markup("")
    kind = "over" if part >= OVER else "near" if part >= NEAR else "fill"
    peak = Markup("")
    if service.peak is not None and service.limit:
        x = f"{min(service.peak / service.limit, 1) * 100:.1f}"
        peak = tag("line", class_="peak", x1=x, x2=x, y1="0", y2="10")
    return tag(
        "svg",
        tag("title", f"Memory of {service.name or 'a service'}: {memory(service)}"),
        tag("rect", class_="track", width="100", height="10"),
        tag("rect", class_=kind, width=f"{part * 100:.1f}", height="10"),
        tag("line", class_="mark", x1="90", x2="90", y1="0", y2="10"),
        peak,
        class_="bar",
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        role="img",
    )


def plot(host: Host) -> Markup:
    """The server's memory over a day, from nothing to its limit."""
    if not host.samples:
        return Markup("")
    until = host.time if host.time is not None else host.samples[-1][0]
    top = max([used for _time, used in host.samples] + [host.limit or 0]) * _HEADROOM or 1
    runs = _runs(host, until, top)
    limit = Markup("")
    if host.limit:
        y = f"{_HEIGHT - host.limit / top * _HEIGHT:.0f}"
        limit = tag("line", class_="limit", x1="0", x2=str(_WIDTH), y1=y, y2=y)
    return tag(
        "svg",
        tag("title", f"Memory of ollama: {plot_words(host)}"),
        limit,
        joined(tag("path", class_="area", d=_area(run)) for run in runs),
        tag("path", class_="line", d="".join(map(_line, runs))),
        class_="plot",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
    )


def _runs(host: Host, until: float, top: float) -> list[list[tuple[int, int]]]:
    """The points in the picture's own units, in pieces without a gap."""
    runs: list[list[tuple[int, int]]] = []
    before = 0.0
    for time, used in host.samples:
        if time - before > _GAP_SECONDS:
            runs.append([])
        x = round((time - (until - DAY)) / DAY * _WIDTH)
        runs[-1].append((min(max(x, 0), _WIDTH), round(_HEIGHT - used / top * _HEIGHT)))
        before = time
    return runs


def _line(run: list[tuple[int, int]]) -> str:
    # A point alone is a line of no length, which round ends show.
    rest = run[1:] or run
    return f"M{run[0][0]},{run[0][1]}L" + " ".join(f"{x},{y}" for x, y in rest)


def _area(run: list[tuple[int, int]]) -> str:
    return f"{_line(run)}V{_HEIGHT}H{run[0][0]}Z"
