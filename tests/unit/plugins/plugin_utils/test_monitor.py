"""What of the collection runs on a host is what its command imports, of the collection's own version."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.plugin_utils import _monitor
from tests.unit.plugins.test_rooms import FILES, UTILS, own_imports

ROOT = Path(__file__).resolve().parents[4]
TIMER = {"path": "/etc/systemd/system/a.timer", "content": "[Install]\nWantedBy=timers.target\n", "mode": "0644"}


def test_pattern_finds_every_import_that_python_would() -> None:
    for file in FILES:
        text = (UTILS / f"{file}.py").read_text()
        assert _monitor.find_imports(file, text) == set(own_imports(file)), file


@pytest.mark.parametrize(
    "text",
    ["from . import (\n    cgroup,\n    client as other,\n)\n", "def f():\n    from . import cgroup, client  # why\n"],
)
def test_import_of_several_files_is_found_however_it_is_written(text: str) -> None:
    assert _monitor.find_imports("_engine/compose", text) == {"_engine/cgroup", "_engine/client"}


def test_package_is_what_the_monitor_imports_and_nothing_else() -> None:
    rooms = {name.split("/")[1] for name in _monitor.read_package()} - {"__init__.py"}
    assert "_monitor" in rooms and not rooms & {"_entry", "_install"}


def test_package_loads_on_a_host_by_itself_and_has_the_version_of_the_collection(tmp_path: Path) -> None:
    package = _monitor.read_package()
    for name, text in package.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    names = [name[: -len(".py")].replace("/", ".") for name in package if not name.endswith("__init__.py")]
    script = f"""
import importlib, sys
sys.path.insert(0, {str(tmp_path)!r})
sys.modules["ansible"] = sys.modules["ansible_collections"] = None
for name in {names!r}:
    importlib.import_module(name)
print(sys.modules["archiv_ollama"].VERSION)
"""
    ran = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")
    assert (ran.stderr, ran.stdout.strip()) == ("", yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"])


def test_version_of_an_archive_is_its_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "9.8.7"}}))
    monkeypatch.setattr(_monitor, "COLLECTION", tmp_path)
    assert _monitor.version() == "9.8.7"


def test_link_that_starts_a_unit_at_boot_is_listed_with_the_unit() -> None:
    listed = {one["path"]: one["sha256"] for one in _monitor.list_installed([TIMER])}
    assert listed["/etc/systemd/system/timers.target.wants/a.timer"] == listed[TIMER["path"]]


def test_parcel_is_the_same_for_the_same_content_and_holds_the_package_only_with_a_folder() -> None:
    assert _monitor.pack([TIMER], "/lib") == _monitor.pack([TIMER], "/lib")
    told = json.loads(zlib.decompress(base64.b64decode(_monitor.pack([TIMER]))))
    assert told == {"folder": "", "package": {}, "files": [TIMER]}
