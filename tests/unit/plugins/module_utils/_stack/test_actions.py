"""What is to be done about what differs, each container for its own reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._engine.compose import read_config
from ansible_collections.archiv.ollama.plugins.module_utils._entry.report import write_verdict
from ansible_collections.archiv.ollama.plugins.module_utils._stack.actions import (
    find_adopted,
    find_detached,
    find_foreign,
    find_missing_images,
    find_rebuilds,
    find_recreations,
    find_wrong_networks,
)
from ansible_collections.archiv.ollama.plugins.module_utils._stack.judge import judge_stack
from tests.unit.support.recorded_stack import FILE, change, clean, on, recorded, told


def test_compose_is_made_to_recreate_every_container_that_changed() -> None:
    # Whether Compose finds a container changed depends on its version: one that stays would never be mended.
    for changed in ({"config_hash": "another"}, {"image": "sha256:other"}, {"memory": 1}):
        seen = change("backend", **changed)
        assert find_recreations(seen, judge_stack(seen)) == ["backend"]


@pytest.mark.parametrize(("values", "action"), [({"state": "paused"}, "restart"), ({"networks": {}}, "connect")])
def test_what_is_recreated_with_another_is_neither_restarted_nor_connected(values: dict[str, Any], action: str) -> None:
    seen = change("ollama-warm", **values)
    services = seen.wanted.services
    services = {**services, "ollama-warm": replace(services["ollama-warm"], restarts_with=("ollama",))}
    containers = tuple(replace(one, memory=1) if one.service == "ollama" else one for one in seen.containers)
    seen = replace(seen, containers=containers, wanted=replace(seen.wanted, services=services))
    reasons = judge_stack(seen)
    assert [reason.subject for reason in reasons if reason.action == action] == ["ollama-warm"]
    verdict = write_verdict("archiv", seen, reasons, {}, [])
    assert verdict["recreate"] == ["ollama", "ollama-warm"]
    assert verdict[action] == []


def test_what_is_to_start_again_with_a_recreated_service_is_recreated_with_it() -> None:
    seen = change("ollama", image="sha256:other")
    assert find_recreations(seen, judge_stack(seen)) == ["ollama", "ollama-warm"]


def test_network_that_is_not_internal_is_made_anew_with_its_containers() -> None:
    seen = clean()
    open_network = replace(seen.networks["archiv_archiv-net"], internal=False)
    seen = replace(seen, networks={**seen.networks, "archiv_archiv-net": open_network})
    assert told(seen) == [("network_internal", "archiv_archiv-net", "rebuild")]
    [network] = find_rebuilds(seen, judge_stack(seen))
    assert (network["key"], network["internal"]) == ("archiv-net", True)
    assert {item["name"]: item["aliases"] for item in network["containers"]} == {
        f"archiv-{service}-1": [f"archiv-{service}-1", service] for service in ("backend", "ollama", "ollama-warm")
    }


def test_names_that_a_container_has_on_a_network_are_given_back() -> None:
    network = "archiv_archiv-net"
    seen = change("backend", aliases={network: ("api", "backend"), "archiv_edge": ("front",)})
    seen = replace(seen, networks={**seen.networks, network: replace(seen.networks[network], internal=False)})
    assert find_wrong_networks(seen) == [network]
    [rebuilt] = find_rebuilds(seen, judge_stack(seen))
    given = {item["name"]: item["aliases"] for item in rebuilt["containers"]}
    assert given["archiv-backend-1"] == ["api", "archiv-backend-1", "backend"]
    # Off the network it has none: they are what the file says.
    document = recorded("config.json")
    document["services"]["backend"]["networks"]["archiv-net"] = {"aliases": ["api"]}
    assert read_config(document, {}).services["backend"].aliases == {network: ("api",), "archiv_edge": ()}
    seen = change("backend", networks={})
    services = {**seen.wanted.services}
    services["backend"] = replace(services["backend"], networks=(network,), aliases={network: ("api",)})
    seen = replace(seen, wanted=replace(seen.wanted, services=services))
    [lost] = find_detached(seen, judge_stack(seen))
    assert lost["aliases"] == ["api", "archiv-backend-1", "backend"]


def test_pruned_network_costs_the_stopped_container_only() -> None:
    seen = clean()
    seen = replace(seen, networks={name: item for name, item in seen.networks.items() if name != "archiv_egress"})
    assert told(seen) == [
        ("network_missing", "archiv_egress", "create"),
        ("network_gone", "ollama-model-init", "recreate"),
    ]
    assert find_recreations(seen, judge_stack(seen)) == ["ollama-model-init"]


def test_lost_network_is_given_back_to_the_running_container() -> None:
    networks = {name: known for name, known in on("backend").items() if name != "archiv_archiv-net"}
    seen = change("backend", networks=networks)
    assert find_detached(seen, judge_stack(seen)) == [
        {"network": "archiv_archiv-net", "container": "archiv-backend-1", "aliases": ["archiv-backend-1", "backend"]}
    ]


def test_network_that_is_not_there_is_connected_to_by_making_the_container_anew() -> None:
    # Compose makes the network, and that is after the connecting.
    networks = {name: known for name, known in on("backend").items() if name != "archiv_edge"}
    seen = change("backend", networks=networks)
    seen = replace(seen, networks={name: item for name, item in seen.networks.items() if name != "archiv_edge"})
    reasons = judge_stack(seen)
    assert ("network_gone", "backend", "recreate") in told(seen)
    assert find_detached(seen, reasons) == []
    assert find_recreations(seen, reasons) == ["backend"]


def test_container_that_is_recreated_needs_no_connecting() -> None:
    seen = replace(change("backend", networks={}, config_hash="another"), compose_version="2.26.1")
    assert told(seen) == [("config_changed", "backend", "recreate")]
    assert find_detached(seen, judge_stack(seen)) == []


def test_first_contact_with_a_stack_of_a_person_is_foreign() -> None:
    missing = replace(FILE, sha256="")
    seen = replace(change("backend", config_files="/srv/archive/docker-compose.yml"), files=(missing,))
    seen = replace(seen, compose_file=FILE.path)
    assert find_foreign(seen) == ["container archiv-backend-1 (backend) is from /srv/archive/docker-compose.yml"]
    adopted = find_adopted(seen)
    assert adopted is not None and adopted.name == "archiv-backend-1"
    assert find_adopted(replace(seen, files=(FILE,))) is None


def test_stack_of_ours_whose_file_was_lost_is_not_foreign() -> None:
    seen = change("backend", config_files=FILE.path)
    files = {item.service: FILE.path for item in seen.containers}
    containers = tuple(replace(item, config_files=files[item.service]) for item in seen.containers)
    seen = replace(seen, containers=containers, compose_file=FILE.path)
    assert find_foreign(replace(seen, files=(replace(FILE, sha256=""),))) == []


def test_stack_of_ours_that_lacks_a_secret_is_not_foreign() -> None:
    secret = replace(FILE, path="/opt/archiv/.archiv/secrets/token", sha256="")
    seen = replace(change("backend", config_files="/elsewhere/docker-compose.yml"), compose_file=FILE.path)
    assert find_foreign(replace(seen, files=(FILE, secret))) == []


def test_foreign_file_names_every_container_it_may_have_started() -> None:
    seen = replace(clean(), files=(replace(FILE, ours=False),))
    assert len(find_foreign(seen)) == 1 + len(seen.containers)


def test_backend_that_is_made_anew_is_not_restarted_for_its_secret() -> None:
    seen = change("backend", outdated=("db_password",), config_hash="another")
    # Its old mount may be gone by then, and it would not start.
    assert [action for _, _, action in told(seen)] == ["recreate"]


def test_container_that_an_interrupted_run_has_made_is_removed_and_not_taken_for_one_more() -> None:
    seen = clean()
    [backend] = [item for item in seen.containers if item.service == "backend"]
    half = replace(
        backend, name=f"ca8eda062870_{backend.name}", state="created", config_hash="another", image="sha256:b"
    )
    seen = replace(seen, containers=(*seen.containers, half))
    assert told(seen) == [("container_leftover", half.name, "remove")]
    verdict = write_verdict("archiv", seen, judge_stack(seen), {}, [])
    assert (verdict["discard"], verdict["recreate"], verdict["start"]) == ([half.name], [], True)


def test_service_whose_container_was_only_half_made_has_none() -> None:
    seen = change("backend", name="ca8eda062870_archiv-backend-1", state="created")
    assert ("container_missing", "backend", "create") in told(seen)


@pytest.mark.parametrize(
    "values", [{"state": "created"}, {"name": "ca8eda062870_archiv-backend-1"}, {"name": "abc_archiv-backend-1"}]
)
def test_container_that_only_looks_like_a_leftover_is_kept(values: dict[str, Any]) -> None:
    seen = change("backend", **values)
    assert write_verdict("archiv", seen, judge_stack(seen), {}, [])["discard"] == []


def test_image_that_is_not_there_is_to_be_pulled() -> None:
    seen = clean()
    image = seen.wanted.services["backend"].image
    assert find_missing_images(seen) == []
    images = {name: found for name, found in seen.images.items() if name != image}
    assert write_verdict("archiv", replace(seen, images=images), [], {}, [])["pull"] == [image]
