# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of the page and of the text for a chat: states, sizes, ages, the sentence on top. Pure and private."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.archiv.ollama.plugins.module_utils._model.units import sized

from .facts import ATTENTION, SILENT, STATES, UNKNOWN, WELL, Event, Host, Model, Run, Service, Trouble

# A symbol and a word each: a colour alone tells nothing on paper, nor to everybody.
STATE_WORDS = {
    ATTENTION: ("✗", "needs attention"),
    SILENT: ("✗", "does not answer"),
    UNKNOWN: ("?", "unknown"),
    WELL: ("✓", "as wanted"),
}
GOOD, BAD, OPEN = "good", "bad", "open"
# Its kind, a symbol, and the word.
Word = tuple[str, str, str]

_YES: Word = (GOOD, "✓", "yes")
_NO: Word = (BAD, "✗", "no")
_UNKNOWN: Word = (OPEN, "?", "unknown")

# It runs before the server starts, and then ends.
_INIT = "ollama-model-init"
VERSIONS = {"ollama": "Ollama", "collection": "Collection", "engine": "Engine", "compose": "Compose"}
# Of its limit: from here on a container is close to being killed, and the alert is about to fire.
NEAR, OVER = 0.8, 0.9


def by_state(hosts: t.Iterable[Host]) -> list[Host]:
    """Those with trouble first, and web-2 before web-10."""
    return sorted(hosts, key=lambda host: (STATES.index(host.state), _natural(host.name)))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(digits or -1), other) for digits, other in re.findall(r"([0-9]{1,9})|([^0-9]+)", name)]


def summary(hosts: t.Sequence[Host]) -> str:
    """How many hosts, and how many of them need a person."""
    count = "1 host" if len(hosts) == 1 else f"{len(hosts)} hosts"
    bad = sum(host.state != WELL for host in hosts)
    if not hosts:
        return "No host was asked"
    if not bad:
        return f"{count}, as wanted" if len(hosts) == 1 else f"{count}, all as wanted"
    return f"{count}, {bad} {'needs' if bad == 1 else 'need'} attention"


def differing(hosts: t.Iterable[Host]) -> list[str]:
    """Versions that are not the same on all hosts, a sentence each."""
    found, known = [], list(hosts)
    for key, name in VERSIONS.items():
        holders: dict[str, int] = {}
        for version in filter(None, (host.versions.get(key) for host in known)):
            holders[version] = holders.get(version, 0) + 1
        if len(holders) > 1:
            most = sorted(holders.items(), key=lambda item: (-item[1], item[0]))[:4]
            found.append(f"{name} differs: {', '.join(f'{version} on {number}' for version, number in most)}")
    return found


def place(trouble: Trouble) -> str:
    """Where its command is typed."""
    return "On the controller:" if trouble.here else "On the host:"


def yes(value: bool | None) -> Word:
    return _UNKNOWN if value is None else _YES if value else _NO


def intact(model: Model) -> Word:
    """Bytes that nobody has read since a boot are no fault."""
    if model.intact is None and model.cached:
        return (OPEN, "?", "not verified")
    return yes(model.intact)


def pinned(model: Model) -> Word:
    return (OPEN, "○", "not wanted") if model.warm is False and not model.pinned else yes(model.pinned)


def loaded(model: Model) -> Word:
    return (OPEN, "○", "on demand") if model.warm is False and model.loaded is False else yes(model.loaded)


def answer(model: Model, now: float | None) -> str:
    if model.seconds is None:
        return "unknown"
    when = f", {age(model.asked, now)}" if model.asked is not None else ""
    took = f"{model.seconds:.1f} s" if model.seconds >= 0.1 else f"{model.seconds * 1000:.0f} ms"
    return f"{took}{when}"


def digest(model: Model) -> Word:
    """Whether it is the digest that is wanted."""
    if not model.digest:
        return (OPEN, "?", "unknown")
    if not model.wanted:
        return (OPEN, "○", "none is wanted")
    return (GOOD, "✓", "the wanted one") if model.digest == model.wanted else (BAD, "✗", "not the wanted one")


def short(sha: str) -> str:
    return sha[len("sha256:") :][:12] or "unknown"


def serving(service: Service) -> Word:
    """What Docker says of a container."""
    if service.name == _INIT and service.state == "exited":
        return (OPEN, "○", "ended, as it does")
    told = ", ".join(filter(None, (service.state, service.health)))
    if service.health == "unhealthy" or service.state not in ("running", ""):
        return (BAD, "✗", told)
    if service.state == "running" and service.health in ("healthy", ""):
        return (GOOD, "✓", told)
    return (OPEN, "?", told or "unknown")


def healthy(host: Host) -> Word:
    """Whether the server that holds the models answers."""
    server = host.server
    if server is None or not server.state:
        return _UNKNOWN
    if server.state != "running" or server.health == "unhealthy":
        return _NO
    return {"healthy": _YES, "starting": (OPEN, "…", "starting")}.get(server.health, _UNKNOWN)


def share(service: Service) -> float | None:
    """How much of its limit a service cannot give back, between 0 and 1."""
    if service.used is None or not service.limit:
        return None
    return min(service.used / service.limit, 1.0)


def memory(service: Service) -> str:
    """What of its memory a service cannot give back, in words."""
    if service.used is None:
        return "unknown"
    if not service.limit:
        return f"{sized(service.used)}, no limit"
    part = service.used / service.limit
    near = ", over 90 % of its limit" if part >= OVER else ", close to its limit" if part >= NEAR else ""
    return f"{sized(service.used)} of {sized(service.limit)} ({part * 100:.0f} %{near})"


def fullness(service: Service | None) -> Word | None:
    """The same for a table's cell."""
    part = share(service) if service else None
    if service is None or part is None:
        return None
    told = f"{part * 100:.0f} % of {sized(service.limit or 0)}"
    return (BAD, "✗", told) if part >= OVER else (OPEN, "!", told) if part >= NEAR else (GOOD, "✓", told)


def gate(counts: t.Mapping[str, int | None]) -> str:
    """What waits before Ollama, and what was turned away."""
    told = {key: times(number) for key, number in counts.items()}
    now = f"{told['waiting']} waiting, {told['at_work']} at work"
    return f"{now}; since its last reload {told['questions']} questions taken, {told['refused']} requests refused"


def size(amount: float | None) -> str:
    return "unknown" if amount is None else sized(amount)


def times(number: int | None) -> str:
    return "unknown" if number is None else str(number)


def age(time: float | None, now: float | None) -> str:
    """How long ago."""
    if time is None or now is None:
        return "unknown"
    return f"{span(now - time)} ago"


def span(seconds: float) -> str:
    minutes = int(max(seconds, 0) // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def ended(run: Run | None, now: float | None) -> Word:
    """When something was last done, and how it ended."""
    if run is None or run.time is None:
        return (OPEN, "○", "never, or unknown")
    when = age(run.time, now)
    if run.ok is None:
        return (OPEN, "?", when)
    return (GOOD, "✓", when) if run.ok else (BAD, "✗", f"failed, {when}")


def event(line: Event) -> str:
    """What happened, in one line."""
    told = ": ".join(filter(None, (line.subject, line.what)))
    who = f"by {line.who}" if line.who else ""
    return ", ".join(filter(None, (told, who))) or "no more is known"


def utc(time: float | None, form: str = "%Y-%m-%d %H:%M UTC") -> str:
    if time is None:
        return "unknown"
    return datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime(form)


def range_of(host: Host) -> tuple[float, float, float] | None:
    """The least, the most and the last of a day's memory."""
    amounts = [used for _time, used in host.samples]
    return (min(amounts), max(amounts), amounts[-1]) if amounts else None


def plot_words(host: Host) -> str:
    """The plot for those who do not see it."""
    found = range_of(host)
    if found is None:
        return "No samples yet"
    least, most, last = map(sized, found)
    limit = f", limit {sized(host.limit)}" if host.limit else ""
    return f"{last} now, between {least} and {most} in the last 24 hours{limit}"
