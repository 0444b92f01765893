"""A deploy or verification that fails still fails, and the host's history tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.bare_host import BareHost


@pytest.fixture
def host(tmp_path: Path) -> BareHost:
    return BareHost(tmp_path)


def test_refused_deploy_fails_with_its_reasons_and_is_told(host: BareHost) -> None:
    host.has_the_command()
    printed = host.run("deploy")
    assert (
        "failed=1" in printed
        and "rescued=0" in printed
        and "TASK [archiv.ollama.ollama_stack : change | Run the pre" in printed
    )
    [line] = host.lines()
    assert line.startswith("record deploy --result=failed --who=mia --what=")
    assert str(host.folder / "stack") in line


def test_command_that_fails_does_not_hide_why_a_deploy_did(host: BareHost) -> None:
    host.has_the_command(code=1)
    printed = host.run("deploy")
    assert len(host.lines()) == 1 and printed.count("fatal:") == 1 and "failed=1" in printed


def test_first_deploy_that_is_refused_has_no_command_to_tell_it(host: BareHost) -> None:
    assert "failed=1" in host.run("deploy") and host.lines() == []


@pytest.mark.parametrize("variables", [{"ollama_stack_monitor": False}, {"ollama_stack_variant": "dev"}])
def test_host_that_is_not_watched_is_told_nothing(host: BareHost, variables: dict[str, Any]) -> None:
    host.has_the_command()
    host.run("deploy", **variables)
    assert host.lines() == []


def test_check_mode_tells_nothing(host: BareHost) -> None:
    host.has_the_command()
    host.run("verify", "--check")
    assert host.lines() == []


def test_verification_is_told_with_its_result(host: BareHost) -> None:
    host.has_the_command()
    assert "failed=1" in host.run("verify")
    [line] = host.lines()
    assert line.startswith("record verify --result=failed --who=mia --what=")


def test_verification_without_the_command_only_says_what_it_saw(host: BareHost) -> None:
    printed = host.run("verify")
    assert f"{host.command}: is missing (deploy will install it)" in printed and host.lines() == []
