"""Cuts the power of a host in the midst of switches, rollbacks and returns; all that Docker keeps is on that disk.

python -m tests.reliability.switches [ROUNDS] [--image IMAGE]   The verdict on each round is that of switching.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import requests
import yaml

from tests.lab import containers, engine, hosts, index, registry
from tests.lab.settings import HOST_IMAGES, OLLAMA_VERSION, ROOT, STATE_DIR, container_name
from tests.plays import Played, Started
from tests.reliability.sweep import commit
from tests.reliability.switching import (
    DEPLOYED,
    RETURN,
    ROLLBACK,
    ROLLED_BACK,
    SWITCH,
    Cut,
    Look,
    Seen,
    Wanted,
    changed,
    lacking,
    line,
    plan,
    strays,
    table,
    verdict,
)

PROJECT = "archiv"
DIRECTORY = "/opt/archiv"
# All that a switch writes but the units of systemd.
ON_THE_DISK = ("/var/lib/docker", "/var/lib/containerd", "/opt", "/var/lib/archiv-ollama")
# Sparse: what a deploy counts on an image is far more than the lab's are.
DISK_MEGABYTES = 16384
NEWER = "0.34.90"
MODELS = ("qwen2.5:7b-instruct-q4_K_M", "llama3.2:1b")
# They are to end by themselves.
ONCE = ("ollama-model-init",)
# With what a run says that what is to be cut begins.
BEGINS = {SWITCH: "change | Begin a release", ROLLBACK: "roll_back | Go back", RETURN: "give_up | Go back"}
QUESTION = "Which letters did the archive receive in 1913?"
PLAY_SECONDS = 400
BACK_SECONDS = 150
BOOT_UNIT = f"""[Unit]
Before=docker.service containerd.service ollama-stack-mark.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-disk attach {" ".join(ON_THE_DISK)}
[Install]
WantedBy=multi-user.target
"""
PREPARE = f"""set -e
systemctl stop docker.socket docker.service containerd.service ssh.service
truncate --size {DISK_MEGABYTES}M /var/lib/docker/lab-disk.img
mkfs.ext4 -q -F -m 0 /var/lib/docker/lab-disk.img
systemctl daemon-reload
systemctl enable --quiet --now lab-disk.service
systemctl start docker.service ssh.service
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.switches", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=20, help="power cuts")
    parser.add_argument("--image", choices=HOST_IMAGES[:2], default=HOST_IMAGES[0], help="what the host is made of")
    parser.add_argument("--seed", default=str(random.randrange(10**6)), help="replays the plan of a run")
    parser.add_argument("--first", type=int, default=0, help="leave out the rounds before this one")
    options = parser.parse_args()
    name = f"switches-{options.image}"
    lab("up", name, options.image)
    try:
        return run(options, Host(engine.require(), name))
    finally:
        lab("down", name)


def run(options: argparse.Namespace, host: Host) -> int:
    base = registry.base_url(host.client)
    index.publish(base, "ollama/ollama", OLLAMA_VERSION, [NEWER])
    index.move(base, "ollama/ollama", NEWER)
    host.prepare()
    sweep = Sweep(host)
    sweep.first_releases()
    print(f"seed {options.seed}, {options.image}, {host.versions()}, a whole run took {sweep.lasts}", flush=True)
    rounds = []
    for number in range(options.first, options.rounds):
        seen = sweep.round(plan(options.seed, number, options.rounds))
        rounds.append(seen)
        print(line(seen), flush=True)
        keep(options, host, rounds)
    failures = verdict(rounds)
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {options.image}, seed {options.seed}\n\n{table(rounds)}\n")
    print("\n".join(failures) or f"switches: passed, {len(rounds)} cuts")
    return 1 if failures else 0


def keep(options: argparse.Namespace, host: Host, rounds: list[Seen]) -> None:
    report = {"options": vars(options), "versions": host.versions(), "rounds": [asdict(seen) for seen in rounds]}
    (host.folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")


class Sweep:
    """One host, from cut to cut."""

    def __init__(self, host: Host) -> None:
        self.host = host
        # What the inventory says now, and what each release was deployed with.
        self.wanted = Wanted()
        self.made: dict[int, Wanted] = {}
        self.lasts: dict[str, float] = {}

    def first_releases(self) -> None:
        """Two releases to go back to; how long each kind of run takes from where its switch begins."""
        self.host.play(DEPLOYED, self.wanted).must_pass()
        self.settle()
        newer = Wanted(newer_image=True, other_backend=True)
        self.lasts[SWITCH] = self.host.play(DEPLOYED, newer).must_pass().seconds_from(BEGINS[SWITCH])
        self.wanted = newer
        self.settle()
        back = self.host.play(ROLLED_BACK, self.wanted).must_pass()
        self.lasts[ROLLBACK] = back.seconds_from(BEGINS[ROLLBACK])
        self.wanted = Wanted()
        self.settle()
        failed = self.host.play(DEPLOYED, changed(self.wanted, Wanted(newer_image=True)), broken=True)
        self.lasts[RETURN] = failed.seconds_from(BEGINS[RETURN])

    def settle(self) -> Look:
        """What the newest good release was deployed with."""
        look = self.host.look()
        self.made = {number: self.made.get(number, self.wanted) for number in look.good}
        return look

    def round(self, cut: Cut) -> Seen:
        seconds: dict[str, float] = {}
        before = self.host.look()
        old = self.wanted
        new = changed(old, cut.change)
        to = before.good[-2] if len(before.good) > 1 else before.good[-1]
        arguments = [f"-erelease={to}"] if cut.target == ROLLBACK else []
        with timed(seconds, "cut"):
            wanted = old if cut.target == ROLLBACK else new
            kind = ROLLED_BACK if cut.target == ROLLBACK else DEPLOYED
            started = self.host.start(kind, wanted, *arguments, broken=cut.target == RETURN)
            begun = started.wait_for(BEGINS[cut.target], PLAY_SECONDS)
            time.sleep(cut.share * self.lasts[cut.target])
            midst = begun and started.runs()
            self.host.run(["lab-disk", "fail"])
            # Before it can say what became of its host.
            at = started.end().last_task
        complaints = []
        with timed(seconds, "boot"):
            if self.host.power_cycle():
                complaints.append("what nobody flushed is there: the power was not cut")
        with timed(seconds, "back"):
            look, lacks = self.host.wait_until_back()
        complaints += [f"after the boot {one}" for one in lacks] + strays(look)
        # Of a run that was cut after its end, and that nobody has seen yet.
        came = {SWITCH: new, ROLLBACK: self.made[to], RETURN: old}[cut.target]
        self.made.update({number: came for number in look.good if number not in self.made})
        there = [name for name, one in look.containers.items() if one["started"]]
        gone = [name for name in before.containers if name not in there and name not in ONCE]
        if "backend" in there:
            complaints += self.host.ask(200 if "ollama" in there else 503)
        said = self.host.says_interrupted()
        next_run = cut.next_run
        if not look.open and not (cut.target == SWITCH and look.good[-1:] > before.good[-1:]):
            # Nothing is there yet to go back from.
            next_run = DEPLOYED
        with timed(seconds, "next"):
            if next_run == DEPLOYED:
                self.wanted = new if cut.target == SWITCH else old
                done = self.host.play(DEPLOYED, self.wanted)
            else:
                done = self.host.play(ROLLED_BACK, wanted, *arguments)
                self.wanted = self.made[to] if cut.target == ROLLBACK else old
        complaints += problems(done)
        with timed(seconds, "again"):
            again = self.host.play(DEPLOYED, self.wanted)
        complaints += problems(again)
        if again.recap.get("changed"):
            complaints.append(f"a deploy after it changed {again.recap['changed']}")
        after = self.settle()
        complaints += strays(after) + [f"release {number} is still open" for number in after.open]
        releases = 0
        with timed(seconds, "releases"):
            for number in after.good[:-1]:
                was = self.made[number]
                told = problems(self.host.play(ROLLED_BACK, self.wanted, f"-erelease={number}"))
                self.wanted = was
                self.settle()
                told += strays(self.host.look()) + self.host.ask(200)
                complaints += [f"release {number}: {one}" for one in told]
                releases += not told
        return Seen(
            cut=cut if next_run == cut.next_run else plan_with(cut, next_run),
            midst=midst,
            how=f"at {cut.share:.0%}, {at or 'before its first task'}",
            interrupted=bool(look.open),
            said_interrupted=said,
            gone=gone,
            complaints=complaints,
            releases_started=releases,
            seconds=seconds,
        )


def problems(played: Played) -> list[str]:
    return [played.problem] if played.problem else []


def plan_with(cut: Cut, next_run: str) -> Cut:
    return Cut(cut.number, cut.target, cut.change, cut.share, next_run)


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[name] = time.monotonic() - begun


class Host:
    """The host as its operator and its power supply see it."""

    def __init__(self, client: docker.DockerClient, name: str) -> None:
        self.client, self.name = client, name
        self.container = client.containers.get(container_name(name))
        self.address = hosts.address_of(self.container)
        # Two below the checkout, as the lab's variables expect of an inventory.
        self.folder = STATE_DIR / name
        self.folder.mkdir(exist_ok=True)
        self.plays = 0

    def prepare(self) -> None:
        """Put all that Docker and the stack keep on the disk that can lose its power."""
        self.container.put_archive(
            "/",
            containers.tar_of(
                [
                    ("usr/local/sbin/lab-disk", (ROOT / "molecule/power/lab-disk").read_bytes(), 0o755),
                    ("usr/local/sbin/lab-look", Path(__file__).with_name("on_switched_host.py").read_bytes(), 0o755),
                    ("etc/systemd/system/lab-disk.service", BOOT_UNIT.encode(), 0o644),
                ]
            ),
        )
        self.run(["sh", "-c", PREPARE])
        (self.folder / "group_vars").unlink(missing_ok=True)
        (self.folder / "group_vars").symlink_to("../../molecule/inventory/group_vars")

    def versions(self) -> dict[str, str]:
        docker_version = self.run(["docker", "version", "--format", "{{.Server.Version}}"]).strip()
        return {"engine": docker_version, "ollama": OLLAMA_VERSION, "collection": commit()}

    def power_cycle(self) -> bool:
        """A hard restart; whether the disk kept what nobody flushed."""
        self.container.restart(timeout=0)
        hosts.wait_ready(self.client, self.name, with_engine=True)
        return self.run(["sh", "-c", "test -e /power/unflushed && echo there || true"]) != ""

    def look(self) -> Look:
        return Look(**json.loads(self.run(["lab-look", PROJECT, f"{DIRECTORY}/.archiv/releases"])))

    def wait_until_back(self) -> tuple[Look, list[str]]:
        deadline = time.monotonic() + BACK_SECONDS
        while True:
            look = self.look()
            lacks = lacking(look, ONCE)
            if not lacks or time.monotonic() > deadline:
                return look, lacks
            time.sleep(1)

    def ask(self, expected: int) -> list[str]:
        """A question through the backend, as a person of the archive asks it; complaints."""
        deadline = time.monotonic() + BACK_SECONDS
        while True:
            try:
                url = f"http://{self.address}:8080/api/search/nl"
                got = str(requests.post(url, json={"query": QUESTION}, timeout=60).status_code)
            except requests.RequestException as error:
                got = type(error).__name__
            if got == str(expected):
                return []
            if time.monotonic() > deadline:
                return [f"a question was answered with {got} and not {expected}"]
            time.sleep(1)

    def says_interrupted(self) -> bool:
        # It ends with 1 where something is to be said.
        said = json.loads(self.run(["sh", "-c", "ollama-stack status --json || true"]))
        return any(reason["kind"] == "switch_interrupted" for reason in said["reasons"])

    def run(self, command: list[str]) -> str:
        inside = ["docker", "exec", str(self.container.name), "timeout", "120", *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)} ended with {done.returncode} on {self.name}: {done.stderr[-1500:]}"
            )
        return done.stdout

    def start(self, playbook: str, wanted: Wanted, *arguments: str, broken: bool = False) -> Started:
        self.plays += 1
        inventory = self.folder / "hosts.yml"
        host = {"ansible_host": self.address, **variables(wanted)}
        if broken:
            # Compose takes it, and Docker then does not.
            host["ollama_stack_init_extra_hosts"] = {"registry.ollama.ai": "not-an-address"}
        inventory.write_text(yaml.safe_dump({"ollama_hosts": {"hosts": {self.name: host}}}))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory)]
        return Started(
            [*command, f"playbooks/{playbook}.yml", *arguments], self.folder / f"{self.plays:03}-{playbook}.log"
        )

    def play(self, playbook: str, wanted: Wanted, *arguments: str, broken: bool = False) -> Played:
        return self.start(playbook, wanted, *arguments, broken=broken).finish(PLAY_SECONDS)


def variables(wanted: Wanted) -> dict[str, Any]:
    return {
        "ollama_stack_monitor": True,
        "ollama_monitor_interval": 300,
        "ollama_stack_image": f"registry.lab/ollama/ollama:{NEWER if wanted.newer_image else OLLAMA_VERSION}",
        "ollama_stack_backend_environment": {"APP_SWEEP": "other" if wanted.other_backend else "first"},
        "ollama_stack_models": [{"name": name} for name in MODELS[: 1 + wanted.more_models]],
    }


def lab(action: str, name: str, image: str = "") -> None:
    option = [f"--image={image}"] if image else []
    subprocess.run([sys.executable, "-m", "tests.lab", "host", action, name, *option], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
