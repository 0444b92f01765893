"""docs/operations.md as blocks, and whether what was seen is what the page says. Pure.

A section of the page holds at most one block: what goes into the inventory (yaml), one command (sh), what it prints
(text), and a line for what it starts, restarts or removes. `...` alone on a line skips lines; `…` stands for a value of
the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

# What serves. The init service ends by itself and runs again with every change, which nobody notices.
SERVING = ("backend", "gate", "ollama", "ollama-warm")
CHANGES = ("Starts", "Restarts", "Removes")
LABELS = (*CHANGES, "Undo", "Not run here")

_HEADING = re.compile(r"##+ (.+)")
_FENCE = re.compile(r"```(\w*)")
_LABEL = re.compile(rf"- ({'|'.join(LABELS)}): (.+)")
_ROW = re.compile(r"\| (`ollama_stack_\w+`(?:, `ollama_stack_\w+`)*) \| (.+?) \|")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_REFUSED = "FAILED!"
# A digest is the longest value; more than that is other text.
_VALUE = ".{0,80}?"

Services = frozenset[str]
NONE: Services = frozenset()
# Each service's container, as its id and when it was started.
Running = Mapping[str, tuple[str, str]]


class PageError(Exception):
    """The page is not as it must be to be run; str() has a line for each reason."""


@dataclass(frozen=True)
class Block:
    """One command, and what it is said to do."""

    title: str
    command: str
    values: str = ""
    shown: str = ""
    starts: Services = NONE
    restarts: Services = NONE
    removes: Services = NONE
    # Why it is not run; "" where it is.
    not_run: str = ""

    @property
    def inputs(self) -> dict[str, object]:
        """What goes into the inventory."""
        return dict(yaml.safe_load(self.values) or {})

    @property
    def refused(self) -> bool:
        """Whether the command is to fail, which changes nothing on the host."""
        return _REFUSED in self.shown


@dataclass(frozen=True)
class Seen:
    """What a command did."""

    code: int
    output: str
    before: Running
    after: Running


@dataclass
class _Section:
    title: str
    prose: bool = False
    fences: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def read(text: str) -> list[Block]:
    """The blocks of a page in its order."""
    blocks, wrong = [], []
    for section in _split(text):
        mistakes = list(_mistakes(section))
        wrong += [f"{section.title}: {mistake}" for mistake in mistakes]
        if not mistakes and "sh" in section.fences:
            blocks.append(_block(section))
    titles = [block.title for block in blocks]
    wrong += [f"{title}: another block has this title" for title in sorted({t for t in titles if titles.count(t) > 1})]
    if wrong:
        raise PageError("\n".join(wrong))
    return blocks


def read_rows(text: str) -> dict[str, Services]:
    """The table of inputs: what restarts where one changes. Text behind a semicolon is for people."""
    rows: dict[str, Services] = {}
    for inputs, told in _ROW.findall(text):
        for name in re.findall(r"`(\w+)`", inputs):
            if name in rows:
                raise PageError(f"{name} has two rows")
            rows[name] = _services(told)
    return rows


def judge(block: Block, seen: Seen) -> list[str]:
    """Where the page is not the truth, a sentence each."""
    wrong = []
    if bool(seen.code) != block.refused:
        wrong.append(f"it is shown to {'fail' if block.refused else 'succeed'}, and ended with exit code {seen.code}")
    if "Traceback" in seen.output:
        wrong.append("it printed a traceback")
    line = find_missing(block.shown, seen.output)
    if line:
        wrong.append(f"it did not print, there or at all: {line}")
    kept = seen.before.keys() & seen.after.keys()
    changes = (
        (block.starts, seen.after.keys() - seen.before.keys()),
        (block.restarts, {name for name in kept if seen.before[name] != seen.after[name]}),
        (block.removes, seen.before.keys() - seen.after.keys()),
    )
    for label, (told, true) in zip(CHANGES, changes, strict=True):
        if told != true:
            wrong.append(f"{label}: the page says {_listed(told)}, and it was {_listed(true)}")
    return wrong


def find_missing(shown: str, output: str) -> str:
    """The first line that the output does not have where the page has it; "" when it has all."""
    text, position = _plain(output), 0
    for part in re.split(r"(?m)^\.\.\.$", shown):
        lines = [line for line in part.splitlines() if line.strip()]
        for count in range(1, len(lines) + 1):
            found = re.compile(_pattern(lines[:count])).search(text, position)
            if found is None:
                return lines[count - 1].strip()
        position = found.end() if lines and found else position
    return ""


def find_contradictions(block: Block, rows: Mapping[str, Services]) -> list[str]:
    """Where a block that changes inputs and the table of inputs say different things."""
    if not is_of_table(block, rows):
        return []
    told = frozenset[str]().union(*(rows[name] for name in block.inputs))
    if told == block.restarts:
        return []
    return [f"its inputs restart {_listed(told)} by the table, and {_listed(block.restarts)} here"]


def is_of_table(block: Block, rows: Mapping[str, Services]) -> bool:
    """Whether a block shows what changed inputs restart, and nothing else does."""
    takes_over = bool(block.starts or block.refused or "--check" in block.command)
    return bool(block.inputs) and not takes_over and not block.not_run and block.inputs.keys() <= rows.keys()


def _split(text: str) -> list[_Section]:
    sections: list[_Section] = []
    fence: list[str] | None = None
    label = ""
    for line in text.splitlines():
        opened = _FENCE.fullmatch(line)
        if fence is not None:
            if line == "```":
                fence = None
            else:
                fence.append(line)
        elif heading := _HEADING.fullmatch(line):
            sections.append(_Section(heading.group(1)))
        elif not sections:
            continue
        elif opened:
            fence, label = [], ""
            # A second one of its kind is a mistake to be told, not to be lost.
            kind = opened.group(1) if opened.group(1) not in sections[-1].fences else f"second {opened.group(1)}"
            sections[-1].fences[kind] = fence
        elif told := _LABEL.fullmatch(line):
            label = told.group(1)
            sections[-1].labels[label] = told.group(2)
        elif label and line.startswith("  "):
            sections[-1].labels[label] += f" {line.strip()}"
        else:
            label = ""
            sections[-1].prose |= bool(line.strip()) and not sections[-1].fences
    if fence is not None:
        raise PageError("the last fence is not closed")
    return sections


def _mistakes(section: _Section) -> Iterable[str]:
    fences, labels = section.fences, section.labels
    yield from (f"it has a {kind} block" for kind in fences if kind.startswith("second "))
    if "sh" in fences:
        yield from _mistakes_of_block(section)
    elif {"yaml", "text", *LABELS} & {*fences, *labels}:
        yield "it has no command"


def _mistakes_of_block(section: _Section) -> Iterable[str]:
    fences, labels = section.fences, section.labels
    if len("\n".join(fences["sh"]).replace("\\\n", "").splitlines()) != 1:
        yield "it has not exactly one command"
    if not section.prose:
        yield "it does not say when"
    if "Undo" not in labels:
        yield "it does not say how to undo it"
    if not fences.get("text") and "Not run here" not in labels:
        yield "it does not say what is seen, nor why it is not run"
    if not {*CHANGES} & labels.keys():
        yield "it does not say what restarts"
    for label in CHANGES:
        yield from _mistakes_of_services(label, labels.get(label, "nothing"))
    try:
        values = yaml.safe_load("\n".join(fences.get("yaml", []))) or {}
    except yaml.YAMLError as error:
        yield f"its yaml cannot be read: {error}"
    else:
        if not isinstance(values, dict):
            yield "its yaml is no mapping of inputs"


def _mistakes_of_services(label: str, told: str) -> Iterable[str]:
    unknown = _services(told) - {*SERVING}
    if unknown:
        yield f"{label} names {_listed(unknown)}, which serves nothing"
    if not _services(told) and not told.startswith("nothing"):
        yield f"{label} names no service, and does not say nothing"


def _block(section: _Section) -> Block:
    text = {kind: "\n".join(lines) for kind, lines in section.fences.items()}
    return Block(
        title=section.title,
        command=text["sh"],
        values=text.get("yaml", ""),
        shown=text.get("text", ""),
        starts=_services(section.labels.get("Starts", "")),
        restarts=_services(section.labels.get("Restarts", "")),
        removes=_services(section.labels.get("Removes", "")),
        not_run=section.labels.get("Not run here", ""),
    )


def _services(told: str) -> Services:
    return frozenset(re.findall(r"`([a-z-]+)`", told.partition(";")[0]))


def _listed(services: Iterable[str]) -> str:
    return ", ".join(sorted(services)) or "nothing"


def _plain(text: str) -> str:
    """Words alone: YAML folds and quotes a text as its length and its characters have it."""
    return " ".join(re.sub("['\"]", "", _ANSI.sub("", text)).split())


def _pattern(lines: Sequence[str]) -> str:
    words = _plain(" ".join(lines))
    return rf"(?<!\S){_VALUE.join(map(re.escape, words.split('…')))}(?!\S)"
