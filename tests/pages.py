"""Writes what pages show of the source, or with --check says which is old: `make pages`.

The table of inputs in each role's README is its argument spec; docs/compose.md ends with the compose file of the
example inventory; docs/architecture.md repeats the first sentence of each file below some folders;
docs/monitoring.md lists the alerts of the rules and the metrics that a host writes; docs/operations.md has the table of
what restarts when an input changes.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.names import METRICS
from tests import effects
from tests.matrix.table import markdown, write_section
from tests.monitor.alerts import alerts
from tests.render import render

ROOT = Path(__file__).resolve().parent.parent
DOCSMITH = Path(sys.executable).with_name("ansible-docsmith")
SETTINGS = ROOT / ".config/ansible-docsmith.toml"
SPEC = "meta/argument_specs.yml"
COMPOSE = ROOT / "docs/compose.md"
MONITORING = ROOT / "docs/monitoring.md"
OPERATIONS = ROOT / "docs/operations.md"
# Without the gate, which is one service more than the page explains.
EXAMPLE = "archive-staging.example.org"
ARCHITECTURE = ROOT / "docs/architecture.md"
# The files that the page tells one by one.
TOLD = (
    "playbooks/*.yml",
    "playbooks/tasks/*.yml",
    "playbooks/templates/*",
    "playbooks/files/*",
    "plugins/action/*.py",
    "plugins/filter/*.py",
    "plugins/lookup/*.py",
    "plugins/plugin_utils/**/*.py",
    "plugins/module_utils/*/*.py",
    "roles/ollama_stack/tasks/*.yml",
    "roles/ollama_stack/templates/*",
    "roles/ollama_monitor/templates/*",
    "roles/ollama_monitor/files/rules/*",
    "tests/*.py",
    "tests/*/*.py",
    "tests/lab/images/*/*",
    "molecule/*/molecule.yml",
    "molecule/shared/*.*",
    "molecule/shared/tasks/*.yml",
)
COMMENTS = (
    # Jinja's own, then systemd's word for what a unit is for, then lines of a shell script or of YAML.
    r"(?s)\A\{#(.+?)#\}",
    r"(?m)^Description=(.+)$",
    r"\A(?:#!.*\n|---\n)?((?:# .*\n)+)",
)


def inputs(role: Path, folder: Path, check: bool) -> bool:
    """Whether the README is as its spec says, by then or, to check, already.

    ansible-docsmith wants a defaults file for each entry of a spec. Ours share one, so it sees the first entry alone.
    """
    copy = folder / role.name
    shutil.copytree(role, copy, ignore=shutil.ignore_patterns("tasks", "templates"))
    first = next(iter(yaml.safe_load((role / SPEC).read_text())["argument_specs"].values()))
    (copy / SPEC).write_text(yaml.safe_dump({"argument_specs": {"main": first}}, sort_keys=False))
    command = [str(DOCSMITH), "generate", str(copy), "--config", str(SETTINGS), "--no-defaults"]
    ended = subprocess.run(
        [*command, *(["--check"] if check else [])], capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode:
        print(ended.stdout + ended.stderr, end="")
        print(f"The table in roles/{role.name}/README.md is not what {SPEC} says; `make pages` writes it anew.")
        return False
    if not check:
        shutil.copyfile(copy / "README.md", role / "README.md")
    return True


def compose(folder: Path, check: bool) -> bool:
    copy = folder / COMPOSE.name
    shutil.copyfile(COMPOSE, copy)
    text = render(EXAMPLE, {}, "inventory/example")
    write_section(copy, "rendered", f"```yaml\n{text}```")
    if check and copy.read_bytes() != COMPOSE.read_bytes():
        print(f"The file in {COMPOSE.relative_to(ROOT)} is not what a deploy would write; `make pages` writes it anew.")
        return False
    shutil.copyfile(copy, COMPOSE)
    return True


def first_sentence(path: Path) -> str:
    """What a file says of itself: the first sentence of its docstring, or of the comment at its head."""
    text = path.read_text()
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        comments = (re.search(pattern, text) for pattern in COMMENTS)
        said = next((re.sub(r"(?m)^# ", "", comment[1]).strip() for comment in comments if comment), "")
    found = re.match(r"(.+?)\.(?:\s|$)", said, re.DOTALL)
    return " ".join((found.group(1) if found else said).split())


def files(folder: Path, check: bool) -> bool:
    """Whether the architecture page tells every file as the file tells itself."""
    lines: list[str] = []
    for pattern in TOLD:
        paths = [path for path in sorted(ROOT.glob(pattern)) if path.name != "__init__.py"]
        # Of folders that all have the same files, each has a line in their common one.
        room_of = {path: path.parents[pattern.endswith(("/*/*", "/*/molecule.yml"))] for path in paths}
        for room in dict.fromkeys(room_of.values()):
            lines += ["", f"`{room.relative_to(ROOT)}/`", ""]
            told = [(path, first_sentence(path)) for path in paths if room_of[path] == room and path.is_file()]
            lines += [f"- `{path.relative_to(room)}` {sentence}" for path, sentence in told if sentence]
    copy = folder / ARCHITECTURE.name
    shutil.copyfile(ARCHITECTURE, copy)
    write_section(copy, "files", "\n".join(lines[1:]))
    if check and copy.read_bytes() != ARCHITECTURE.read_bytes():
        print(f"{ARCHITECTURE.relative_to(ROOT)} does not tell the files as they are; `make pages` writes it anew.")
        return False
    shutil.copyfile(copy, ARCHITECTURE)
    return True


def monitoring(folder: Path, check: bool) -> bool:
    copy = folder / MONITORING.name
    shutil.copyfile(MONITORING, copy)
    main_rules = [one for one in alerts() if one.file.name == "archiv_ollama.yml"]
    rows = [
        [f"[{one.name}](runbooks.md#{one.name.lower()})", one.severity, one.wait or "at once"] for one in main_rules
    ]
    write_section(copy, "alerts", markdown(["alert", "severity", "fires after"], rows))
    rows = [[f"`{one.name}`", one.type, ", ".join(f"`{label}`" for label in one.labels), one.help] for one in METRICS]
    write_section(copy, "metrics", markdown(["metric", "type", "labels", "meaning"], rows))
    if check and copy.read_bytes() != MONITORING.read_bytes():
        print(f"A table in {MONITORING.relative_to(ROOT)} is not what the source says; `make pages` writes it anew.")
        return False
    shutil.copyfile(copy, MONITORING)
    return True


def operations(folder: Path, check: bool) -> bool:
    copy = folder / OPERATIONS.name
    shutil.copyfile(OPERATIONS, copy)
    write_section(copy, "effects", effects.table(effects.rendered(folder)))
    if check and copy.read_bytes() != OPERATIONS.read_bytes():
        print(f"The table in {OPERATIONS.relative_to(ROOT)} of what restarts is old; `make pages` writes it anew.")
        return False
    shutil.copyfile(copy, OPERATIONS)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    roles = sorted(path.parents[1] for path in ROOT.glob(f"roles/*/{SPEC}"))
    with tempfile.TemporaryDirectory() as folder:
        good = [inputs(role, Path(folder), options.check) for role in roles]
        good += [page(Path(folder), options.check) for page in (compose, files, monitoring, operations)]
    return not all(good)


if __name__ == "__main__":
    sys.exit(main())
