"""Changes one comparison, number or word of the plugins' code at a time: does a unit test notice? `make mutants`.

Each mutant meets all unit tests of the modules and of their shared code but the slow ones, its own file's first.
What was caught stays in a session per file and version of it, so a run goes on where the last one ended; what was not
is tried again, a larger --sample adds to it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkItem, WorkResult

from tests.checkout import copied
from tests.lab.settings import ROOT, STATE_DIR
from tests.mutants.answered import ANSWERED, Answer

HOME = STATE_DIR / "mutants"
UTILS = Path("plugins/module_utils")
TESTS = Path("tests/unit/plugins")
# Those of the action plugins play playbooks for most of a minute, and judge what happens on the controller.
FOLDERS = ("module_utils", "modules")
# So many times as long as the tests take without a mutant: cosmic-ray counts what has not ended by then as caught.
PATIENCE = 5
WANTED = 0.9
# What people get wrong. Not the bar of `int | None`, which nothing evaluates, nor every other comparison for each.
OPERATORS = re.compile(
    r"core/(ReplaceComparisonOperator_"
    r"(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Add|FloorDiv_Mul|Div_Mul|Mod_Add|BitAnd_BitOr)"
    r"|ReplaceUnaryOperator_Delete_Not|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr"
    r"|ReplaceOrWithAnd|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ExceptionReplacer|NumberReplacer"
    r"|ZeroIterationForLoop)"
)


@dataclass(frozen=True)
class Mutant:
    """One change, and whether a test noticed it."""

    file: str
    text: str
    operator: str
    diff: str
    caught: bool
    # By tests that did not end; a machine that got much slower meanwhile looks the same.
    timed_out: bool

    @property
    def answer(self) -> Answer | None:
        return next((one for one in ANSWERED if (one.file, one.text, one.operator) == self.key), None)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.text, self.operator


def main() -> int:
    options = parse()
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    HOME.mkdir(parents=True, exist_ok=True)
    tried: list[Mutant] = []
    try:
        with copied(HOME / "checkout") as checkout:
            os.chdir(checkout)
            limit = PATIENCE * seconds_without()
            for name in options.names or slices():
                for mutant in mutants_of(name, options.sample, limit):
                    tried.append(mutant)
                    if not mutant.caught:
                        print(f"{'answered' if mutant.answer else 'NOT CAUGHT'}:\n{mutant.diff}\n", flush=True)
                print(line(name, [one for one in tried if one.file == name]), flush=True)
    except KeyboardInterrupt:
        print("mutants: interrupted; what was tried is kept, the copy is gone.", file=sys.stderr)
        return 130
    return report(tried)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FILE", help="only these, e.g. _store/paths _stack/judge")
    parser.add_argument("--sample", type=int, default=25, help="so many of each file (default: %(default)s)")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(slices())):
        sys.exit(f"mutants: no file of {UTILS} is called {', '.join(unknown)}; there are {', '.join(slices())}.")
    return options


def slices() -> list[str]:
    return sorted(str(file.relative_to(ROOT / UTILS).with_suffix("")) for file in (ROOT / UTILS).glob("*/*.py"))


def seconds_without() -> float:
    """How long the tests take here and now; they must pass, or every mutant would seem to be caught."""
    begun = time.monotonic()
    ended = subprocess.run(shlex.split(command("")), capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"mutants: the tests fail without any mutant:\n{ended.stdout[-2000:]}")
    return time.monotonic() - begun


def mutants_of(name: str, count: int, limit: float) -> Iterator[Mutant]:
    """The sample's mutants, tried now or before."""
    file = UTILS / f"{name}.py"
    lines = file.read_text().splitlines()
    with use_db(str(HOME / f"{name.replace('/', '-')}-{digest_of(file)}.sqlite"), WorkDB.Mode.create) as session:
        if not session.num_work_items:
            init([file], session, {})
        results = dict(session.results)
        for item in sample(session, count):
            if item.job_id not in results or results[item.job_id].test_outcome is TestOutcome.SURVIVED:
                results[item.job_id] = mutate_and_test(item.mutations, command(name), limit)
                session.set_result(item.job_id, results[item.job_id])
            yield mutant(name, lines, item, results[item.job_id])


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def sample(session: WorkDB, count: int) -> Sequence[WorkItem]:
    """The same ones each time, and a larger sample holds every smaller one."""
    items = [item for item in session.work_items if OPERATORS.fullmatch(item.mutations[0].operator_name)]
    items.sort(key=lambda item: (item.mutations[0].start_pos, item.mutations[0].operator_name))
    random.Random(0).shuffle(items)
    return items[:count]


def command(name: str) -> str:
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-m", "not more and not slow"]
    return shlex.join(
        [sys.executable, "-m", "pytest", *options, *own_tests(name), *(str(TESTS / folder) for folder in FOLDERS)]
    )


def own_tests(name: str) -> list[str]:
    """The tests that import a file, small ones first."""
    folder, _, stem = name.partition("/")
    imported = re.compile(rf"\b{folder}(\.{stem} import|  *import .*\b{stem}\b)") if name else None
    found = [file for one in FOLDERS for file in (TESTS / one).rglob("test_*.py")]
    own = [file for file in found if imported and imported.search(file.read_text())]
    return [str(file) for file in sorted(own, key=lambda file: (file.stat().st_size, file))]


def mutant(name: str, lines: Sequence[str], item: WorkItem, result: WorkResult) -> Mutant:
    change = item.mutations[0]
    text = lines[change.start_pos[0] - 1].strip()
    caught = result.test_outcome is TestOutcome.KILLED
    operator = change.operator_name.removeprefix("core/")
    diff = result.diff or result.output or ""
    return Mutant(name, text, operator, diff, caught, timed_out=caught and result.output == "timeout")


def line(name: str, tried: Sequence[Mutant]) -> str:
    missed = [one for one in tried if not one.caught]
    answered = sum(one.answer is not None for one in missed)
    late = sum(one.timed_out for one in tried)
    return (
        f"{name:<20} {len(tried) - len(missed):4} of {len(tried):4} caught, {late} of them by tests that did not end;"
        f" {answered} of the others answered"
    )


def report(tried: Sequence[Mutant]) -> int:
    """What is answered changes nothing that anybody sees, so no test could catch it: it does not count."""
    caught = sum(one.caught for one in tried)
    counted = sum(one.caught or one.answer is None for one in tried)
    print(f"\n{line('together', tried)}: {caught / max(counted, 1):.0%} of what is not answered")
    return caught < WANTED * counted


if __name__ == "__main__":
    sys.exit(main())
