"""A stack recorded with each Compose is clean; each single thing that differs is told by its name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._stack import judge as _stack
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import ModelState, Problem

FIXTURES = Path(__file__).parents[3] / "fixtures"
# Engine 26.1.5 knows an image by its id; Engine 29 with the containerd store by the digest of its index.
OLD, TODAY = "compose_2.26.1", "compose_5.6.0"
FILE = _stack.File("/opt/archiv/docker-compose.prod.yml", "aa", "0644", "aa", "0644")
WHOLE = ModelState(parse_name("qwen2.5:7b-instruct-q4_K_M"), "sha256:" + "1" * 64, True, True)


UNPROVEN = replace(WHOLE, intact=None, unproven=("weights: the host was rebooted since it was hashed",))


def recorded(name: str, by: str = OLD) -> Any:
    return json.loads((FIXTURES / by / name).read_text())


def clean(by: str = OLD) -> _stack.Observation:
    hashes = _stack.read_hashes((FIXTURES / by / "hashes.txt").read_text())
    wanted = _stack.read_config(recorded("config.json", by), hashes)
    containers = tuple(_stack.read_container(raw) for raw in recorded("containers.json", by))
    images = {name: _stack.read_image(raw) for name, raw in recorded("images.json", by).items()}
    networks = {
        item["Name"]: _stack.NetworkSeen(item["Id"], item["Internal"]) for item in recorded("networks.json", by)
    }
    return _stack.Observation(
        files=(FILE,),
        wanted=wanted,
        containers=containers,
        images=images,
        networks=networks,
        volumes=frozenset(["archiv_ollama-models"]),
        models=(WHOLE,),
        healthy={"problems": [], "warnings": []},
    )


def change(service: str, **values: Any) -> _stack.Observation:
    """The clean stack with one container changed."""
    seen = clean()
    assert service in {item.service for item in seen.containers}
    containers = tuple(replace(item, **values) if item.service == service else item for item in seen.containers)
    return replace(seen, containers=containers)


def without(service: str) -> _stack.Observation:
    seen = clean()
    return replace(seen, containers=tuple(item for item in seen.containers if item.service != service))


def told(seen: _stack.Observation) -> list[tuple[str, str, str]]:
    return [(reason.kind, reason.subject, reason.action) for reason in _stack.judge_stack(seen)]


def on(service: str) -> dict[str, str]:
    return dict(next(item.networks for item in clean().containers if item.service == service))


@pytest.mark.parametrize("by", [OLD, TODAY])
def test_recorded_stack_is_clean(by: str) -> None:
    assert told(clean(by)) == []
    assert {item.service for item in clean(by).containers} == {"backend", "ollama", "ollama-model-init", "ollama-warm"}


def test_index_that_was_published_again_is_the_same_image() -> None:
    raw = recorded("images.json", TODAY)
    seen = clean(TODAY)
    assert {item.image for item in seen.containers}.isdisjoint(image["Id"] for image in raw.values())
    again = {name: _stack.read_image({**image, "Id": "sha256:another"}) for name, image in raw.items()}
    assert told(replace(seen, images=again)) == []


def test_platform_that_is_not_on_the_host_and_an_attestation_are_not_what_runs() -> None:
    for raw in recorded("images.json", TODAY).values():
        runs = [item["Descriptor"]["digest"] for item in raw["Manifests"] if item["Available"]]
        assert len(raw["Manifests"]) == 3
        assert _stack.read_image(raw) == {raw["Id"], runs[0]}


@pytest.mark.parametrize("by", [OLD, TODAY])
def test_name_that_means_another_image_is_noticed(by: str) -> None:
    seen = clean(by)
    [backend] = (name for name in seen.images if "backend" in name)
    others = {**seen.images, backend: frozenset(["sha256:another"])}
    assert told(replace(seen, images=others)) == [("image_retagged", "backend", "recreate")]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (without("backend"), ("container_missing", "backend", "create")),
        (without("ollama-model-init"), ("container_missing", "ollama-model-init", "create")),
        (change("ollama", state="exited", exit_code=137), ("container_stopped", "ollama", "start")),
        (change("ollama", state="created"), ("container_stopped", "ollama", "start")),
        (change("ollama", state="paused"), ("container_paused", "ollama", "restart")),
        (change("ollama", health="unhealthy"), ("container_unhealthy", "ollama", "restart")),
        (change("ollama", health="starting"), ("container_starting", "ollama", "wait")),
        (change("backend", state="restarting"), ("container_restarting", "backend", "wait")),
        (change("ollama-warm", health="unhealthy"), ("container_unhealthy", "ollama-warm", "wait")),
        (change("ollama-model-init", exit_code=1), ("one_shot_failed", "ollama-model-init", "start")),
        (change("ollama-model-init", state="running"), ("container_starting", "ollama-model-init", "wait")),
        (change("ollama-model-init", state="dead"), ("container_stopped", "ollama-model-init", "start")),
        (change("backend", image="sha256:other"), ("image_retagged", "backend", "recreate")),
        (change("ollama", memory=16777216), ("limit_changed", "ollama", "recreate")),
        (change("backend", outdated=("db_password",)), ("secret_rotated", "backend", "restart")),
        (change("backend", networks={}), ("network_detached", "backend", "connect")),
        (
            change("ollama-model-init", networks={"archiv_egress": "old"}),
            ("network_gone", "ollama-model-init", "recreate"),
        ),
    ],
    ids=lambda value: value[0] + " " + value[1] if isinstance(value, tuple) else "",
)
def test_container_that_differs_is_named(seen: _stack.Observation, expected: tuple[str, str, str]) -> None:
    assert {reason for reason in told(seen) if reason[1] == expected[1]} == {expected}


@pytest.mark.parametrize(("memory", "words"), [(16 << 20, "16.0 MiB"), (0, "none")])
def test_other_memory_limit_is_told_in_an_operators_units(memory: int, words: str) -> None:
    (reason,) = _stack.judge_stack(change("ollama", memory=memory))
    assert reason.why.startswith(f"memory limit is {words}, expected ")
    assert " bytes" not in reason.why


@pytest.mark.parametrize(
    ("version", "kind"),
    [("2.26.1-4", "config_changed"), ("2.26.1", "config_changed"), ("5.5.0", "compose_upgraded")],
)
def test_changed_hash_is_told_by_its_cause(version: str, kind: str) -> None:
    seen = change("backend", config_hash="another")
    assert told(replace(seen, compose_version=version)) == [(kind, "backend", "recreate")]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (replace(FILE, sha256=""), ("file_missing", FILE.path, "write")),
        (replace(FILE, sha256="bb"), ("file_differs", FILE.path, "write")),
        (replace(FILE, sha256="bb", ours=False), ("file_foreign", FILE.path, "write")),
        (replace(FILE, mode="0600"), ("file_mode", FILE.path, "write")),
        (replace(FILE, wanted_owner=1000, owner=0), ("file_owner", FILE.path, "write")),
    ],
)
def test_file_that_differs_is_named(file: _stack.File, expected: tuple[str, str, str]) -> None:
    assert told(replace(clean(), files=(file,))) == [expected]


def test_compose_is_made_to_recreate_every_container_that_changed() -> None:
    # Whether Compose finds a container changed depends on its version: one that stays would never be mended.
    for changed in ({"config_hash": "another"}, {"image": "sha256:other"}, {"memory": 1}):
        seen = change("backend", **changed)
        assert _stack.find_recreations(seen, _stack.judge_stack(seen)) == ["backend"]


@pytest.mark.parametrize(("values", "action"), [({"state": "paused"}, "restart"), ({"networks": {}}, "connect")])
def test_what_is_recreated_with_another_is_neither_restarted_nor_connected(values: dict[str, Any], action: str) -> None:
    seen = change("ollama-warm", **values)
    services = seen.wanted.services
    services = {**services, "ollama-warm": replace(services["ollama-warm"], restarts_with=("ollama",))}
    containers = tuple(replace(one, memory=1) if one.service == "ollama" else one for one in seen.containers)
    seen = replace(seen, containers=containers, wanted=replace(seen.wanted, services=services))
    reasons = _stack.judge_stack(seen)
    assert [reason.subject for reason in reasons if reason.action == action] == ["ollama-warm"]
    verdict = _stack.write_verdict("archiv", seen, reasons, {}, [])
    assert verdict["recreate"] == ["ollama", "ollama-warm"]
    assert verdict[action] == []


def test_what_is_to_start_again_with_a_recreated_service_is_recreated_with_it() -> None:
    seen = change("ollama", image="sha256:other")
    assert _stack.find_recreations(seen, _stack.judge_stack(seen)) == ["ollama", "ollama-warm"]


def test_network_that_is_not_internal_is_made_anew_with_its_containers() -> None:
    seen = clean()
    open_network = replace(seen.networks["archiv_archiv-net"], internal=False)
    seen = replace(seen, networks={**seen.networks, "archiv_archiv-net": open_network})
    assert told(seen) == [("network_internal", "archiv_archiv-net", "rebuild")]
    [network] = _stack.find_rebuilds(seen, _stack.judge_stack(seen))
    assert (network["key"], network["internal"]) == ("archiv-net", True)
    assert {item["name"]: item["aliases"] for item in network["containers"]} == {
        f"archiv-{service}-1": [f"archiv-{service}-1", service] for service in ("backend", "ollama", "ollama-warm")
    }


def test_names_that_a_container_has_on_a_network_are_given_back() -> None:
    network = "archiv_archiv-net"
    seen = change("backend", aliases={network: ("api", "backend"), "archiv_edge": ("front",)})
    seen = replace(seen, networks={**seen.networks, network: replace(seen.networks[network], internal=False)})
    assert _stack.find_wrong_networks(seen) == [network]
    [rebuilt] = _stack.find_rebuilds(seen, _stack.judge_stack(seen))
    given = {item["name"]: item["aliases"] for item in rebuilt["containers"]}
    assert given["archiv-backend-1"] == ["api", "archiv-backend-1", "backend"]
    # Off the network it has none: they are what the file says.
    document = recorded("config.json")
    document["services"]["backend"]["networks"]["archiv-net"] = {"aliases": ["api"]}
    assert _stack.read_config(document, {}).services["backend"].aliases == {network: ("api",), "archiv_edge": ()}
    seen = change("backend", networks={})
    services = {**seen.wanted.services}
    services["backend"] = replace(services["backend"], networks=(network,), aliases={network: ("api",)})
    seen = replace(seen, wanted=replace(seen.wanted, services=services))
    [lost] = _stack.find_connections(seen, _stack.judge_stack(seen))
    assert lost["aliases"] == ["api", "archiv-backend-1", "backend"]


def test_pruned_network_costs_the_stopped_container_only() -> None:
    seen = clean()
    seen = replace(seen, networks={name: item for name, item in seen.networks.items() if name != "archiv_egress"})
    assert told(seen) == [
        ("network_missing", "archiv_egress", "create"),
        ("network_gone", "ollama-model-init", "recreate"),
    ]
    assert _stack.find_recreations(seen, _stack.judge_stack(seen)) == ["ollama-model-init"]


def test_lost_network_is_given_back_to_the_running_container() -> None:
    networks = {name: known for name, known in on("backend").items() if name != "archiv_archiv-net"}
    seen = change("backend", networks=networks)
    assert _stack.find_connections(seen, _stack.judge_stack(seen)) == [
        {"network": "archiv_archiv-net", "container": "archiv-backend-1", "aliases": ["archiv-backend-1", "backend"]}
    ]


def test_network_that_is_not_there_is_connected_to_by_making_the_container_anew() -> None:
    # Compose makes the network, and that is after the connecting.
    networks = {name: known for name, known in on("backend").items() if name != "archiv_edge"}
    seen = change("backend", networks=networks)
    seen = replace(seen, networks={name: item for name, item in seen.networks.items() if name != "archiv_edge"})
    reasons = _stack.judge_stack(seen)
    assert ("network_gone", "backend", "recreate") in told(seen)
    assert _stack.find_connections(seen, reasons) == []
    assert _stack.find_recreations(seen, reasons) == ["backend"]


def test_container_that_is_recreated_needs_no_connecting() -> None:
    seen = replace(change("backend", networks={}, config_hash="another"), compose_version="2.26.1")
    assert told(seen) == [("config_changed", "backend", "recreate")]
    assert _stack.find_connections(seen, _stack.judge_stack(seen)) == []


def test_missing_volume_is_named() -> None:
    assert told(replace(clean(), volumes=frozenset())) == [("volume_missing", "archiv_ollama-models", "create")]


def test_container_of_an_unknown_service_is_reported_and_left_alone() -> None:
    seen = clean()
    other = replace(seen.containers[0], name="archiv-db-1", service="db")
    seen = replace(seen, containers=(*seen.containers, other))
    assert told(seen) == []
    assert _stack.find_orphans(seen) == ["archiv-db-1 (running)"]


def test_another_persons_unhealthy_service_is_not_restarted() -> None:
    seen = clean()
    sick = replace(seen.containers[0], service="db", health="unhealthy", state="running")
    seen = replace(seen, containers=(*seen.containers, sick))
    services = {**seen.wanted.services, "db": replace(seen.wanted.services["backend"], name="db")}
    seen = replace(seen, wanted=replace(seen.wanted, services=services))
    assert ("container_unhealthy", "db", "ask") in told(seen)
    assert _stack.find_restarts(seen, _stack.judge_stack(seen)) == []


@pytest.mark.parametrize(
    ("model", "kind", "action"),
    [
        (
            replace(WHOLE, cached=False, intact=None, problems=(Problem("missing", "manifest", "", "m", "a", "b"),)),
            "model_missing",
            "install",
        ),
        (
            replace(WHOLE, cached=False, intact=False, problems=(Problem("pin", "manifest", "", "m", "a", "b"),)),
            "model_other",
            "install",
        ),
        (
            replace(
                WHOLE, cached=False, intact=None, problems=(Problem("missing", "weights", "sha256:1", "m", "a", "b"),)
            ),
            "model_damaged",
            "install",
        ),
        (
            replace(WHOLE, cached=False, intact=None, problems=(Problem("empty", "manifest", "", "m", "a", "b"),)),
            "model_damaged",
            "install",
        ),
        (
            replace(WHOLE, intact=False, problems=(Problem("content", "weights", "", "w", "a", "b"),)),
            "model_damaged",
            "install",
        ),
        (replace(WHOLE, intact=None, unproven=("weights: it was never hashed",)), "model_unproven", "prove"),
    ],
)
def test_model_that_is_not_whole_is_named(model: ModelState, kind: str, action: str) -> None:
    assert told(replace(clean(), models=(model,))) == [(kind, WHOLE.name.display, action)]


@pytest.mark.parametrize("problem", ["store_problem", "models_problem"])
def test_models_nobody_could_look_at_are_not_clean(problem: str) -> None:
    values: dict[str, Any] = {problem: "x", "models": ()}
    assert told(replace(clean(), **values)) == [("models_unknown", "models", "ask")]


@pytest.mark.parametrize(
    ("kind", "action"), [("not_loaded", "wait"), ("not_pinned", "wait"), ("no_answer", "restart"), ("stale", "restart")]
)
def test_health_is_mended_by_waiting_or_by_its_server(kind: str, action: str) -> None:
    problem = {"kind": kind, "subject": WHOLE.name.display, "found": "x", "action": "y"}
    seen = replace(clean(), healthy={"problems": [problem], "warnings": []})
    assert told(seen) == [(kind, WHOLE.name.display, action)]
    restarts = _stack.find_restarts(seen, _stack.judge_stack(seen))
    assert restarts == (["archiv-ollama-1"] if action == "restart" else [])


@pytest.mark.parametrize(("version", "kinds"), [("0.17.0", ["image_too_old"]), ("0.17.1", []), ("0.0.0", [])])
def test_server_below_the_floor_is_not_clean(version: str, kinds: list[str]) -> None:
    seen = replace(clean(), healthy={"version": version, "problems": [], "warnings": []})
    assert [reason[0] for reason in told(seen)] == kinds


def test_health_is_not_judged_twice_while_the_server_starts() -> None:
    problem = {"kind": "api", "subject": "archiv-ollama-1", "found": "x", "action": "y"}
    seen = replace(change("ollama", health="starting"), healthy={"problems": [problem], "warnings": []})
    assert told(seen) == [("container_starting", "ollama", "wait")]


def test_host_without_engine_gets_a_verdict() -> None:
    missing = replace(FILE, sha256="")
    seen = _stack.Observation(files=(missing,), engine_missing="no Docker")
    verdict = _stack.write_verdict("archiv", seen, _stack.judge_stack(seen), {}, [])
    assert [reason["kind"] for reason in verdict["reasons"]] == ["file_missing", "engine_missing"]
    assert not verdict["engine"] and not verdict["clean"]


@pytest.mark.parametrize(
    ("actions", "settled", "after_start"),
    [([], True, True), (["wait"], True, True), (["wait", "restart"], False, True), (["install"], False, False)],
)
def test_time_is_given_only_to_what_it_may_mend(actions: list[str], settled: bool, after_start: bool) -> None:
    reasons = [_stack.Reason("kind", "subject", "why", action) for action in actions]
    assert _stack.time_may_mend(reasons, after_start=False) is settled
    assert _stack.time_may_mend(reasons, after_start=True) is after_start


def test_bytes_that_are_not_proven_do_not_keep_from_waiting_and_are_no_fault() -> None:
    # As after a boot, while the containers are starting.
    seen = replace(change("ollama", health="starting"), models=(UNPROVEN,))
    reasons = _stack.judge_stack(seen)
    assert [reason.action for reason in reasons] == ["wait", "prove"]
    assert _stack.time_may_mend(reasons, after_start=False) and not _stack.is_clean(reasons)
    reasons = _stack.judge_stack(replace(clean(), models=(UNPROVEN,)))
    assert [reason.action for reason in reasons] == ["prove"] and _stack.is_clean(reasons)


def test_file_that_was_touched_since_it_was_hashed_is_a_fault_that_a_deploy_looks_into() -> None:
    doubts = ("config: it was never hashed", "weights: the file was changed or replaced since it was hashed")
    seen = replace(clean(), models=(replace(UNPROVEN, unproven=doubts),))
    [reason] = _stack.judge_stack(seen)
    assert (reason.kind, reason.action) == ("model_changed", "check")
    assert reason.why == doubts[1]
    verdict = _stack.write_verdict("archiv", seen, [reason], {}, [])
    assert (verdict["clean"], verdict["prove"], verdict["start"]) == (False, [], False)


def test_unproven_bytes_are_told_beside_the_verdict() -> None:
    seen = replace(clean(), models=(UNPROVEN,), unreferenced=7, free=8)
    verdict = _stack.write_verdict("archiv", seen, _stack.judge_stack(seen), {}, [])
    assert (verdict["clean"], verdict["reasons"], verdict["prove"]) == (True, [], [WHOLE.name.display])
    assert verdict["report"] == [
        "archiv matches the inventory",
        f"- {WHOLE.name.display}: bytes not verified; weights: the host was rebooted since it was hashed"
        " (deploy will hash it, as does verify.yml with -e verify=full)",
    ]
    assert verdict["models"][0]["unproven"] == list(UNPROVEN.unproven)
    assert verdict["store"] == {"unreferenced_bytes": 7, "free_bytes": 8}


@pytest.mark.parametrize("action", list(_stack.ACTIONS))
def test_report_is_true_of_a_run_that_only_looks(action: str) -> None:
    told = str(_stack.Reason("kind", "ollama", "why", action))
    assert told.startswith("ollama: why (")
    assert not [word for word in (" is started", " is created", "are read", " is made", "ed again") if word in told]


def test_deploy_that_did_not_bring_something_about_promises_none() -> None:
    seen = change("ollama", state="exited")
    reasons = _stack.judge_stack(seen)
    after = _stack.write_verdict("archiv", seen, reasons, {}, [], after_start=True)
    assert after["report"] == ["archiv differs from the inventory:", "- ollama: container is exited"]


def test_age_is_that_of_the_container_that_was_started_last() -> None:
    started = {"2026-11-26T20:00:00.123456789Z": 1795723200.0, "2026-11-26T20:01:00Z": 1795723260.0, "never": 0.0}
    for text, moment in started.items():
        assert _stack.age_of(change_all(text), moment + 5) == 5
    seen = change_all("2026-11-26T20:00:00Z")
    later = replace(seen.containers[0], started="2026-11-26T20:00:30Z", state="running")
    assert _stack.age_of(replace(seen, containers=(later, *seen.containers[1:])), 1795723240.0) == 10
    # One that has ended is of no age.
    ended = replace(later, state="exited")
    assert _stack.age_of(replace(seen, containers=(ended, *seen.containers[1:])), 1795723240.0) == 40


def change_all(started: str) -> _stack.Observation:
    seen = clean()
    return replace(seen, containers=tuple(replace(item, started=started) for item in seen.containers))


def test_first_contact_with_a_stack_of_a_person_is_foreign() -> None:
    missing = replace(FILE, sha256="")
    seen = replace(change("backend", config_files="/srv/archive/docker-compose.yml"), files=(missing,))
    seen = replace(seen, compose_file=FILE.path)
    assert _stack.find_foreign(seen) == ["container archiv-backend-1 (backend) is from /srv/archive/docker-compose.yml"]
    adopted = _stack.find_adopted(seen)
    assert adopted is not None and adopted.name == "archiv-backend-1"
    assert _stack.find_adopted(replace(seen, files=(FILE,))) is None


def test_stack_of_ours_whose_file_was_lost_is_not_foreign() -> None:
    seen = change("backend", config_files=FILE.path)
    files = {item.service: FILE.path for item in seen.containers}
    containers = tuple(replace(item, config_files=files[item.service]) for item in seen.containers)
    seen = replace(seen, containers=containers, compose_file=FILE.path)
    assert _stack.find_foreign(replace(seen, files=(replace(FILE, sha256=""),))) == []


def test_stack_of_ours_that_lacks_a_secret_is_not_foreign() -> None:
    secret = replace(FILE, path="/opt/archiv/.archiv/secrets/token", sha256="")
    seen = replace(change("backend", config_files="/elsewhere/docker-compose.yml"), compose_file=FILE.path)
    assert _stack.find_foreign(replace(seen, files=(FILE, secret))) == []


def test_foreign_file_names_every_container_it_may_have_started() -> None:
    seen = replace(clean(), files=(replace(FILE, ours=False),))
    assert len(_stack.find_foreign(seen)) == 1 + len(seen.containers)


def test_report_shows_reasons_and_logs_and_notes_stand_beside() -> None:
    warning = {"kind": "oom_kills", "subject": "archiv-ollama-1", "found": "2 kills", "action": "raise"}
    seen = replace(change("ollama", state="exited"), healthy={"problems": [], "warnings": [warning]})
    reasons = _stack.judge_stack(seen)
    verdict = _stack.write_verdict("archiv", seen, reasons, {"archiv-ollama-1": ["out of memory"]}, ["no"])
    assert verdict["report"] == [
        "archiv differs from the inventory:",
        "- ollama: container is exited (deploy will start it)",
        "archiv-ollama-1 | out of memory",
    ]
    assert _stack.find_notes(seen) == ["archiv-ollama-1: 2 kills; raise"]
    assert _stack.find_suspects(seen, reasons) == ["archiv-ollama-1"]
    assert verdict["refusals"] == ["no"] and verdict["start"] is True


def test_model_alone_starts_nothing() -> None:
    seen = replace(clean(), models=(replace(WHOLE, intact=None),))
    assert _stack.write_verdict("archiv", seen, _stack.judge_stack(seen), {}, [])["start"] is False


@pytest.mark.parametrize(("uid", "notes"), [(10001, 1), (1000, 0), (0, 0), (None, 0)])
def test_backend_that_cannot_read_its_secrets_is_reported(uid: int | None, notes: int) -> None:
    secret = replace(FILE, path="/opt/archiv/.archiv/secrets/token", wanted_owner=1000, owner=1000)
    seen = replace(change("backend", uid=uid), files=(FILE, secret))
    assert len(_stack.find_notes(seen)) == notes
    assert all("ollama_stack_backend_uid to 10001" in note for note in _stack.find_notes(seen))


def test_backend_that_is_made_anew_is_not_restarted_for_its_secret() -> None:
    seen = change("backend", outdated=("db_password",), config_hash="another")
    # Its old mount may be gone by then, and it would not start.
    assert [action for _, _, action in told(seen)] == ["recreate"]


def test_image_that_is_not_there_is_to_be_pulled() -> None:
    seen = clean()
    image = seen.wanted.services["backend"].image
    assert _stack.find_missing_images(seen) == []
    images = {name: found for name, found in seen.images.items() if name != image}
    assert _stack.write_verdict("archiv", replace(seen, images=images), [], {}, [])["pull"] == [image]
