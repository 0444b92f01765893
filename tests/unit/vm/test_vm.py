"""The virtual machine's pure parts: what QEMU is told, what is read from a play, what the table says."""

from __future__ import annotations

import signal
import tarfile
import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.lab import hosts, tls
from tests.lab.settings import REGISTRY_NAMES, ROOT, LabError
from tests.plays import Played, Started, recap_of
from tests.vm import __main__ as vm
from tests.vm import image, machine, playbooks, steps
from tests.vm.settings import HOST, INVENTORY, MEMORY_LIMIT, MODEL

RECAP = f"""
PLAY RECAP *********************************************************************
localhost                  : ok=9    changed=9    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
{HOST}                       : ok=23   changed=6    unreachable=0    failed=0    skipped=4    rescued=0    ignored=0
"""
NOBODY = f"[WARNING]: Could not match supplied host pattern, ignoring: {HOST}\nskipping: no hosts matched\n"


def played(output: str, code: int = 0) -> Played:
    return Played(code, output, Path("deploy.log"))


def test_recap_is_that_of_our_host() -> None:
    assert {key: recap_of(RECAP)[key] for key in ("ok", "changed", "unreachable")} == {
        "ok": 23,
        "changed": 6,
        "unreachable": 0,
    }
    assert recap_of(NOBODY) == {}


def test_play_over_no_host_has_not_passed() -> None:
    with pytest.raises(LabError, match=r"deploy\.log"):
        played(NOBODY).must_pass()
    with pytest.raises(LabError, match="ended with 2"):
        played(RECAP, code=2).must_pass()


def test_play_that_changed_something_is_told_from_one_that_did_not() -> None:
    with pytest.raises(LabError, match="changed 6 things"):
        played(RECAP).must_change_nothing()
    assert played(RECAP.replace("changed=6", "changed=0")).must_change_nothing().recap["changed"] == 0


def test_last_task_tells_how_far_a_play_came() -> None:
    output = "TASK [archiv.ollama.ollama_stack : models | Install the models] ****\nfatal: [vm-1]: UNREACHABLE!"
    assert played("TASK [first] ***\n" + output).last_task == "models | Install the models"
    assert played(NOBODY).last_task == ""


def host_variables() -> dict[str, Any]:
    variables: dict[str, Any] = playbooks.inventory(2222, 8081)["ollama_hosts"]["hosts"][HOST]
    return variables


def test_what_the_inventory_says_is_known_where_it_is_read() -> None:
    specs = yaml.safe_load((ROOT / "roles/ollama_stack/meta/argument_specs.yml").read_text())
    inputs = set(specs["argument_specs"]["main"]["options"])
    scenarios = "".join(file.read_text() for file in ROOT.glob("molecule/**/*.yml"))
    for name in host_variables():
        if name.startswith("ollama_stack_"):
            assert name in inputs
        elif not name.startswith("ansible_"):
            assert name in scenarios


def test_machine_stands_for_the_host_of_scenario_memory() -> None:
    hosts_of_molecule = yaml.safe_load((ROOT / "molecule/inventory/hosts.yml").read_text())["ollama_hosts"]["hosts"]
    memory = hosts_of_molecule["memory"]
    assert memory["ollama_stack_models"] == host_variables()["ollama_stack_models"] == [{"name": MODEL}]
    assert memory["ollama_stack_mem_limit"] == host_variables()["ollama_stack_mem_limit"] == MEMORY_LIMIT


def test_lab_variables_lead_from_the_inventory_to_this_checkout() -> None:
    # group_vars say "{{ inventory_dir }}/../..", as beside the lab's own inventory.
    assert INVENTORY.parent.parent.parent == ROOT
    assert hosts.KEY_FILE.is_relative_to(INVENTORY.parent.parent)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> machine.Machine:
    monkeypatch.setattr(machine, "VM_DIR", tmp_path)
    monkeypatch.setattr(machine, "create_overlay", lambda base, overlay: None)
    return machine.Machine(image.Image(tmp_path / "image"), "tcg", b"seed")


def test_machine_is_reached_from_loopback_only(stopped: machine.Machine) -> None:
    forwards = [part for word in stopped.command() for part in word.split(",") if part.startswith("hostfwd")]
    assert forwards == [
        f"hostfwd=tcp:127.0.0.1:{stopped.ssh_port}-:22",
        f"hostfwd=tcp:127.0.0.1:{stopped.web_port}-:8080",
    ]


def test_machine_writes_to_a_disk_of_its_own(stopped: machine.Machine) -> None:
    drives = [word for word in stopped.command() if word.startswith("file=")]
    assert [drive for drive in drives if "readonly=on" not in drive] == [f"file={stopped.disk},if=virtio,format=qcow2"]
    assert not any(str(stopped.image.disk) in word for word in stopped.command())


def test_machine_that_never_started_can_be_ended(stopped: machine.Machine) -> None:
    stopped.remove()
    assert not stopped.seed.exists()


@pytest.mark.parametrize(
    ("there", "boots", "chosen"),
    [
        pytest.param(False, True, "tcg", id="absent"),
        pytest.param(True, False, "tcg", id="hangs"),
        pytest.param(True, True, "kvm", id="works"),
    ],
)
def test_kvm_is_tried_and_not_believed(
    there: bool, boots: bool, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "kvm"
    if there:
        device.touch()
    monkeypatch.setattr(machine, "KVM", device)
    monkeypatch.setattr(machine, "kvm_boots", lambda image: boots)
    assert machine.choose_accelerator(image.Image(tmp_path)) == chosen


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(image, "CACHE_DIR", tmp_path / "cache")
    monkeypatch.setattr(image, "PROGRAMS", {})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("tests.lab.steps.TIMES", tmp_path / "times.json")
    return tmp_path / "cache"


def test_disk_is_made_once_for_each_recipe(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        (folder / "image").mkdir()
        built.append(folder)

    monkeypatch.setattr(image, "build", build)
    first = image.ensure()
    assert image.ensure() == first
    assert len(built) == 1
    monkeypatch.setattr(image, "DISK_SIZE", "13G")
    assert image.ensure() != first
    assert len(built) == 2
    assert sorted(cache.iterdir()) == sorted({first.folder, image.ensure().folder})


def test_disk_that_was_not_finished_is_none(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(folder: Path) -> None:
        (folder / "image").mkdir()
        raise LabError("`mke2fs` failed")

    monkeypatch.setattr(image, "build", build)
    with pytest.raises(LabError, match="mke2fs"):
        image.ensure()
    assert list(cache.iterdir()) == []


def test_disk_is_made_by_root_only(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LabError, match="as root"):
        image.ensure()


def test_newest_kernel_is_taken_and_a_missing_one_said(tmp_path: Path) -> None:
    for name in ("vmlinuz-6.12.1", "vmlinuz-6.12.2"):
        (tmp_path / name).touch()
    assert image.newest(tmp_path, "vmlinuz-*").name == "vmlinuz-6.12.2"
    with pytest.raises(LabError, match=r"no initrd\.img-\*"):
        image.newest(tmp_path, "initrd.img-*")


def test_seed_names_the_registry_and_lets_the_lab_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "KEY_FILE", tmp_path / "id")
    monkeypatch.setattr(tls, "CA_FILE", tmp_path / "ca.pem")
    (tmp_path / "id.pub").write_bytes(b"ssh-ed25519 AAAA lab")
    (tmp_path / "ca.pem").write_bytes(b"certificate")
    with tarfile.open(fileobj=BytesIO(vm.seed_of("10.64.0.2"))) as seed:
        contents = {member.name: seed.extractfile(member).read() for member in seed}  # type: ignore[union-attr]
    assert contents["root/.ssh/authorized_keys"] == b"ssh-ed25519 AAAA lab"
    assert contents["etc/ssl/certs/ca-certificates.crt"] == b"certificate"
    assert f"10.64.0.2 {' '.join(REGISTRY_NAMES)}\n".encode() in contents["etc/hosts"]


def test_steps_end_with_the_first_that_fails(stopped: machine.Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(machine: machine.Machine) -> str:
        raise LabError("it is degraded")

    shown = (
        steps.Step("boot", "boots", lambda machine: "Linux"),
        steps.Step("deploy", "deploys", fail),
        steps.Step("again", "changes nothing", lambda machine: "changed=0"),
    )
    monkeypatch.setattr(vm, "STEPS", shown)
    outcomes = vm.show_all(stopped, None)
    assert [(each.ok, each.seen) for each in outcomes] == [(True, "Linux"), (False, "it is degraded")]
    assert vm.table(outcomes).splitlines()[2:] == [
        f"| boots | {outcomes[0].seconds:g} | ok | Linux |",
        f"| deploys | {outcomes[1].seconds:g} | FAILED | it is degraded |",
    ]
    assert [each.name for each in vm.show_all(stopped, "boot")] == ["boot"]


class Inside:
    """Runs here what would run in the machine."""

    def ssh_command(self, command: str) -> list[str]:
        return ["sh", "-c", command]


class Deploy:
    log = "deploy.log"

    def __init__(self, ends: bool) -> None:
        self.ends = ends

    def runs(self) -> bool:
        return not self.ends


def wait_inside(sign: str, ends: bool) -> None:
    steps.wait_inside(cast(machine.Machine, Inside()), cast(Started, Deploy(ends)), sign)


def test_power_is_cut_once_the_sign_is_there(tmp_path: Path) -> None:
    threading.Timer(0.3, (tmp_path / "sign").touch).start()
    wait_inside(f"test -e {tmp_path}/sign", ends=False)
    assert (tmp_path / "sign").exists()


def test_deploy_that_was_over_before_the_cut_shows_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="over before the cut"):
        wait_inside(f"test -e {tmp_path}/sign", ends=True)


def test_deploy_of_a_dead_host_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playbooks, "VM_DIR", tmp_path)
    monkeypatch.setattr(playbooks, "command", lambda playbook: ["sh", "-c", "echo TASK; sleep 300 & echo $!; wait"])
    deploy = playbooks.start(playbooks.DEPLOY, "cut")
    while len(deploy.said().split()) < 2:
        time.sleep(0.05)
    ended = deploy.end()
    assert (ended.code, ended.recap) == (-signal.SIGKILL, {})
    deadline = time.monotonic() + 10
    while runs(ended.output.split()[1]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(ended.output.split()[1])


def runs(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_kills_are_read_from_the_verdict() -> None:
    assert steps.kills_in('"msg": {"ok": false, "oom_kills": 3}') == 3
    with pytest.raises(LabError, match="no number"):
        steps.kills_in("nothing")


def test_limit_is_told_in_bytes() -> None:
    assert steps.bytes_of(MEMORY_LIMIT) == 536870912
