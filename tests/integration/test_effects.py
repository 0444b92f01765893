"""The table of docs/operations.md as Compose sees it: which services have another hash where an input changes."""

from __future__ import annotations

from pathlib import Path

from tests import effects
from tests.integration.conftest import Typed
from tests.lab import containers, engine
from tests.lab.settings import ROOT, container_name
from tests.operations.page import SERVING, read_rows

PAGE = ROOT / "docs/operations.md"
# Not below /tmp, where a host has a file system of its own.
FOLDER = "root/effects"
HASHES = f"""
cd /{FOLDER}
for file in *.yml; do
    docker compose --project-directory /opt/archiv -f $file config --hash '*' 2>/dev/null | sed "s/^/${{file%.yml}} /"
done
rm -r /{FOLDER}
"""


def test_every_row_is_what_compose_makes_anew(typed: Typed, tmp_path: Path) -> None:
    files = effects.rendered(tmp_path)
    host = containers.find(engine.require(), container_name("staging-1"))
    assert host is not None
    packed = [(f"{FOLDER}/{name}.yml", text.encode(), 0o644) for name, text in files.items()]
    host.put_archive("/", containers.tar_of(packed))
    hashes: dict[str, dict[str, str]] = {name: {} for name in files}
    for line in typed(HASHES).splitlines():
        name, service, told = line.split()
        hashes[name][service] = told
    assert set(SERVING) < hashes["base"].keys() and all(hashes.values())
    rows = read_rows(PAGE.read_text())
    true = {f"ollama_stack_{name}": told for name, told in effects.all_restarted(hashes).items()}
    assert {name: set(told) for name, told in rows.items()} == {name: true[name] for name in rows}
    assert {name for name, told in true.items() if told} <= rows.keys()
