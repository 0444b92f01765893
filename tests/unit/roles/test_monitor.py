"""What watches a host: which files a look compares, what is written down, and when it is installed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.archiv.ollama.plugins.module_utils._monitor import paths
from ansible_collections.archiv.ollama.plugins.module_utils._monitor.cli import make_parser
from tests.unit.support.evaluate import ROOT, Answers, evaluate, run

TASKS = ROOT / "roles/ollama_stack/tasks"
MONITOR = ROOT / "roles/ollama_monitor"
VARS: dict[str, Any] = yaml.safe_load((MONITOR / "vars/main.yml").read_text())
TEMPLATES = [source["template"] for source in VARS["__ollama_monitor_sources"]]
NEEDED = {"ollama_stack_backend_image": "archiv/backend:1.0.0"}
SECRET = "not to be seen"
MODELS: list[dict[str, Any]] = [{"name": "a:1b", "digest": "sha256:" + "a" * 64}, {"name": "b:1b", "warm": False}]
# What nobody types.
INTERNAL = ("record", "mark")
OPTION = re.compile(r"(?<![\w-])--?[a-z]+")
WANTED = "/var/lib/archiv-ollama/wanted.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a play finds the templates of both roles."""
    found = tmp_path_factory.mktemp("monitor")
    (found / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
    return found


def hosts(**changed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {**NEEDED, **given} for name, given in changed.items()}


@pytest.fixture(scope="module")
def installed(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What a look compares on each host."""
    told = evaluate(
        folder,
        hosts(
            watched={"ollama_stack_monitor": True},
            slower={"ollama_stack_monitor": "yes", "ollama_monitor_interval": 60},
            finishing={"ollama_stack_monitor": True, "__ollama_stack_finishing": True},
            unwatched={},
            dev={"ollama_stack_monitor": True, "ollama_stack_variant": "dev"},
        ),
        "__ollama_stack_installed",
    )
    return {name: answer["__ollama_stack_installed"] for name, answer in told.items()}


def test_look_compares_every_file_with_its_sum(installed: dict[str, list[dict[str, str]]]) -> None:
    watched = {one["path"]: one["sha256"] for one in installed["watched"]}
    plain = {path for path in watched if ".wants/" not in path}
    # Neither is installed, and both are removed in the end.
    assert plain == {str(one["path"]) for one in installed["unwatched"]} - {METRICS, STAMP} | {WANTED}
    assert all(len(sha256) == 64 for sha256 in watched.values())
    assert "/etc/systemd/system/timers.target.wants/ollama-stack-metrics.timer" in watched


METRICS = "/var/lib/prometheus/node-exporter/archiv_ollama.prom"
STAMP = "/var/lib/systemd/timers/stamp-ollama-stack-scrub.timer"


def test_what_is_wanted_is_compared_only_after_it_was_written(installed: dict[str, list[dict[str, str]]]) -> None:
    watched, finishing = ([one["path"] for one in installed[name]] for name in ("watched", "finishing"))
    assert [path for path in watched if path not in finishing] == [WANTED]


def test_host_without_the_monitor_must_have_nothing_of_it(installed: dict[str, list[dict[str, str]]]) -> None:
    assert {one["sha256"] for one in installed["unwatched"]} == {""}


def test_variant_for_development_neither_installs_nor_removes_it(installed: dict[str, list[dict[str, str]]]) -> None:
    assert installed["dev"] == []


def test_interval_changes_its_timer_and_what_is_wanted(installed: dict[str, list[dict[str, str]]]) -> None:
    one, other = ({item["path"]: item["sha256"] for item in installed[name]} for name in ("watched", "slower"))
    changed = {path.rpartition("/")[2] for path in one if one[path] != other[path]}
    assert changed == {"ollama-stack-metrics.timer", "ollama-stack.8", "wanted.json"}


@pytest.fixture(scope="module")
def wanted(folder: Path) -> dict[str, str]:
    told = evaluate(
        folder,
        hosts(
            plain={"ollama_stack_models": MODELS},
            full={
                "ollama_stack_backend_secrets": {"b_key": SECRET, "a_key": SECRET},
                "ollama_stack_registries": [{"host": "reg.example", "username": "me", "password": SECRET}],
                "ollama_stack_models_dir": "/srv/ollama",
                "ollama_stack_gpu": "nvidia",
                "ollama_stack_backend_timeout": "30",
            },
        ),
        "__ollama_stack_note",
    )
    return {name: answer["__ollama_stack_note"][0]["content"] for name, answer in told.items()}


def test_what_is_wanted_is_written_as_the_command_reads_it(wanted: dict[str, str]) -> None:
    told = json.loads(wanted["plain"])
    files = told.pop("files")
    assert told == {
        "format": 1,
        "version": yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"],
        "project": "archiv",
        "dir": "/opt/archiv",
        "docker_host": "unix:///var/run/docker.sock",
        "secrets": [],
        "owner": 0,
        "models": [
            {"name": "a:1b", "digest": MODELS[0]["digest"], "warm": True},
            {"name": "b:1b", "digest": None, "warm": False},
        ],
        "models_dir": "",
        "receipts_dir": "/var/lib/archiv-ollama/receipts",
        "answer_within": 60.0,
        "context_length": 4096,
        "gpu": "",
        "gate": "",
        "locks": {},
        "metrics_interval": 30,
    }
    assert [(file["path"], file["mode"], len(file["sha256"])) for file in files] == [
        ("docker-compose.prod.yml", "0644", 64),
        (".archiv/docker", "0755", 64),
    ]


def test_what_is_wanted_names_secrets_and_tells_nothing_of_them(wanted: dict[str, str]) -> None:
    from hashlib import sha256

    told = json.loads(wanted["full"])
    assert told["secrets"] == ["a_key", "b_key"] and told["models_dir"] == "/srv/ollama/models"
    assert (told["gpu"], told["answer_within"]) == ("nvidia", 30.0)
    assert SECRET not in wanted["full"] and sha256(SECRET.encode()).hexdigest() not in wanted["full"]


def test_paths_are_those_of_the_command() -> None:
    assert VARS["__ollama_monitor_home"] == paths.HOME and WANTED == paths.WANTED


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((TASKS / "switch.yml").read_text())
    return found


def test_it_is_installed_before_the_last_look_and_what_is_wanted_written_after_it() -> None:
    names = [task["name"] for task in steps()]
    order = [
        "switch | Start the services",
        "switch | Install what watches the host, or remove it",
        "switch | Verify the deploy",
        "switch | Write down what is wanted",
        "switch | Call the release good",
    ]
    assert [name for name in names if name in order] == order and names[-1] == order[-1]


def reason(path: str, kind: str = "monitor_differs") -> dict[str, str]:
    return {"kind": kind, "subject": path, "why": "", "action": "monitor"}


def test_it_is_installed_only_where_it_differs_and_what_is_wanted_where_that_does(tmp_path: Path) -> None:
    before: dict[str, tuple[bool, list[dict[str, str]]]] = {
        "nothing": (False, []),
        "stack": (False, [reason("ollama", "container_missing")]),
        "wanted": (True, [reason(WANTED)]),
        "command": (True, [reason("/usr/local/bin/ollama-stack", "monitor_missing")]),
    }
    told: dict[str, Answers] = {}
    for name in ("switch | Install what watches the host, or remove it", "switch | Write down what is wanted"):
        [when] = [task["when"] for task in steps() if task["name"] == name]
        listed = {
            host: {**NEEDED, "__ollama_stack_before": {"monitor": monitor, "reasons": found}}
            for host, (monitor, found) in before.items()
        }
        task = {"ansible.builtin.debug": {"msg": "done"}, "when": when, "vars": {"__ollama_stack_monitored": True}}
        told[name] = run(tmp_path, listed, task)
    ran = [[host for host, answer in answers.items() if answer.get("msg") == "done"] for answers in told.values()]
    assert ran == [["command", "wanted"], ["wanted"]]


def test_line_of_the_history_tells_who_what_and_how_long_models_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    line: dict[str, Any] = {
        "__ollama_monitor_event": "deploy",
        "__ollama_monitor_result": "ok",
        "__ollama_monitor_reasons": [
            *(reason(service, "container_missing") for service in ("backend", "ollama", "backend")),
            reason("/usr/local/bin/ollama-stack", "monitor_missing"),
            reason(WANTED),
        ],
        "__ollama_monitor_health": {"models": [{"name": "a:1b", "seconds": 0.42}, {"name": "b:1b", "seconds": None}]},
    }
    nothing = {
        **line,
        "__ollama_monitor_result": "failed",
        "__ollama_monitor_reasons": [],
        "__ollama_monitor_health": {},
    }
    begin = ["/usr/local/bin/ollama-stack", "record", "deploy"]
    found = evaluate(tmp_path, {"line": line, "nothing": nothing}, "__ollama_monitor_line")
    assert found["line"]["__ollama_monitor_line"] == [
        *begin,
        "--result=ok",
        "--who=",
        "--what=backend, ollama, ollama-stack",
        "--answer=a:1b=0.42",
    ]
    assert found["nothing"]["__ollama_monitor_line"] == [*begin, "--result=failed", "--who=", "--what="]
    for name, login in (("USER", "root"), ("SUDO_USER", "mia")):
        monkeypatch.setenv(name, login)
        found = evaluate(tmp_path, {"line": line}, "__ollama_monitor_line")
        assert f"--who={login}" in found["line"]["__ollama_monitor_line"]


def test_prometheus_is_asked_only_where_there_is_to_be_an_alert(tmp_path: Path) -> None:
    url = {"ollama_stack_prometheus_url": "http://p:9090"}
    alert = {"ollama_stack_memory_alert": True}
    given: dict[str, dict[str, Any]] = {"staging-1": {**url, **alert}, "no-alert": url, "no-url": alert}
    found = evaluate(tmp_path, given, "__ollama_stack_prometheus")
    assert {name: answer["__ollama_stack_prometheus"] for name, answer in found.items()} == {
        "staging-1": {"url": "http://p:9090", "name": "staging-1"},
        "no-alert": {},
        "no-url": {},
    }


def test_file_ends_as_its_template_does(folder: Path) -> None:
    """Jinja drops the last line break of what it includes."""
    told = evaluate(folder, hosts(one={"ollama_stack_monitor": True}), "__ollama_monitor_files")
    files = told["one"]["__ollama_monitor_files"]
    assert len(files) == len(TEMPLATES)
    assert [file["path"] for file in files if file["content"][-2:].count("\n") != 1] == []


def test_man_page_has_every_command_and_option_and_code(folder: Path) -> None:
    lookup = "lookup('ansible.builtin.template', __ollama_monitor_templates ~ '/ollama-stack.8.j2')"
    [told] = run(folder, {"one": NEEDED}, {"ansible.builtin.debug": {"msg": f"{{{{ {lookup} }}}}"}}).values()
    page = str(told["msg"]).replace("\\-", "-")
    usage = make_parser().format_help()
    [choices] = [one.choices for one in make_parser()._actions if isinstance(one.choices, dict)]
    words = {
        word for name, one in choices.items() if name not in INTERNAL for word in OPTION.findall(one.format_help())
    }
    assert [name for name in choices if f".B {name}\n" not in page and f".B {name} " not in page] == []
    assert [word for word in words if word not in page and word != "--help"] == []
    assert [code for code in re.findall(r"(?m)^  (\d)  ", usage) if f".B {code}\n" not in page] == []


def test_no_unit_manages_block_io() -> None:
    """On cgroup v1 the end of such a unit leaves running containers without their groups: no exec, no healthcheck."""
    texts = {path.name: path.read_text() for path in MONITOR.glob("templates/*.j2")}
    assert len(texts) > 6
    assert [
        name for name, text in texts.items() if re.search(r"(?m)^(IO(?!Sched)|BlockIO|Slice|Delegate)\w*=", text)
    ] == []


def test_role_that_others_depend_on_has_no_task_of_its_own() -> None:
    """Each would cost a deploy that changes nothing."""
    assert not (MONITOR / "tasks/main.yml").exists()
    assert "main" not in yaml.safe_load((MONITOR / "meta/argument_specs.yml").read_text())["argument_specs"]
