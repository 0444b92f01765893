"""Runs the gates of `make test`: in which order, which scenario on which Engine, and which one failed first."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from pathlib import Path
from typing import IO

from tests import deprecations
from tests.lab.settings import IMAGE_VARIABLE

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".lab"
LOGS = STATE / "logs"
COLLECTION = ".collections/ansible_collections/archiv/ollama"
SUMMARY = LOGS / "summary"
# For steps that import the plugins by their full names; pytest and mypy find them by pyproject.toml.
WITH_PLUGINS = {"PYTHONPATH": str(ROOT / ".collections")}
PYTEST = (sys.executable, "-m", "pytest", "-q")
SHOWN_LINES = 40
# Who reads a run elsewhere may see its last lines alone.
LAST_LINES = 12
LAST_WIDTH = 160
GRACE_SECONDS = 20

FAST = ("lint", "types", "sanity", "unit", "build")
# The plain scenario, because when it fails the others tell nothing new; then the longest, so that none ends alone.
BEFORE_OTHERS = ("default", "memory", "offline", "interrupted", "damaged", "power", "drifted")

# What `make test` leaves to `make more`, as that must end in time: several hosts, many switches one after the other, an
# older Ollama that is built for it, both image stores, all that can be switched on at once.
MORE = "more"
APART = ("gameday", "hardened", "peers", "pruned", "release", "rolling", "upgrade")

# What a scenario's host is made of here, where it is not today's Docker: `python -m tests.matrix.scenarios` runs all
# on both. On both here too, where it is the answers of Engine and Compose that are judged.
TODAY = "today"
BOTH = (TODAY, "host")
HOST_IMAGES = {
    "bare": ("bare",),
    "damaged": ("host",),
    "default": BOTH,
    "drifted": BOTH,
    "offline": ("host",),
    # What each of the two image stores keeps.
    "pruned": BOTH,
    # What 1.0.0 was made on.
    "upgrade": ("host",),
}

ANSI = re.compile(r"\x1b\[[0-9;]*m")
VERIFY = re.compile(r"> verify\] Executing\n(.*?)> verify\] Executed", re.DOTALL)
HOST_WITH_TASKS = re.compile(r"^\S+ +: ok=[1-9]", re.MULTILINE)


def accept(output: str) -> str | None:
    """For tools whose exit code tells everything."""
    return None


def judge_molecule(output: str) -> str | None:
    """Molecule exits 0 over playbooks it did not find and over plays that matched no host."""
    if "Missing playbook" in output or re.search(r"missing=[1-9]", output):
        return "molecule skipped a playbook it did not find"
    verified = VERIFY.findall(output)
    if not verified:
        return "no verify ran"
    if not all(HOST_WITH_TASKS.search(section) for section in verified):
        return "a verify ran no task on any host"
    return deprecations.complaint(output)


@dataclass(frozen=True)
class Step:
    """One gate: its command, what must have passed before it, and who judges its output."""

    name: str
    group: str
    command: Sequence[str]
    needs: str | None = None
    # What no other step may use meanwhile: a scenario's host, which has its name whatever it is made of.
    alone: str | None = None
    timeout: int = 600
    judge: Callable[[str], str | None] = accept
    # Too slow to be waited for at every change.
    slow: bool = False
    # Runs when it is named, and not with all.
    apart: bool = False
    env: dict[str, str] = field(default_factory=dict)

    @property
    def light(self) -> bool:
        """Needs no lab, and little time."""
        return self.group in FAST and not self.slow

    @property
    def paired(self) -> bool:
        """Runs beside another. What needs hosts has one of its own, and waits for it most of its time."""
        return self.group != "lab"


@dataclass(frozen=True)
class Outcome:
    step: Step
    seconds: float
    problem: str | None = None

    def line(self) -> str:
        verdict = f"FAILED: {self.problem}" if self.problem else "ok"
        return f"{self.step.group:<12} {self.step.name:<24} {self.seconds:7.1f} s  {verdict}"


def light_steps() -> list[Step]:
    """Two run at a time, so the longest come first."""
    return [
        Step("ansible-lint", "lint", ["ansible-lint", "-q", "-c", ".config/ansible-lint.yml"]),
        Step("unit-plugins", "unit", [*PYTEST, "-m", "not more and not slow", "tests/unit/plugins"]),
        Step("unit-others", "unit", [*PYTEST, "-m", "not more and not slow", "--ignore=tests/unit/plugins"]),
        Step("rules", "lint", [sys.executable, "-m", "tests.monitor.rules"], env=WITH_PLUGINS),
        Step("mypy", "types", ["mypy"]),
        Step("docs", "lint", ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "."]),
        Step("yamllint", "lint", ["yamllint", "--strict", "."]),
        Step("ruff-check", "lint", ["ruff", "check", "--quiet", "."]),
        Step("ruff-format", "lint", ["ruff", "format", "--quiet", "--diff", "."]),
        Step("shell", "lint", [sys.executable, "-m", "tests.sanity.shell"]),
        Step("workflows", "lint", [sys.executable, "-m", "tests.sanity.workflows"]),
        Step("pages", "lint", [sys.executable, "-m", "tests.pages", "--check"], env=WITH_PLUGINS),
        Step("changelog", "lint", ["antsibull-changelog", "lint"]),
        Step("validate-modules", "sanity", [sys.executable, "tests/sanity/validate_modules.py"]),
        Step("code-smell", "sanity", [sys.executable, "tests/sanity/code_smell.py"]),
        Step("oldest-python", "sanity", [sys.executable, "tests/sanity/oldest_python.py"]),
        Step("archive", "build", [sys.executable, "-m", "tests.sanity.archive"]),
    ]


def slower_steps() -> list[Step]:
    """These need no lab either, but an environment of their own or more time than one waits for at every change."""
    return [
        Step("unit-slow-others", "unit", [*PYTEST, "-m", "slow", "--ignore=tests/unit/plugins"], slow=True),
        Step("unit-slow-plugins", "unit", [*PYTEST, "-m", "slow", "tests/unit/plugins"], slow=True),
        Step("site", "site", [sys.executable, "-m", "tests.site"]),
        Step("galaxy", "galaxy", [sys.executable, "-m", "tests.galaxy"]),
        Step("page", "page", [sys.executable, "-m", "pytest", "-q", "tests/page"]),
    ]


def lab_steps(root: Path) -> list[Step]:
    """The steps that need hosts; integration tests and scenarios are what is found on disk."""
    steps = [Step("lab", "lab", [sys.executable, "-m", "tests.lab", "up"], timeout=1200)]
    if any((root / "tests/integration").glob("**/test_*.py")):
        command = [sys.executable, "-m", "pytest", "-q", "tests/integration"]
        steps.append(Step("integration", "integration", command, needs="lab", timeout=2700))
        # Wrong inputs have a target of their own: they are many, and each is one more of a kind that is tested.
        more = [*command, "-m", MORE, "--ignore", "tests/integration/test_bad_inputs.py"]
        steps.append(Step("integration-more", "integration", more, needs="lab", timeout=3600, apart=True))
    if (root / "docs/operations.md").is_file():
        command = [sys.executable, "-m", "tests.operations"]
        steps.append(Step("operations", "operations", command, needs="lab", timeout=1200))
    runs = [(name, image) for name in scenarios(root) for image in images_of(name)]
    # A scenario's second host comes after all the first ones: it waits for the first, which has the same name.
    runs.sort(key=lambda run: run[1] != images_of(run[0])[0])
    return steps + [scenario_step(name, image) for name, image in runs]


def scenarios(root: Path) -> list[str]:
    names = sorted(file.parent.name for file in root.glob("molecule/*/molecule.yml"))
    return sorted(names, key=lambda name: BEFORE_OTHERS.index(name) if name in BEFORE_OTHERS else len(BEFORE_OTHERS))


def images_of(scenario: str) -> tuple[str, ...]:
    return HOST_IMAGES.get(scenario, (TODAY,))


def scenario_step(scenario: str, image: str | None = None) -> Step:
    """The scenario on a host of this image, which is in the step's name where it is one more than the usual."""
    usual = images_of(scenario)[0]
    image = image or usual
    name = scenario if image == usual else f"{scenario}@{image}"
    return Step(
        f"molecule-{name}",
        "molecule",
        # Named, because molecule looks for it at the root of a git checkout only.
        ["molecule", "-c", ".config/molecule/config.yml", "test", "-s", scenario],
        needs="lab",
        alone=scenario,
        timeout=1200,
        judge=judge_molecule,
        apart=scenario in APART,
        env={
            # Without it molecule warns that scenarios «should migrate» to extensions/molecule.
            "MOLECULE_GLOB": "molecule/*/molecule.yml",
            # Molecule's own choice is shared by all checkouts whose folder has the same name.
            "MOLECULE_EPHEMERAL_DIRECTORY": str(STATE / "molecule" / name),
            IMAGE_VARIABLE: image,
        },
    )


def choose(steps: Sequence[Step], only: Sequence[str], fast: bool) -> list[Step]:
    """The wanted steps in their order, with what they need; an unknown name ends the run."""
    known = {MORE, *(name for step in steps for name in (step.name, step.group))}
    if unknown := sorted(set(only) - known):
        sys.exit(f"gates: no step is called {', '.join(unknown)}; `--list` names them all.")
    if fast:
        steps = [step for step in steps if step.light]
    if not only:
        return [step for step in steps if not step.apart]
    chosen = [step for step in steps if step.name in only or (MORE if step.apart else step.group) in only]
    needed = {step.needs for step in chosen}
    return [step for step in steps if step in chosen or step.name in needed]


def environment(extra: dict[str, str]) -> dict[str, str]:
    """The caller's, without what would steer Ansible or molecule away from this checkout."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))}
    return ours | {
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


@dataclass
class Children:
    """The running steps. Once ended it starts no more, so that none slips through between its start and the end."""

    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, step: Step, log: IO[bytes]) -> subprocess.Popen[bytes] | None:
        with self.lock:
            if self.ended:
                return None
            child = subprocess.Popen(
                step.command,
                cwd=ROOT,
                env=environment(step.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A process group of its own, so that it can be ended whole.
                start_new_session=True,
            )
            self.running.add(child)
            return child

    def end(self) -> None:
        with self.lock:
            self.ended = True
        for child in tuple(self.running):
            end(child)


def run(step: Step, children: Children) -> Outcome:
    """Runs one step into its log."""
    began = time.monotonic()
    with log_of(step).open("wb") as log:
        child = children.start(step, log)
        if child is None:
            return Outcome(step, 0.0, "not run, because the run was ended")
        try:
            code = child.wait(step.timeout)
            problem = f"exit code {code}" if code else None
        except subprocess.TimeoutExpired:
            problem = f"not done after {step.timeout} s"
            end(child)
        finally:
            children.running.discard(child)
    return Outcome(step, time.monotonic() - began, problem or step.judge(read_log(step)))


def end(child: subprocess.Popen[bytes]) -> None:
    """Asks a step to end, with time to clean up after itself, then makes all that is left of it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def run_all(steps: Iterable[Step]) -> Iterator[Outcome]:
    """Runs the steps in order, those that may two at a time; what needs a failed step is not run."""
    failed: set[str] = set()
    children = Children()
    locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def attempt(step: Step) -> Outcome:
        if step.needs in failed:
            return Outcome(step, 0.0, f"not run, because {step.needs} failed")
        with locks[step.alone or step.name]:
            outcome = run(step, children)
        if outcome.problem:
            failed.add(step.name)
        return outcome

    for wide, batch in groupby(steps, key=lambda step: step.paired):
        with ThreadPoolExecutor(2 if wide else 1) as pool:
            try:
                yield from pool.map(attempt, batch)
            except BaseException:
                # Interrupted: the pool would wait for what still runs.
                children.end()
                raise


def log_of(step: Step) -> Path:
    return LOGS / f"{step.name}.log"


def read_log(step: Step) -> str:
    log = log_of(step)
    return ANSI.sub("", log.read_text(errors="replace")) if log.exists() else ""


def tail(step: Step) -> str:
    lines = read_log(step).rstrip().splitlines()
    return "\n".join(f"    {line}" for line in lines[-SHOWN_LINES:])


def last_error(output: str) -> str:
    """The task on which a playbook ended, with its message, which molecule's tables push far up; or ""."""
    lines = [line.strip(" │") for line in output.splitlines()]
    ends = [number for number, line in enumerate(lines) if line.startswith("fatal: ")]
    if not ends:
        return ""
    task = next((line for line in lines[ends[-1] :: -1] if line.startswith("TASK [")), "")
    told = takewhile(bool, lines[ends[-1] : ends[-1] + LAST_LINES])
    return "\n".join(f"    {line[:LAST_WIDTH]}" for line in (task.rstrip(" *"), *told))


def show(outcome: Outcome) -> None:
    print(outcome.line(), flush=True)
    if outcome.problem:
        print(tail(outcome.step), flush=True)


def report(outcomes: Sequence[Outcome]) -> str:
    """What stands last: the first failure once more, then the count."""
    failures = [outcome for outcome in outcomes if outcome.problem]
    lines = []
    if failures:
        first = failures[0]
        lines = [
            "",
            f"FAILED: {', '.join(outcome.step.name for outcome in failures)}",
            f"FIRST FAILURE: {first.step.name}: {first.problem}",
            tail(first.step),
            f"Its whole output: {log_of(first.step)}",
            f"It alone: .venv/bin/python -m tests.gates --only {first.step.name}",
            *filter(None, [last_error(read_log(first.step))]),
        ]
    return "\n".join([*lines, f"{len(outcomes) - len(failures)} passed, {len(failures)} failed"])


def stop_when_told() -> None:
    """Told to stop in any way, also where a shell's background job would ignore Ctrl-C, a run stops its steps."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="step or group")
    parser.add_argument("--fast", action="store_true", help="only what needs no lab")
    parser.add_argument("--list", action="store_true", help="name the steps, run none")
    options = parser.parse_args(arguments)
    steps = choose(light_steps() + slower_steps() + lab_steps(ROOT), options.only, options.fast)
    if options.list:
        print("\n".join(f"{step.group:<12} {step.name}" for step in steps))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    SUMMARY.unlink(missing_ok=True)
    stop_when_told()
    outcomes = []
    try:
        for outcome in run_all(steps):
            outcomes.append(outcome)
            show(outcome)
    except KeyboardInterrupt:
        print("gates: interrupted, nothing of the steps runs any more.", file=sys.stderr)
        return 130
    text = report(outcomes)
    SUMMARY.write_text(f"{text.splitlines()[-1]}\n")
    print(text)
    return any(outcome.problem for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
