"""What is kept between two looks: counters, history, samples; damaged or written by two, it stays right."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._monitor.samples import add_sample, read_samples
from tests.unit.support.monitor_host import MIB, MonitorHost, started

OLLAMA = '{service="ollama"}'
KILLS, GAPS, RESTARTS = (f"container_{name}_total{OLLAMA}" for name in ("oom_kills", "oom_gaps", "restarts"))


def events(host: MonitorHost) -> list[str]:
    return [one["event"] for one in host.history()]


def test_runner_killed_and_container_lives(host: MonitorHost) -> None:
    host.metrics()
    host.write_group(memory__events="oom 1\noom_kill 1\n")
    host.tell([host.event("oom")])
    assert host.metrics()[KILLS] == 1
    assert host.metrics()[KILLS] == 1
    assert events(host) == ["oom"]
    assert host.history()[0]["what"] == "out of memory: the kernel killed 1 of its processes"


def test_first_process_killed_and_container_restarts(host: MonitorHost) -> None:
    host.metrics()
    time.sleep(0.1)
    host.tell([host.event("oom", ago=0.03), host.event("die", ago=0.02, exitCode="137"), host.event("start", ago=0.01)])
    started(host.engine, restarts=1)
    found = host.metrics()
    assert (found[KILLS], found[GAPS], found[RESTARTS]) == (1, 0, 1)
    assert sorted(events(host)) == ["oom", "start", "stop"]


def test_events_of_other_projects_are_not_ours(host: MonitorHost) -> None:
    host.metrics()
    time.sleep(0.1)
    other = {"com.docker.compose.project": "other"}
    host.tell([host.event("oom", ago=0.03, **other), host.event("die", ago=0.02, exitCode="137", **other)])
    started(host.engine)
    assert host.metrics()[KILLS] == 0


def test_events_that_the_engine_has_forgotten_are_a_gap(host: MonitorHost) -> None:
    host.metrics()
    time.sleep(0.1)
    # Health checks fill its memory: each is three events.
    host.tell([{**host.event("exec_die"), "timeNano": time.time_ns() - number} for number in range(256)])
    started(host.engine)
    assert host.metrics()[GAPS] == 1
    assert "gap" in events(host)


def test_engine_that_was_restarted_has_forgotten_them_too(host: MonitorHost) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as one:
        (host.folder / "docker.pid").write_text(str(one.pid))
        host.metrics()
        started(host.engine)
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            (host.folder / "docker.pid").write_text(f"{other.pid}\n")
            assert host.metrics()[GAPS] == 1
            other.terminate()
        one.terminate()


def test_nothing_is_missed_while_the_engine_does_not_answer(host: MonitorHost) -> None:
    """The next look that gets an answer asks for all events since the last one that did."""
    host.metrics()
    at = host.state("state.json")["at"]
    version = host.engine.answers["/version"]
    host.engine.answers["/version"] = (500, {})
    assert host.metrics()["engine_up"] == 0
    assert host.state("state.json")["at"] == at
    host.engine.answers["/version"] = version
    assert host.metrics()["engine_up"] == 1
    assert host.state("state.json")["at"] > at


def test_clock_that_was_set_back_stops_neither_counting_nor_the_engine(host: MonitorHost) -> None:
    host.metrics()
    state = host.state("state.json")
    state["at"] += int(3600e9)
    (host.home / "monitor/state.json").write_text(json.dumps(state))
    # As the Engine answers where since is after until.
    host.engine.answers["/events"] = (400, {"message": "`since` time (2) cannot be after `until` time (1)"})
    host.write_group(memory__events="oom_kill 1\n")
    found = host.metrics()
    assert (found["engine_up"], found[KILLS], found[GAPS]) == (1, 1, 0)
    assert host.state("state.json")["at"] < time.time_ns()
    host.tell([])
    assert host.metrics()[KILLS] == 1


def test_service_that_a_deploy_has_removed_is_not_told_as_down_for_ever(host: MonitorHost) -> None:
    host.metrics()
    state = host.state("state.json")
    state["services"]["gate"] = {**state["services"]["ollama"], "life": None, "oom_kills": 2}
    (host.home / "monitor/state.json").write_text(json.dumps(state))
    running = 'container_running{service="gate"}'
    assert host.metrics()[running] == 0
    # A deploy that fails has not made all that is wanted, and one that ends well cannot tell without the Engine.
    host.run("record", "deploy", "--result", "failed")
    listed = host.engine.answers["/containers/json"]
    host.engine.answers["/containers/json"] = (500, {})
    host.run("record", "deploy", "--result", "ok")
    host.engine.answers["/containers/json"] = listed
    assert host.metrics()[running] == 0
    assert host.run("record", "deploy", "--result", "ok").returncode == 0
    found = host.metrics()
    assert not [name for name in found if "gate" in name] and found[f"container_running{OLLAMA}"] == 1


def test_metrics_that_cannot_be_written_are_counted_and_told_by_doctor(host: MonitorHost) -> None:
    """The folder of node_exporter may be missing: the counters go on, and nobody says that somebody sees them."""
    host.write_group(memory__events="oom_kill 1\n")
    found = host.run("metrics", "--write", str(host.folder / "nowhere"))
    assert found.returncode == 1 and "install prometheus-node-exporter" in found.stderr
    assert host.state("state.json")["services"]["ollama"]["oom_kills"] == 1
    assert "no metrics were written yet" in host.run("doctor").stdout
    seen = host.metrics() and host.state("state.json")["seen"]
    assert "no metrics were written" not in host.run("doctor").stdout
    host.run("metrics", "--write", str(host.folder / "nowhere"))
    assert host.state("state.json")["seen"] == seen


def test_what_others_left_in_the_folder_of_metrics_is_replaced_and_not_followed(host: MonitorHost) -> None:
    aim = host.folder / "aim"
    aim.write_text("kept")
    (host.textfiles / "archiv_ollama.prom").symlink_to(aim)
    (host.textfiles / "archiv_ollama.prom.new").symlink_to(aim)
    host.metrics()
    (host.textfiles / "archiv_ollama.prom.new").write_text("of a run that was killed")
    host.metrics()
    assert aim.read_text() == "kept" and [one.name for one in host.textfiles.iterdir()] == ["archiv_ollama.prom"]
    assert not (host.textfiles / "archiv_ollama.prom").is_symlink()


def test_looking_alone_keeps_nothing(host: MonitorHost) -> None:
    host.metrics()
    before = host.state("state.json")
    host.write_group(memory__events="oom_kill 3\n")
    assert host.metrics(write=False)[KILLS] == 3
    assert host.state("state.json") == before and host.history() == []
    assert host.metrics()[KILLS] == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1, "services": {"a": 1}}'])
def test_damaged_state_begins_anew_and_says_so(host: MonitorHost, content: str) -> None:
    host.metrics()
    (host.home / "monitor/state.json").write_text(content)
    assert host.metrics()[GAPS] == 1
    assert host.history()[-1]["what"].endswith("could not be read: the counters begin anew")
    assert host.metrics()[GAPS] == 1


LIFE = '{"format": 1, "at": 5, "services": {"ollama": {"life": {"id": "%s", "started": "%s", "running": true, %s}}}}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", '{"format": 1, "at": 1e400}'),
        ("state.json", '"kills": "x"'),
        ("state.json", '"kills": 1, "restarts": []'),
        ("records.json", '{"format": 1, "deploy": {"time": NaN, "ok": true}}'),
        ("records.json", '{"format": 1, "deploy": {"time": 1e300, "ok": false}}'),
        ("records.json", '{"format": 1, "answers": {"qwen2.5:7b-instruct-q4_K_M": {"time": NaN, "seconds": 1}}}'),
        ("scrub.json", '{"format": 1, "last": {"ended": Infinity, "ok": true}, "findings": 5}'),
        ("samples.json", '{"format": 1, "memory": [[NaN, 1]]}'),
        ("history.jsonl", '{"time": NaN, "event": "oom"}\n{"time": 1e300, "event": "oom"}\n'),
    ],
)
def test_numbers_that_cannot_be_are_no_reason_to_fail(host: MonitorHost, name: str, content: str) -> None:
    host.metrics()
    life = host.state("state.json")["services"]["ollama"]["life"]
    whole = content if content.startswith("{") else LIFE % (life["id"], life["started"], content)
    (host.home / "monitor" / name).write_text(whole)
    for words in (["metrics", "--write", str(host.textfiles)], ["status", "--json"], ["doctor"], ["history"]):
        assert "unexpected" not in host.run(*words).stderr


def test_two_looks_at_once_count_a_kill_once(host: MonitorHost) -> None:
    host.metrics()
    time.sleep(0.1)
    host.tell([host.event("oom", ago=0.03), host.event("die", ago=0.02, exitCode="137"), host.event("start", ago=0.01)])
    started(host.engine, restarts=1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: host.run("metrics", "--write", str(host.textfiles)), range(4)))
    found = host.metrics()
    assert (found[KILLS], found[RESTARTS]) == (1, 1)
    assert events(host).count("oom") == 1


def test_state_is_for_root_only(host: MonitorHost) -> None:
    host.metrics()
    assert (host.home / "monitor").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (host.home / "monitor").iterdir()} == {0o600}


def test_sample_of_the_servers_memory(host: MonitorHost) -> None:
    host.metrics()
    host.metrics()
    ((moment, amount),) = host.state("samples.json")["memory"]
    assert amount == 410 * MIB and abs(moment - time.time()) < 60
    assert host.state("samples.json")["limit"] == 1000 * MIB


def test_samples_are_five_minutes_apart_for_a_day() -> None:
    samples: list[list[float]] = []
    for second in range(0, 30 * 3600, 30):
        samples = add_sample(samples, 1e9 + second, second) or samples
    assert len(samples) == 288
    assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(samples)} == {300}
    # After the clock was set back, what lies in the future goes.
    assert add_sample(samples, 1e9, 1) == [[1e9, 1]]


def test_damaged_samples_are_left_out() -> None:
    assert read_samples({"memory": [[1, 2], [1], "a", [True, 2], [3, None]]}) == [[1, 2]]
    assert read_samples(None) == read_samples({"memory": 5}) == []


def test_history_is_bounded_and_survives_a_torn_line(host: MonitorHost) -> None:
    path = host.home / "monitor/history.jsonl"
    path.parent.mkdir(mode=0o700)
    line = json.dumps({"time": 1, "event": "start", "who": "", "subject": "ollama", "what": "", "result": ""})
    path.write_text(f"{line}\n" * 2500 + '{"time": 5, "ev\n[]\n{"time": "x"}\n')
    assert host.run("record", "deploy", "--result", "ok").returncode == 0
    assert len(path.read_text().splitlines()) == 2000
    shown = host.run("history", "-n", "3", "--json").stdout.splitlines()
    assert [json.loads(one)["event"] for one in shown] == ["deploy", "start", "start"]


def test_what_comes_from_elsewhere_cannot_forge_a_line(host: MonitorHost) -> None:
    host.run("record", "deploy", "--result", "ok", "--who", "eve\nroot", "--what", "\x1b[2J" + "x" * 5000)
    (line,) = host.history()
    assert line["who"] == "eve\\x0aroot" and len(line["what"]) == 300
    shown = host.run("history").stdout
    assert len(shown.splitlines()) == 1 and "\x1b" not in shown


def test_full_disk_is_a_sentence(host: MonitorHost) -> None:
    (host.home / "monitor").mkdir(mode=0o700)
    (host.home / "monitor/lock").mkdir()
    found = host.run("metrics", "--write", str(host.textfiles))
    assert found.returncode == 1 and len(found.stderr.splitlines()) == 1
    assert found.stderr.startswith("ollama-stack: ")
