"""What a look sees of the store and of devices."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._stack import host
from ansible_collections.archiv.ollama.plugins.module_utils._stack.host import (
    _has_locks,
    find_amd_devices,
    find_native,
    has_nvidia,
)
from tests.unit.support.fake_engine import FakeEngine
from tests.unit.support.stack_host import (
    Run,
    kinds,
    write,
)


@pytest.mark.usefixtures("cli")
def test_store_that_others_could_write_is_a_reason_and_a_refusal(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    models = tmp_path / "data" / "models"
    (models / "blobs").rename(tmp_path / "moved")
    (models / "blobs").symlink_to(tmp_path / "moved")
    (tmp_path / "moved" / "pipe").touch()
    engine.answers["/info"][1]["SecurityOptions"] = ["name=seccomp,profile=builtin", "name=userns"]
    verdict = run(docker_host=engine.host)
    assert "models_unknown" in kinds(verdict)
    refused = [one for one in verdict["refusals"] if str(models / "blobs") in one]
    assert len(refused) == 1 and "is a link to" in refused[0]
    assert [one for one in verdict["refusals"] if "userns-remap" in one]


@pytest.mark.usefixtures("cli")
def test_what_was_planted_in_a_store_is_told(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    write(tmp_path)
    os.mkfifo(tmp_path / "data/models/blobs/pipe")
    verdict = run(docker_host=engine.host)
    assert verdict["clean"], "told, and no reason to do anything"
    assert f"{tmp_path}/data/models/blobs/pipe is a pipe, which is never read" in json.dumps(verdict["warnings"])


@pytest.mark.parametrize(
    ("environment", "native"),
    [("OLLAMA_MODELS={models}", True), ("HOME={home}", True), ("OLLAMA_MODELS=/elsewhere", False), ("", False)],
)
def test_native_service_is_seen_by_the_folder_it_works_in(
    environment: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / ".ollama"
    systemctl = tmp_path / "systemctl"
    systemctl.write_text('#!/bin/sh\n[ "$*" = "show --property=MainPID --value ollama.service" ] && echo 7\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(host, "PROCESSES", str(tmp_path))
    (tmp_path / "7").mkdir()
    told = environment.format(models=root / "models", home=tmp_path)
    (tmp_path / "7" / "environ").write_text(f"PATH=/bin\0{told}\0")
    assert find_native(str(root)) is native
    assert find_native("") is False
    systemctl.write_text("#!/bin/sh\necho 0\n")
    assert find_native(str(root)) is False


def test_device_is_a_device_with_the_group_that_may_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "DEVICES", str(tmp_path))
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").write_text("no device")
    (tmp_path / "dri" / "card0").symlink_to("/dev/null")
    assert find_amd_devices() == {}
    # Everybody may open it; nodes of a group are made on a real host.
    (tmp_path / "kfd").symlink_to("/dev/null")
    assert find_amd_devices() == {f"{tmp_path}/kfd": None}


@pytest.mark.parametrize(
    ("info", "hook", "found"),
    [
        ({"Runtimes": {"runc": {}}}, "", False),
        ({"Runtimes": {"runc": {}, "nvidia": {}}}, "", True),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}, "", True),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "vendor.com/nic=0"}], "CDISpecDirs": ["{here}"]}, "", False),
        ({"CDISpecDirs": ["{here}/cdi"]}, "", True),
        ({}, "nvidia-container-runtime-hook", True),
        ({}, "nvidia-cdi-hook", True),
    ],
)
def test_nvidia_is_seen_by_any_of_its_signs(
    info: dict[str, Any], hook: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdi").mkdir()
    (tmp_path / "cdi" / "nvidia.yaml").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    if hook:
        (tmp_path / hook).touch(mode=0o755)
    folders = [folder.format(here=tmp_path) for folder in info.get("CDISpecDirs", ())]
    assert has_nvidia({**info, "CDISpecDirs": folders}) is found


def test_folder_that_may_not_be_opened_says_nothing_of_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    assert _has_locks(str(tmp_path))
    monkeypatch.setattr(os, "open", refuse)
    assert _has_locks(str(tmp_path))
