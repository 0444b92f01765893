"""Tables of the matrix, and the marked sections of the documents that show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def read_section(file: Path, name: str) -> list[dict[str, str]]:
    """The rows of the table there, by the names of its columns."""
    [between] = re.findall(
        rf"<!-- {re.escape(name)} -->\n(.*?)<!-- /{re.escape(name)} -->", file.read_text(), re.DOTALL
    )
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in between.split("\n") if line.startswith("|")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def write_section(file: Path, name: str, text: str) -> None:
    """Puts the text between `<!-- NAME -->` and `<!-- /NAME -->`; a document without them is an error."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
    section = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    written, count = section.subn(lambda _: f"\n{text}\n", file.read_text())
    if count != 1:
        raise ValueError(f"{file} has {count} sections between {begin.strip()} and {end.strip()}; it needs one.")
    file.write_text(written)
