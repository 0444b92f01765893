"""What an operator is promised in several places is the same in all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.parents[1] for path in ROOT.glob("roles/*/defaults/main.yml"))
EXAMPLES = sorted(ROOT.glob("inventory/example/group_vars/*.yml"))
# A variable of ours, set or commented out, at the start of a line.
VARIABLE = re.compile(r"^(?:# )?((?:ollama|docker_engine)_\w+):", re.MULTILINE)
# A role that another depends on has no entry main: its tasks would run with every one of the other's.
WITHOUT_MAIN = {"ollama_monitor": "install"}

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def defaults_of(role: Path) -> dict[str, Any]:
    return load(role / "defaults/main.yml") or {}


def entries_of(role: Path) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = load(role / "meta/argument_specs.yml")["argument_specs"]
    return entries


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = entries_of(role)[main_of(role)]["options"]
    return options


def main_of(role: Path) -> str:
    first = next(iter(entries_of(role)))
    assert first == WITHOUT_MAIN.get(role.name, "main")
    return first


def galaxy() -> dict[str, Any]:
    return dict(load(ROOT / "galaxy.yml"))


def test_every_role_has_a_contract() -> None:
    described = {path.parents[1] for path in ROOT.glob("roles/*/meta/argument_specs.yml")}
    assert ROLES
    assert set(ROLES) == described == {path for path in ROOT.glob("roles/*") if path.is_dir()}


@every_role
def test_every_entry_checks_the_same_inputs(role: Path) -> None:
    said = [path for path in role.glob("tasks/*.yml") if path.read_text().startswith("# An entry point")]
    assert set(entries_of(role)) == {main_of(role)} | {path.stem for path in said}
    assert [name for name, entry in entries_of(role).items() if entry["options"] != options_of(role)] == []


@every_role
def test_defaults_are_the_documented_ones(role: Path) -> None:
    documented = {
        name: option.get("default") for name, option in options_of(role).items() if not option.get("required")
    }
    assert defaults_of(role) == documented


@every_role
def test_defaults_satisfy_their_own_types_and_choices(role: Path) -> None:
    result = ArgumentSpecValidator(options_of(role)).validate(defaults_of(role))
    # A required input has no default: that one complaint is the contract.
    assert [text for text in result.error_messages if "missing required" not in text] == []


@every_role
def test_inputs_carry_the_name_of_their_role(role: Path) -> None:
    assert [name for name in options_of(role) if not name.startswith(f"{role.name}_")] == []


@every_role
def test_inputs_are_described(role: Path) -> None:
    bare = [name for name, option in options_of(role).items() if not option.get("description")]
    assert bare == []


@every_role
def test_readme_names_real_inputs_and_all_entries(role: Path) -> None:
    # That its table is the spec's is the lint gate's to see.
    readme = (role / "README.md").read_text()
    assert set(re.findall(rf"`({role.name}_\w+)", readme)) - set(options_of(role)) == set()
    assert [name for name in entries_of(role) if name != main_of(role) and f"| `{name}` |" not in readme] == []


@every_role
def test_readme_answers_what_people_ask(role: Path) -> None:
    readme = (role / "README.md").read_text()
    wanted = (
        "What it guarantees",
        "Requirements",
        "## Example",
        "Idempotent?",
        "Atomic?",
        "How to go back?",
        "## Licence",
    )
    assert [word for word in wanted if word not in readme] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_inventory_names_real_inputs(example: Path) -> None:
    named = set(VARIABLE.findall(example.read_text()))
    known = {name for role in ROLES for name in options_of(role)}
    assert named
    assert named - known == set()


def test_action_group_is_every_module() -> None:
    # What only runs another module has no options that it would share with ours.
    modules = {path.stem for path in ROOT.glob("plugins/modules/*.py")} - {"in_background"}
    assert sorted(load(ROOT / "meta/runtime.yml")["action_groups"]["ollama"]) == sorted(modules)


def test_readme_names_everything_that_people_call() -> None:
    readme = (ROOT / "README.md").read_text()
    playbooks = [f"archiv.ollama.{path.stem}" for path in ROOT.glob("playbooks/*.yml")]
    modules = [path.stem for path in ROOT.glob("plugins/modules/*.py")]
    rows = set(re.findall(r"(?m)^\| \[?`([\w.]+)`", readme))
    assert rows == {*playbooks, *modules, *(role.name for role in ROLES)}


def test_versions_agree() -> None:
    readme = (ROOT / "README.md").read_text()
    changelog = load(ROOT / "changelogs/changelog.yaml")
    requires = load(ROOT / "meta/runtime.yml")["requires_ansible"]
    [(dependency, bounds)] = galaxy()["dependencies"].items()
    assert galaxy()["version"] in changelog["releases"]
    assert f"ansible-core {requires}" in readme
    assert f"{dependency} {bounds}" in readme
    for role in ROOT.glob("roles/*/meta/main.yml"):
        assert f">={load(role)['galaxy_info']['min_ansible_version']}.0" == requires, role


def test_licence_is_the_same_everywhere() -> None:
    assert galaxy()["license"] == ["GPL-3.0-or-later"]
    assert "Version 3, 29 June 2007" in (ROOT / "LICENSE").read_text()
    for role in ROOT.glob("roles/*/meta/main.yml"):
        assert load(role)["galaxy_info"]["license"] == "GPL-3.0-or-later", role
