"""Breaks a copy of this checkout in named ways, and demands that a named test notices each. `make mutate`

Every test is run once as it is, then once with each sabotage. The table in docs/testing.md has the last run of each;
numbers and logs go to .lab/mutate/.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests import gates
from tests.checkout import copied
from tests.lab import engine
from tests.lab.settings import OLLAMA_VERSION, ROOT, STATE_DIR
from tests.matrix.table import markdown, read_section, write_section
from tests.mutate.judge import Red, reds_of_pytest, reds_of_scenario, why_not_caught
from tests.mutate.sabotages import SABOTAGES, STANDING, Sabotage, Stale, sabotaged

HOME = STATE_DIR / "mutate"
LOGS = HOME / "logs"
TOOLS = ".venv/bin"
PAGE = ROOT / "docs/testing.md"
HEAD = ("sabotage", "what it changes", "caught by", "how", "seconds", "date")
LIMIT_SECONDS = 1200
GRACE_SECONDS = 20
TIMED_OUT, INTERRUPTED = 124, 130
# Tests at a time, each in a copy with a lab of its own; a scenario waits for its host most of its time.
LANES = 2


@dataclass(frozen=True)
class Run:
    """One run of one test."""

    code: int
    seconds: float
    reds: Sequence[Red]


@dataclass(frozen=True)
class Result:
    """What became of one sabotage; no problem means that it was caught."""

    name: str
    changes: str
    test: str
    task: str
    on_a_host: bool
    seconds: float
    problem: str

    def row(self, date: str) -> tuple[str, ...]:
        where = f"molecule/{self.test}: {self.task}" if self.on_a_host else self.test.rpartition("/")[2]
        caught = f"NOT CAUGHT: {self.problem}" if self.problem else where
        how = "behaviour on a host" if self.on_a_host else "unit"
        # A table has no other place for this character.
        return self.name, self.changes, caught.replace(" | ", ": ").replace("|", "/"), how, f"{self.seconds:.0f}", date


def main() -> int:
    options = parse()
    chosen = choose(options)
    if options.list:
        print("\n".join(f"{one.name:<24} {one.test}" for one in chosen))
        return 0
    try:
        for one in chosen:
            sabotaged(ROOT, one)
    except Stale as error:
        print(f"mutate: the sabotage {one.name} no longer fits: {error}; give it the new text.", file=sys.stderr)
        return 2
    # Told to stop in any way, it leaves no lab and no copy behind.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir()
    results: list[Result] = []
    try:
        if any(one.on_a_host for one in chosen):
            # A scenario makes its own host, and wants an Engine that answers.
            engine.ensure()
        judge_in_lanes(chosen, results)
    except KeyboardInterrupt:
        report(results)
        print("mutate: interrupted; the copies and their labs are gone.", file=sys.stderr)
        return INTERRUPTED
    names = [one.name for one in chosen]
    results.sort(key=lambda one: names.index(one.name))
    return report(results)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these sabotages")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--behaviour", action="store_true", help="only those caught on a host")
    which.add_argument("--quick", action="store_true", help="only those caught without one")
    parser.add_argument("--list", action="store_true", help="name them and their tests, run none")
    return parser.parse_args()


def choose(options: argparse.Namespace) -> list[Sabotage]:
    if unknown := set(options.names) - {one.name for one in SABOTAGES}:
        sys.exit(f"mutate: no sabotage is called {', '.join(sorted(unknown))}; `--list` names them all.")
    return [
        one
        for one in SABOTAGES
        if (not options.names or one.name in options.names)
        and not (options.behaviour and not one.on_a_host)
        and not (options.quick and one.on_a_host)
    ]


def end_lab(checkout: Path) -> None:
    """The copy's own; its name comes from where the copy lies."""
    if (checkout / ".lab").exists():
        call(checkout, ["python", "-m", "tests.lab", "down"], HOME / "lab-down.log")


@dataclass
class Children:
    """What runs in all lanes. Once ended none is started any more."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    ended: bool = False

    def end(self) -> None:
        self.ended = True
        for child in tuple(self.running):
            end(child)


CHILDREN = Children()


def judge_in_lanes(chosen: Sequence[Sabotage], results: list[Result]) -> None:
    """Some tests at a time, each lane in a copy of its own; results are added as they come."""
    # Those with most to do come first, so that no lane ends long before the other.
    counts = Counter(one.test for one in chosen)
    tests = iter(sorted(counts, key=lambda test: (test.startswith("tests/"), -counts[test])))
    lock = threading.Lock()

    def take() -> str | None:
        with lock:
            return None if CHILDREN.ended else next(tests, None)

    def lane(checkout: Path) -> None:
        while test := take():
            results.extend(judge_test(checkout, test, [one for one in chosen if one.test == test]))

    with contextlib.ExitStack() as stack:
        checkouts = [
            stack.enter_context(copied(HOME / f"checkout-{number}", end_lab))
            for number in range(min(LANES, len(counts)))
        ]
        with ThreadPoolExecutor(len(checkouts)) as pool:
            try:
                for done in [pool.submit(lane, checkout) for checkout in checkouts]:
                    done.result()
            except BaseException:
                # Else the pool would wait for what still runs.
                CHILDREN.end()
                raise
            finally:
                pool.shutdown()
                CHILDREN.ended = False


def judge_test(checkout: Path, test: str, chosen: Sequence[Sabotage]) -> Iterator[Result]:
    """First as it is: a red is worth nothing where there was no green."""
    control = run(checkout, test, f"control-{Path(test).name.rpartition('::')[2]}", control=True)
    problem = "the test is red without it" if control.code else ""
    say(test, problem or "green", control.seconds)
    for one in chosen:
        yield judge(checkout, one, problem)


def judge(checkout: Path, sabotage: Sabotage, problem: str) -> Result:
    seconds = 0.0
    if not problem:
        with broken(checkout, sabotaged(checkout, sabotage)):
            done = run(checkout, sabotage.test, sabotage.name)
        seconds, problem = done.seconds, why_not_caught(sabotage, done.code, done.reds)
        say(f"  {sabotage.name}", problem or "caught", seconds)
    return Result(
        sabotage.name, sabotage.changes, sabotage.test, sabotage.task, sabotage.on_a_host, round(seconds, 1), problem
    )


@contextlib.contextmanager
def broken(checkout: Path, texts: Mapping[str, str]) -> Iterator[None]:
    whole = {file: (checkout / file).read_bytes() for file in texts}
    try:
        for file, text in texts.items():
            (checkout / file).write_text(text)
        yield
    finally:
        for file, content in whole.items():
            (checkout / file).write_bytes(content)


def run(checkout: Path, test: str, name: str, control: bool = False) -> Run:
    """Runs a test in the copy, as the gates would."""
    began = time.monotonic()
    log = LOGS / f"{name}.log"
    if test.startswith("tests/"):
        record = LOGS / f"{name}.xml"
        options = ["-q", "-p", "no:cacheprovider", f"--junit-xml={record}"]
        code = call(checkout, ["python", "-m", "pytest", *options, test], log)
        reds = reds_of_pytest(record.read_text()) if record.exists() else []
    else:
        whole = control or test != STANDING
        codes = (molecule(checkout, action, test, log) for action in (["test"] if whole else ["converge", "verify"]))
        code = next(filter(None, codes), 0)
        output = read(log)
        code = code or bool(gates.judge_molecule(output))
        reds = reds_of_scenario(output)
    return Run(code, time.monotonic() - began, reds)


def read(log: Path) -> str:
    return gates.ANSI.sub("", log.read_text(errors="replace"))


def molecule(checkout: Path, action: str, scenario: str, log: Path) -> int:
    step = gates.scenario_step(scenario)
    known = list(step.command)
    known[known.index("test")] = action
    return call(checkout, known, log, {**step.env, "MOLECULE_EPHEMERAL_DIRECTORY": str(checkout / ".lab/molecule")})


def call(checkout: Path, command: Sequence[str], log: Path, more: Mapping[str, str] | None = None) -> int:
    """Runs one of the copy's tools in the copy, without what would lead it back here."""
    strange = ("ANSIBLE_", "MOLECULE_", "PYTHON")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(strange)} | {
        "ANSIBLE_COLLECTIONS_PATH": str(checkout / ".collections"),
        "ANSIBLE_CONFIG": str(checkout / "ansible.cfg"),
        "NO_COLOR": "1",
        "PATH": f"{checkout / TOOLS}{os.pathsep}{os.environ.get('PATH', '')}",
        # A file that is broken and mended within a second would leave bytecode that seems up to date.
        "PYTHONDONTWRITEBYTECODE": "1",
        **(more or {}),
    }
    tool = str(checkout / TOOLS / command[0])
    if CHILDREN.ended and "down" not in command:
        return INTERRUPTED
    with log.open("ab") as output:
        child = subprocess.Popen(
            [tool, *command[1:]],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        CHILDREN.running.add(child)
        try:
            return child.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return TIMED_OUT
        finally:
            CHILDREN.running.discard(child)
            end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """Asks first: molecule and pytest clean up after themselves."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def say(what: str, how: str, seconds: float) -> None:
    print(f"{seconds:6.1f} s  {what}: {how}", flush=True)


def report(results: Sequence[Result]) -> int:
    document: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "ollama": OLLAMA_VERSION,
            "ansible-core": version("ansible-core"),
            "molecule": version("molecule"),
            "python": platform.python_version(),
        },
        "sabotages": [asdict(result) for result in results],
    }
    file = HOME / "results.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    rows = [result.row(document["date"][:10]) for result in results]
    print("\n" + markdown(HEAD, rows))
    record(rows)
    missed = [result.name for result in results if result.problem]
    on_hosts = sum(result.on_a_host for result in results if not result.problem)
    print(f"\n{len(results) - len(missed)} of {len(results)} caught, {on_hosts} on a host; {file.relative_to(ROOT)}")
    if missed:
        print(f"mutate: not caught: {', '.join(missed)}; logs in {LOGS.relative_to(ROOT)}.", file=sys.stderr)
    return bool(missed)


def record(rows: Sequence[tuple[str, ...]]) -> None:
    """What was not run keeps its row of the run before."""
    known = {row["sabotage"]: tuple(row.values()) for row in read_section(PAGE, "sabotages")}
    known |= {row[0]: row for row in rows}
    write_section(PAGE, "sabotages", markdown(HEAD, [known[one.name] for one in SABOTAGES if one.name in known]))


if __name__ == "__main__":
    sys.exit(main())
