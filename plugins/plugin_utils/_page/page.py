# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of a fleet: one file of HTML, without a script and with nothing from elsewhere. Pure and private."""

from __future__ import annotations

import base64
import hashlib
import typing as t

from . import words
from .drawing import bar, plot
from .facts import WELL, Event, Host, Model, Service, Trouble
from .markup import Markup, escape, joined, tag, told, void
from .style import STYLE
from .words import Word

# In the first sentence.
_MOST_NAMED = 8


def page(hosts: t.Iterable[Host], now: float) -> str:
    """The whole page."""
    ordered = words.by_state(hosts)
    title = f"Ollama: {words.summary(ordered)}"
    sheet = Markup(STYLE)
    known = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    # Nothing but our own sheet: were a host's text ever taken for markup, it could still load and run nothing.
    policy = f"default-src 'none'; style-src 'sha256-{known}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=policy),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", sheet),
    )
    body = tag("body", _header(ordered, now), _main(ordered), _footer())
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _header(hosts: t.Sequence[Host], now: float) -> Markup:
    notes = [tag("p", note) for note in words.differing(hosts)]
    return tag(
        "header",
        tag("h1", "Ollama on its hosts"),
        tag("p", words.summary(hosts), class_="sum"),
        _which(hosts),
        tag("p", "As of ", _time(now), class_="soft"),
        *notes,
    )


def _which(hosts: t.Sequence[Host]) -> Markup:
    """The hosts that need a person, as links; the table has the rest of a long list."""
    bad = [tag("a", told(host.name), href=f"#h{n}") for n, host in enumerate(hosts) if host.state != WELL]
    if not bad:
        return Markup("")
    more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    named = [part for one in bad[:_MOST_NAMED] for part in (", ", one)][1:]
    return tag("p", *named, more)


def _footer() -> Markup:
    return tag(
        "footer",
        tag("p", "Commands are what each host proposes: read one before you type it.", class_="soft"),
        tag(
            "p",
            "Memory is what a container cannot give back; at its limit it is killed. In its bar the solid line is the"
            " most it had so far, the dotted one is at 90 % of the limit; in the plot the dashed line is the limit.",
            class_="soft",
        ),
    )


def _main(hosts: t.Sequence[Host]) -> Markup:
    cards = [_card(host, f"h{number}") for number, host in enumerate(hosts)]
    return tag("main", _overview(hosts), *cards)


def _overview(hosts: t.Sequence[Host]) -> Markup:
    names = (
        ("Host", ""),
        ("State", ""),
        ("Ollama", "wide"),
        ("Model", "wide"),
        ("Memory", "wide"),
        ("Deployed", "wide"),
    )
    head = tag("tr", *(tag("th", name, scope="col", class_=kind) for name, kind in names))
    rows = [_row(host, f"h{number}") for number, host in enumerate(hosts)]
    return tag(
        "section",
        tag("h2", "All hosts", id="all"),
        tag("table", tag("thead", head), tag("tbody", *rows)),
        class_="card",
        aria_labelledby="all",
    )


def _row(host: Host, place: str) -> Markup:
    model = host.models[0] if host.models else None
    deploy = host.runs.get("deploy")
    full = words.fullness(host.server)
    cells = (
        host.versions.get("ollama") or "unknown",
        model.name if model and model.name else "unknown",
        _word(full) if full else "unknown",
        words.age(deploy.time if deploy else None, host.time),
    )
    return tag(
        "tr",
        tag("th", tag("a", told(host.name), href=f"#{place}"), scope="row"),
        tag("td", _state(host)),
        *(tag("td", told(cell), class_="wide soft" if cell == "unknown" else "wide") for cell in cells),
    )


def _card(host: Host, place: str) -> Markup:
    where = " on ".join(filter(None, (host.project, host.fqdn)))
    asked = words.utc(host.time) if host.answered else ""
    beneath = [told(where)] if where else []
    beneath += [escape(f"{', ' if where else ''}its clock says {asked}")] if asked else []
    return tag(
        "article",
        tag("div", tag("h2", told(host.name), id=place), tag("p", _state(host), class_="state"), class_="top"),
        tag("p", *beneath, class_="soft") if beneath else Markup(""),
        _wrong("What is wrong", [one for one in host.troubles if not one.note], "wrong"),
        _wrong("Worth knowing", [one for one in host.troubles if one.note], "note"),
        _facts(host) if host.answered else Markup(""),
        class_="card" if host.state == WELL else "card ill",
        aria_labelledby=place,
    )


def _state(host: Host) -> Markup:
    symbol, word = words.STATE_WORDS[host.state]
    return _word(("good" if host.state == WELL else "open" if symbol == "?" else "bad", symbol, word))


def _word(word: Word) -> Markup:
    """A symbol for who sees it, and the word for all; its colour only repeats them."""
    kind, symbol, name = word
    return tag("span", tag("span", symbol, aria_hidden="true"), " ", name, class_=kind)


def _wrong(title: str, troubles: t.Sequence[Trouble], kind: str) -> Markup:
    if not troubles:
        return Markup("")
    # One command that mends several things stands once, below the last of them.
    after = [*(one.command for one in troubles[1:]), ""]
    lines = [_trouble(one, one.command if one.command != then else "") for one, then in zip(troubles, after)]
    return tag("div", tag("h3", title), tag("ul", *lines), class_=kind)


def _trouble(trouble: Trouble, command: str) -> Markup:
    subject = joined((tag("b", told(trouble.subject)), ": ")) if trouble.subject else Markup("")
    shown = Markup("")
    if command:
        where = tag("span", words.place(trouble), class_="soft")
        shown = joined((tag("p", where), tag("code", command, class_="cmd", dir="ltr")))
    return tag("li", subject, told(trouble.why), shown)


def _facts(host: Host) -> Markup:
    left = tag(
        "div",
        _section("Models", *(_model(one, host) for one in host.models)),
        _section("Services", *(_service(one, host) for one in host.services)),
        _section("Host", _about(host)),
    )
    right = tag("div", _day(host), _section("History", _history(host)))
    return tag("div", left, right, class_="cols")


def _section(title: str, *inside: Markup) -> Markup:
    return tag("section", tag("h3", title), *(inside or (tag("p", "Nothing is known.", class_="soft"),)))


def _pairs(*pairs: tuple[str, str]) -> Markup:
    """Names and values; a value is text, or markup with a word and its symbol."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs))


def _model(model: Model, host: Host) -> Markup:
    digest = tag("code", words.short(model.digest), title=model.digest or "unknown")
    notes = [tag("p", told(note), class_="soft") for note in model.unproven] if model.intact is None else []
    return tag(
        "div",
        tag("h4", told(model.name or "unknown")),
        tag("p", "Digest ", digest, " ", _word(words.digest(model)), class_="soft"),
        _pairs(
            ("Cached", _word(words.yes(model.cached))),
            ("Intact", _word(words.intact(model))),
            ("Healthy", _word(words.healthy(host))),
            ("Loaded", _word(words.loaded(model))),
            ("Pinned", _word(words.pinned(model))),
            ("Answer", words.answer(model, host.time)),
            *((("On the GPU", f"{model.gpu * 100:.0f} %"),) if model.gpu else ()),
        ),
        *notes,
        class_="one",
    )


def _service(service: Service, host: Host) -> Markup:
    since = f", for {words.span(host.time - service.started)}" if host.time and service.started else ""
    kills = words.times(service.kills)
    if service.gaps:
        kills += " (some may have been missed)"
    return tag(
        "div",
        tag(
            "div",
            tag("h4", told(service.name or "unknown")),
            tag("p", told(_word(words.serving(service))), since),
            class_="top",
        ),
        bar(service),
        tag(
            "p",
            f"{words.memory(service)}. Restarts {words.times(service.restarts)}, killed for memory {kills}.",
            class_="soft",
        ),
        class_="one",
    )


def _day(host: Host) -> Markup:
    axis = tag("p", tag("span", "24 hours ago"), tag("span", "now"), class_="axis soft") if host.samples else Markup("")
    return _section(
        "Memory of ollama, 24 hours",
        plot(host),
        axis,
        tag("p", words.plot_words(host), class_="soft"),
    )


def _about(host: Host) -> Markup:
    store = host.store
    free, whole = store.get("free_bytes"), store.get("size_bytes")
    scrub = (
        _word((words.OPEN, "…", "running")) if host.scrubbing else _word(words.ended(host.runs.get("scrub"), host.time))
    )
    return _pairs(
        *((name, told(host.versions.get(key) or "unknown")) for key, name in words.VERSIONS.items()),
        *((("Now", told(host.lease)),) if host.lease else ()),
        ("Deployed", _word(words.ended(host.runs.get("deploy"), host.time))),
        ("Verified", _word(words.ended(host.runs.get("verify"), host.time))),
        ("Scrubbed", scrub),
        *((("Gate", words.gate(host.gate)),) if host.gate else ()),
        ("Store free", words.size(free) + (f" of {words.size(whole)}" if whole else "")),
        ("Store unused", words.size(store.get("unreferenced_bytes"))),
        ("Blobs damaged", _count(store.get("blobs_damaged"))),
        ("Blobs missing", _count(store.get("blobs_missing"))),
    )


def _count(number: float | None) -> Markup:
    if number is None:
        return _word(words.yes(None))
    return _word((words.GOOD, "✓", "none")) if not number else _word((words.BAD, "✗", f"{number:.0f}"))


def _history(host: Host) -> Markup:
    if not host.history:
        return tag("p", "Nothing is recorded yet.", class_="soft")
    return tag("ol", *map(_line, host.history))


def _line(event: Event) -> Markup:
    failed = told(_word((words.BAD, "✗", event.result))) if event.result not in ("", "ok") else Markup("")
    return tag(
        "li",
        _time(event.time, "%d %b %H:%M"),
        tag("b", told(event.event or "?")),
        tag("span", told(words.event(event)), " " if failed else "", failed),
    )


def _time(time: float | None, form: str = "%Y-%m-%d %H:%M UTC") -> Markup:
    if time is None:
        return tag("span", "unknown")
    return tag("time", words.utc(time, form), datetime=words.utc(time, "%Y-%m-%dT%H:%M:%SZ"))
