"""Runs every scenario once on each kind of host, and writes the table that says so.

python -m tests.matrix.scenarios [SCENARIO ...]   What is not named keeps its rows of the last run.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests import gates
from tests.lab import engine, images
from tests.lab.settings import HOST_IMAGES, IMAGE_VARIABLE, ROOT
from tests.matrix.table import markdown, read_section, write_section

WHERE = ROOT / "docs" / "tested-with.md"
HEAD = ("scenario", "image", "engine", "compose", "seconds", "verdict", "date")

Result = dict[str, str]


def runs(found: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """Each scenario and what its host is made of: both kinds, but for one that brings its own Engine."""
    if unknown := sorted(set(names) - set(found)):
        sys.exit(f"matrix: no scenario is called {', '.join(unknown)}; they are {', '.join(sorted(found))}.")
    own = {name: gates.images_of(name) for name in found}
    both = {name: images if images == ("bare",) else gates.BOTH for name, images in own.items()}
    # One kind after the other, because both hosts of a scenario have the same name.
    return [(name, image) for image in HOST_IMAGES for name in names or found if image in both[name]]


def result_of(outcome: gates.Outcome, docker: Mapping[str, str]) -> Result:
    return {
        "scenario": str(outcome.step.alone),
        "image": outcome.step.env[IMAGE_VARIABLE],
        "engine": docker.get("Engine", "what the deploy brings"),
        "compose": docker.get("Compose", ""),
        "seconds": f"{outcome.seconds:.0f}",
        "verdict": f"FAILED: {outcome.problem}" if outcome.problem else "ok",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def merged(old: Sequence[Result], new: Result) -> list[Result]:
    """A run takes the place of the same one before."""
    kept = [each for each in old if (each["scenario"], each["image"]) != (new["scenario"], new["image"])]
    return sorted([*kept, new], key=lambda each: (each["scenario"], HOST_IMAGES.index(each["image"])))


def table(results: Sequence[Result]) -> str:
    rows = ((f"`{each['scenario']}`", f"`{each['image']}`", *(each[key] for key in HEAD[2:])) for each in results)
    return markdown(HEAD, rows)


def read_results(document: Path) -> list[Result]:
    """Of the last runs, on whichever machine they were made."""
    return [{key: cell.strip("`") for key, cell in row.items()} for row in read_section(document, "scenarios")]


def docker_of(image: str) -> dict[str, str]:
    client, tag = engine.ensure(), images.tag_of(image)
    return images.docker_versions(client, tag) if image != "bare" and images.exists(client, tag) else {}


def main(names: Sequence[str]) -> int:
    pairs = runs(gates.scenarios(gates.ROOT), names)
    gates.LOGS.mkdir(parents=True, exist_ok=True)
    results = read_results(WHERE)
    failed = False
    gates.stop_when_told()
    # A scenario makes its own host and what that needs, so no three hosts are waited for; the Engine is not made by it.
    engine.ensure()
    try:
        for outcome in gates.run_all(replace(gates.scenario_step(*pair), needs=None) for pair in pairs):
            gates.show(outcome)
            failed |= bool(outcome.problem)
            results = merged(results, result_of(outcome, docker_of(outcome.step.env[IMAGE_VARIABLE])))
            write_section(WHERE, "scenarios", table(results))
    except KeyboardInterrupt:
        print("matrix: interrupted; what is done stands in the table of the documents.", file=sys.stderr)
        return 130
    print(table(results))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
