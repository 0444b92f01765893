"""Runs sanity, units and the scenario `default` with each ansible-core, and writes the table that says so.

python -m tests.matrix.controllers [NAME ...] [--only GROUP]   What is not named keeps its cells of the last run.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests import gates
from tests.lab import engine, images
from tests.lab.settings import IMAGE_VARIABLE
from tests.matrix.table import markdown, write_section

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".lab/matrix"
RESULTS = STATE / "controllers.json"
WHERE = (ROOT / "docs/tested-with.md", ROOT / "README.md")
HEAD = ("ansible-core", "Python", "community.docker", "sanity", "unit", "`default`", "on", "run")
GROUPS = ("sanity", "unit", "molecule")
NOT_RUN = (
    ("devel", "3.13 and later", "", "", "", "", "", "cannot be run here: it is on no package index"),
    ("2.21", "3.14", "", "", "", "", "", "cannot be run here: no Python 3.14 is at hand"),
)


@dataclass(frozen=True)
class Pair:
    """A Python, what it must run, and the lock file that takes the place of what it names in requirements-dev.txt."""

    name: str
    python: str
    core: str
    docker: str
    over: str = ""

    @property
    def interpreter(self) -> Path:
        return STATE / self.name / "bin/python"


PAIRS = (
    Pair("core-2.19", "3.11", "2.19.14", "4.8.5"),
    Pair("core-2.20", "3.12", "2.20.10", "5.2.1"),
    Pair("core-2.20-docker5", "3.13", "2.20.10", "5.0.4", "tests/matrix/docker5.txt"),
    Pair("core-2.21", "3.13", "2.21.5", "5.4.0"),
)

Result = dict[str, Any]


def steps(groups: Sequence[str] = GROUPS) -> list[gates.Step]:
    return [
        step
        for step in (*gates.light_steps(), *gates.slower_steps(), gates.scenario_step("default"))
        if step.group in groups
    ]


def run_inside(groups: Sequence[str]) -> Result:
    """What one pair's own interpreter runs: its versions, and each group's problem and seconds."""
    gates.LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = []
    # The scenario makes its own host and what that needs, so no three hosts are waited for.
    for outcome in gates.run_all(replace(step, needs=None) for step in steps(groups)):
        print(outcome.line(), file=sys.stderr, flush=True)
        outcomes.append(outcome)
    result = versions() | {"cells": {group: cell_of(group, outcomes) for group in groups}}
    for outcome in outcomes:
        if image := outcome.step.env.get(IMAGE_VARIABLE):
            result["hosts"] = host_versions(image)
    return result


def cell_of(group: str, outcomes: Sequence[gates.Outcome]) -> str:
    found = [outcome for outcome in outcomes if outcome.step.group == group]
    problems = [f"{outcome.step.name}: {outcome.problem}" for outcome in found if outcome.problem]
    return "; ".join(problems) or f"ok, {sum(outcome.seconds for outcome in found):.0f} s"


def versions() -> Result:
    import ansible_collections

    [folder] = [Path(path) for path in ansible_collections.__path__ if "site-packages" in path]
    manifest = json.loads((folder / "community/docker/MANIFEST.json").read_text())
    return {
        "core": version("ansible-core"),
        "python": sys.version.split()[0],
        "docker": manifest["collection_info"]["version"],
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def run_pair(pair: Pair, groups: Sequence[str]) -> Result:
    subprocess.run(
        ["sh", "tests/venv.sh", str(pair.interpreter.parents[1]), pair.python, *filter(None, [pair.over])],
        cwd=ROOT,
        check=True,
    )
    command = [
        str(pair.interpreter),
        "-m",
        "tests.matrix.controllers",
        "--inside",
        *(f"--only={group}" for group in groups),
    ]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: Result = json.loads(output)
    found, wanted = (result["core"], result["docker"]), (pair.core, pair.docker)
    if found != wanted:
        sys.exit(f"matrix: {pair.name} ran ansible-core and community.docker {found}, its row is for {wanted}.")
    return result


def merged(old: Result | None, new: Result) -> Result:
    """Cells that were not run again stay, as long as it is the same that ran."""
    if old is None or any(old[key] != new[key] for key in ("core", "python", "docker")):
        return new
    return old | new | {"cells": old["cells"] | new["cells"]}


def rows(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    ran = [
        (
            row["core"],
            row["python"],
            row["docker"],
            *(row["cells"].get(group, "not run") for group in GROUPS),
            row.get("hosts", ""),
            row["date"],
        )
        for row in (results[pair.name] for pair in PAIRS if pair.name in results)
    ]
    return [*ran, *NOT_RUN]


def host_versions(image: str) -> str:
    """What the scenario's host is made of."""
    client = engine.ensure()
    said = images.docker_versions(client, images.tag_of(image))
    return f"Docker Engine {said['Engine']}, Compose {said['Compose']}"


def failed(results: Mapping[str, Result]) -> bool:
    return any(not cell.startswith("ok, ") for result in results.values() for cell in result["cells"].values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--only", metavar="GROUP", action="append", choices=GROUPS, help=", ".join(GROUPS))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    groups = options.only or GROUPS
    if options.inside:
        # The answer alone goes to stdout; the lab tells what it starts.
        with contextlib.redirect_stdout(sys.stderr):
            result = run_inside(groups)
        print(json.dumps(result))
        return 0
    if unknown := sorted(set(options.names) - {pair.name for pair in PAIRS}):
        sys.exit(f"matrix: no pair is called {', '.join(unknown)}; there are {', '.join(pair.name for pair in PAIRS)}.")
    # A scenario makes its own host, but not the Engine that it runs on.
    engine.ensure()
    results: dict[str, Result] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for pair in PAIRS:
        if not options.names or pair.name in options.names:
            print(f"{pair.name}, Python {pair.python}:", flush=True)
            results[pair.name] = merged(results.get(pair.name), run_pair(pair, groups))
            RESULTS.write_text(json.dumps(results, indent=2))
    text = markdown(HEAD, rows(results))
    print(text)
    if missing := [pair.name for pair in PAIRS if pair.name not in results]:
        sys.exit(f"matrix: nothing is written before all have run; not run yet: {', '.join(missing)}.")
    for file in WHERE:
        write_section(file, "controllers", text)
    return failed(results)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"matrix: `{' '.join(error.cmd)}` failed; its reason stands above.")
