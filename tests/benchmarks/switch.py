"""For how long a change refuses service, beside the same change by hand: python -m tests.benchmarks.switch.

A backend's variable, Ollama's image, and the way back by rollback.yml. Ours goes to one host, what a person types to
another; half way through they change hosts. Who asks, asks all the time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from types import TracebackType

import requests
import yaml

from tests.benchmarks.no_op import CHECKOUT, PLAYBOOK, expect_nothing_to_do, run, ssh_to
from tests.benchmarks.store import Row, load, show
from tests.lab import engine, index, registry
from tests.lab.settings import OLLAMA_VERSION

RESULTS = CHECKOUT / ".lab/benchmarks/switch.json"
HOSTS = ("production-1", "production-2")
BACKEND_LIMIT, OLLAMA_LIMIT, LOAD_LIMIT, LOAD_MORE = 1.15, 1.2, 1.2, 5.0
MODEL = "qwen2.5:7b-instruct-q4_K_M"
IMAGE = "registry.lab/ollama/ollama"
NEWER = "0.34.91"
FILE = "/opt/archiv/docker-compose.prod.yml"
AS_ROOT = "sudo -S -p '' sh -c"
UP = f"docker compose --project-directory /opt/archiv -f {FILE} up -d"
ASK_SECONDS = 120
# Between two questions that are answered at once.
EVERY_SECONDS = 0.02


@dataclass
class Asker:
    """Asks again and again from another thread; how long no good answer came."""

    ask: Callable[[], bool]
    # When a question was put, when its answer came, and whether it was good.
    answers: list[tuple[float, float, bool]] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Asker:
        self.thread = threading.Thread(target=self._go_on, daemon=True)
        self.thread.start()
        self._wait_for_good(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._wait_for_good(len(self.answers))
        self.ends.set()
        self.thread.join()

    @property
    def refused(self) -> float:
        """From the first question without a good answer to the last such one's next good answer; 0 if all were good."""
        bad = [number for number, (_, _, good) in enumerate(self.answers) if not good]
        return self.answers[bad[-1] + 1][1] - self.answers[bad[0]][0] if bad else 0.0

    def _go_on(self) -> None:
        while not self.ends.is_set():
            begun = time.monotonic()
            good = self.ask()
            self.answers.append((begun, time.monotonic(), good))
            time.sleep(EVERY_SECONDS)

    def _wait_for_good(self, first: int) -> None:
        deadline = time.monotonic() + ASK_SECONDS
        while not any(good for _, _, good in self.answers[first:]):
            if time.monotonic() > deadline:
                raise SystemExit(f"No good answer came within {ASK_SECONDS} s; nothing was measured.")
            time.sleep(EVERY_SECONDS)


def serves(address: str) -> bool:
    """Whether the archive itself answers."""
    try:
        return requests.get(f"http://{address}:8080/actuator/health", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def answers(address: str) -> bool:
    """Whether a question is answered by the model."""
    try:
        question = {"query": "Which letters did the archive receive in 1913?"}
        return requests.post(f"http://{address}:8080/api/search/nl", json=question, timeout=60).status_code == 200
    except requests.RequestException:
        return False


@dataclass(frozen=True)
class Round:
    """Seconds of both sides; those of the whole command too, for a rollback."""

    backend: float
    backend_by_hand: float
    ollama: float
    ollama_by_hand: float
    rollback: float
    rollback_whole: float
    load: float


class Side:
    """A host, and how a change gets there."""

    def __init__(self, host: str, folder: str) -> None:
        self.host, self.ssh = host, ssh_to(host, folder)
        known = yaml.safe_load((CHECKOUT / f"inventory/lab/host_vars/{host}.yml").read_text())
        self.address = str(known["ansible_host"])

    def measured(self, ask: Callable[[str], bool], change: Callable[[], object]) -> float:
        with Asker(partial(ask, self.address)) as asker:
            change()
        return asker.refused

    def deploy(self, image: str, variable: str) -> None:
        run(self.deploy_command(image, variable))

    def deploy_command(self, image: str, variable: str) -> list[str]:
        wanted = {
            "ollama_stack_image": f"{IMAGE}:{image}",
            "ollama_stack_backend_environment": {"APP_BENCHMARK": variable},
        }
        return [PLAYBOOK, "playbooks/deploy.yml", "-l", self.host, "-e", json.dumps(wanted)]

    def roll_back(self) -> None:
        run([PLAYBOOK, "playbooks/rollback.yml", "-l", self.host])

    def edit(self, old: str, new: str) -> None:
        """A person edits the file and brings it up, its image there already."""
        self.typed(f"sed -i 's,{old},{new},' {FILE} && {UP}")

    def typed(self, command: str) -> str:
        return run([*self.ssh, f'{AS_ROOT} "{command}"'])

    def load_seconds(self) -> float:
        """A first answer when the model is on the disk alone, and Ollama runs."""
        self.typed(f"docker exec archiv-ollama-1 ollama stop {MODEL}")
        begun = time.monotonic()
        if not answers(self.address):
            raise SystemExit(f"{self.host} does not answer; nothing was measured.")
        return time.monotonic() - begun


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="how often each is run, in turn")
    options = parser.parse_args()
    base = registry.base_url(engine.require())
    index.publish(base, "ollama/ollama", OLLAMA_VERSION, [NEWER])
    index.move(base, "ollama/ollama", NEWER)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="archiv-benchmark-") as folder:
        for ours, by_hand in (HOSTS, HOSTS[::-1]):
            rounds += half(Side(ours, folder), Side(by_hand, folder), (options.pairs + 1) // 2)
    rows = judge(rounds)
    show(rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps({"rounds": list(map(asdict, rounds)), "rows": list(map(asdict, rows))}, indent=1) + "\n"
    )


def half(ours: Side, by_hand: Side, pairs: int) -> list[Round]:
    for side in (ours, by_hand):
        # Both images are there before anything is timed, and what is typed begins with the file of a deploy.
        side.deploy(NEWER, "0")
        side.deploy(OLLAMA_VERSION, "0")
        expect_nothing_to_do(side.deploy_command(OLLAMA_VERSION, "0"))
    return [one_round(ours, by_hand, number) for number in range(pairs)]


def one_round(ours: Side, by_hand: Side, number: int) -> Round:
    after = str(number + 1)
    backend = partial(ours.measured, serves, partial(ours.deploy, OLLAMA_VERSION, after))
    edit = partial(by_hand.edit, "APP_BENCHMARK:.*", f"APP_BENCHMARK: by-hand-{after}")
    backend_by_hand = partial(by_hand.measured, serves, edit)
    ollama = partial(ours.measured, answers, partial(ours.deploy, NEWER, after))
    ollama_by_hand = partial(
        by_hand.measured, answers, partial(by_hand.edit, f"{IMAGE}:{OLLAMA_VERSION}", f"{IMAGE}:{NEWER}")
    )
    first, second = in_turn(number, backend, backend_by_hand)
    third, fourth = in_turn(number, ollama, ollama_by_hand)
    by_hand.edit(f"{IMAGE}:{NEWER}", f"{IMAGE}:{OLLAMA_VERSION}")
    loads = ours.load_seconds()
    begun = time.monotonic()
    rollback = ours.measured(answers, ours.roll_back)
    return Round(first, second, third, fourth, rollback, time.monotonic() - begun, loads)


def in_turn(number: int, ours: Callable[[], float], by_hand: Callable[[], float]) -> tuple[float, float]:
    """Who comes first changes, because the first of two finds colder caches."""
    if number % 2:
        return ours(), by_hand()
    later = by_hand()
    return ours(), later


def judge(rounds: Sequence[Round]) -> list[Row]:
    """Ratios within each round: its runs share one minute of the machine."""
    told = f"{len(rounds)} pairs, {os.cpu_count()} cores, load {load()}"
    rows = []
    for what, limit, pairs in (
        ("a change of the backend", BACKEND_LIMIT, [(one.backend, one.backend_by_hand) for one in rounds]),
        (
            "another image of Ollama, to the first warm answer",
            OLLAMA_LIMIT,
            [(one.ollama, one.ollama_by_hand) for one in rounds],
        ),
    ):
        ratios = sorted(ours / by_hand for ours, by_hand in pairs)
        ratio = statistics.median(ratios)
        ours, by_hand = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows.append(
            Row(
                f"refused seconds of {what} / by hand",
                ratio,
                "x",
                f"<= {limit}",
                ratio <= limit,
                f"{ratios[0]:.2f} to {ratios[-1]:.2f}; {ours:.2f} s against {by_hand:.2f} s, {told}",
            )
        )
    rollback, whole, loads = (
        statistics.median(getattr(one, name) for one in rounds) for name in ("rollback", "rollback_whole", "load")
    )
    over = statistics.median(one.rollback - LOAD_LIMIT * one.load for one in rounds)
    rows.append(
        Row(
            "rollback, to the first warm answer",
            rollback,
            "s",
            f"<= {LOAD_LIMIT} x the load + {LOAD_MORE:.0f} s",
            over <= LOAD_MORE,
            f"{min(one.rollback for one in rounds):.2f} to {max(one.rollback for one in rounds):.2f} s;"
            f" the load {loads:.2f} s; the whole command {whole:.1f} s",
        )
    )
    return rows


if __name__ == "__main__":
    main()
