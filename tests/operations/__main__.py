"""Runs each block of docs/operations.md on a host of the lab, and says where the page is not true: `make operations`"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from tests.lab.settings import ROOT, LabError
from tests.operations import stage
from tests.operations.page import Block, PageError, find_contradictions, is_of_table, judge, read, read_rows

PAGE = ROOT / "docs/operations.md"
# A page of which next to nothing is run would be green as well.
LEAST_BLOCKS, LEAST_INPUTS = 10, 5


def main() -> int:
    try:
        blocks, rows = read(stage.in_lab(PAGE.read_text())), read_rows(PAGE.read_text())
        wrong = [f"{block.title}: {why}" for block in blocks for why in find_contradictions(block, rows)]
        wrong += too_few(blocks, {name for block in blocks if is_of_table(block, rows) for name in block.inputs})
        for line in wrong:
            print(line)
        with stage.host() as host:
            red = sum(not run(host, number, block) for number, block in enumerate(blocks, 1))
    except PageError as error:
        print(error)
        return 1
    except LabError as error:
        print(f"operations: {error}", file=sys.stderr)
        return 1
    not_run = sum(bool(block.not_run) for block in blocks)
    print(f"{len(blocks) - red - not_run} blocks as the page says, {red} not, {not_run} not run")
    return bool(red or wrong)


def too_few(blocks: Sequence[Block], inputs: set[str]) -> list[str]:
    """What makes the page too thin to be believed."""
    wrong = []
    count = sum(not block.not_run for block in blocks)
    if count < LEAST_BLOCKS:
        wrong.append(f"{PAGE.name} has {count} blocks that are run, and must have {LEAST_BLOCKS}")
    if len(inputs) < LEAST_INPUTS:
        wrong.append(f"blocks show {len(inputs)} inputs of the table, and must show {LEAST_INPUTS}")
    titles = {block.title for block in blocks if not block.not_run}
    wrong += [f"{title}: prepared, and not run" for title in stage.PREPARED if title not in titles]
    return wrong


def run(host: stage.Host, number: int, block: Block) -> bool:
    """Whether the page is true of this block."""
    if block.not_run:
        print(f"          not run  {block.title}: {block.not_run}", flush=True)
        return True
    began = time.monotonic()
    stage.prepare(host, block)
    seen = host.run(block)
    wrong = judge(block, seen)
    if stage.SECRET in seen.output:
        wrong.append("it printed a secret")
    log = stage.keep(number, block, seen)
    print(f"{time.monotonic() - began:6.1f} s  {'FAILED ' if wrong else 'ok     '}  {block.title}", flush=True)
    for line in [*wrong, f"whole output: {log.relative_to(ROOT)}"] if wrong else []:
        print(f"          {line}", flush=True)
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
