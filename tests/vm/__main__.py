"""A deploy in a virtual machine with a kernel of its own: cgroup v2, a real boot, a power cut. Ends with a table."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from docker.errors import APIError

from tests.lab import containers, engine, hosts, images, network, registry, tls
from tests.lab.__main__ import one_at_a_time
from tests.lab.settings import OLLAMA_VERSION, REGISTRY_ADDRESS, REGISTRY_NAMES, LabError
from tests.lab.steps import say, warn
from tests.vm import image, machine, playbooks
from tests.vm.machine import Machine
from tests.vm.settings import CONSOLE, HOST, RESULTS, VM_DIR
from tests.vm.steps import STEPS, Step


@dataclass(frozen=True)
class Outcome:
    """What a step came to, and how busy this machine was at its end."""

    name: str
    what: str
    seconds: float
    load: float
    ok: bool
    seen: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__)
    parser.add_argument("--until", choices=[step.name for step in STEPS], help="end after this step")
    parser.add_argument("--stay", action="store_true", help="leave the machine running until Ctrl-C")
    options = parser.parse_args()
    # Whoever ends us ends the play as well, and leaves no disk behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with alone():
            return run(options)
    except LabError as error:
        warn(f"vm: {error}")
        return 1
    except APIError as error:
        warn(f"vm: the Docker Engine refused: {error.explanation or error}; nothing of yours was changed.")
        return 1
    except KeyboardInterrupt:
        warn("vm: interrupted; QEMU is ended. Run the same command again and it starts with a fresh disk.")
        return 130


@contextmanager
def alone() -> Iterator[None]:
    """A second run would take the first one's disk."""
    VM_DIR.mkdir(parents=True, exist_ok=True)
    with (VM_DIR / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError("Another `make vm` runs in this checkout; wait for it to end.") from None
        yield


def run(options: argparse.Namespace) -> int:
    began = time.monotonic()
    say("Virtual machine:")
    made = image.ensure()
    with one_at_a_time():
        client = engine.ensure()
        images.ensure_all(client, None)
        registry.ensure(client)
        address = network.address(network.ensure(client), REGISTRY_ADDRESS)
        hosts.ensure_key()
    CONSOLE.unlink(missing_ok=True)
    vm = Machine(made, machine.choose_accelerator(made), seed_of(address))
    try:
        playbooks.write_inventory(vm.ssh_port, vm.web_port)
        playbooks.play(playbooks.PUBLISH, "publish").must_pass()
        vm.start()
        outcomes = show_all(vm, options.until)
        report(vm, outcomes, time.monotonic() - began)
        if options.stay:
            stay(vm)
    finally:
        vm.remove()
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def seed_of(registry_address: str) -> bytes:
    """The tar that the machine unpacks when it boots: who may come in, where the registry is, whom to trust."""
    names = f"127.0.0.1 localhost {HOST}\n{registry_address} {' '.join(REGISTRY_NAMES)}\n"
    return containers.tar_of(
        [
            ("/etc/hosts", names.encode(), 0o644),
            ("/root/.ssh/authorized_keys", hosts.KEY_FILE.with_suffix(".pub").read_bytes(), 0o600),
            ("/usr/local/share/ca-certificates/lab.crt", tls.CA_FILE.read_bytes(), 0o644),
            # All that is trusted. update-ca-certificates would add it to the others, and take minutes for it.
            ("/etc/ssl/certs/ca-certificates.crt", tls.CA_FILE.read_bytes(), 0o644),
        ]
    )


def show_all(vm: Machine, until: str | None) -> list[Outcome]:
    """Each step stands on the one before it, so the first that fails is the last."""
    outcomes: list[Outcome] = []
    for step in STEPS:
        outcomes.append(show(vm, step))
        if not outcomes[-1].ok or step.name == until:
            break
    return outcomes


def show(vm: Machine, step: Step) -> Outcome:
    say(f"  {step.what} ...")
    began = time.monotonic()
    try:
        ok, seen = True, step.show(vm)
    except LabError as error:
        ok, seen = False, str(error)
    seconds = time.monotonic() - began
    say(f"  {step.what}: {'ok' if ok else 'FAILED'} after {seconds:.0f} s: {seen}")
    return Outcome(step.name, step.what, round(seconds), round(os.getloadavg()[0], 1), ok, seen)


def report(vm: Machine, outcomes: list[Outcome], seconds: float) -> None:
    """The lines that docs/testing.md shows, and the same as JSON."""
    conditions = conditions_of(vm, outcomes, seconds)
    text = f"{conditions}\n\n{table(outcomes)}\n"
    RESULTS.with_suffix(".md").write_text(text)
    kept = {"conditions": conditions, "steps": [asdict(outcome) for outcome in outcomes]}
    RESULTS.with_suffix(".json").write_text(json.dumps(kept, indent=1))
    failed = sum(not outcome.ok for outcome in outcomes)
    say(f"\n{text}\n{len(outcomes) - failed} passed, {failed} failed")


def conditions_of(vm: Machine, outcomes: list[Outcome], seconds: float) -> str:
    loads = [outcome.load for outcome in outcomes]
    inside = vm.try_ssh("uname -r; docker version --format '{{.Server.Version}}'; docker compose version --short", 120)
    kernel, engine_version, compose = (inside or "? ? ?").split()
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {seconds / 60:.0f} minutes with the disk cached, QEMU {qemu.split()[3]} "
        f"({vm.accelerator}), Linux {kernel}, Engine {engine_version}, Compose {compose}, Ollama {OLLAMA_VERSION}, "
        f"{os.cpu_count()} cores, load {min(loads):g} to {max(loads):g}."
    )


def table(outcomes: list[Outcome]) -> str:
    rows = [
        f"| {each.what} | {each.seconds} | {'ok' if each.ok else 'FAILED'} | {each.seen.replace('|', '/')} |"
        for each in outcomes
    ]
    return "\n".join(["| what | seconds | | seen |", "| --- | --- | --- | --- |", *rows])


def stay(vm: Machine) -> None:
    say(f"\nThe machine runs until Ctrl-C; {' '.join(vm.ssh_command(''))}")
    while vm.process is not None and vm.process.poll() is None:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
