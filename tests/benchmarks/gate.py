"""What the gate costs and what peers bring: python -m tests.benchmarks.gate, with the lab's images built.

Real HAProxy, as the role writes it, before servers of a fixed service time: real inference on three hosts of one
machine would only share its cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.store import Row, show
from tests.lab.gates import Answer, Site, ask, site
from tests.lab.settings import STATE_DIR

RESULTS = STATE_DIR / "benchmarks" / "gate.json"
ALL = ("a", "b", "c")
LEAST_RATE, MOST_ADDED, LEAST_TOKENS, DEADLINE = 2.8, 0.001, 0.97, 60.0
TOKENS, TOKENS_SECONDS = 200, 2.0
# An answer as the ADR measured it, and ten times the questions that a host can answer.
ADR_SECONDS, OVERLOAD = 18.0, 10
QUESTION = json.dumps({"model": "m", "prompt": "why", "stream": True}).encode()


def main() -> None:
    """Measure, print a table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400, help="how often gate and server are asked, in turn")
    parser.add_argument("--seconds", type=float, default=30, help="how long each rate is measured")
    parser.add_argument("--overload", type=float, default=180, help="how long the overload goes on; 0 leaves it out")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="archiv-gate-") as folder:
        with site(Path(folder) / "one", ("a",), 0.005) as one:
            rows.append(measure_latency(one, options.pairs))
            rows.append(measure_tokens(one, max(options.pairs // 40, 3)))
            one.tell("a", tokens=0, seconds=1.0)
            alone = rate(one, ("a",), options.seconds)
        with site(Path(folder) / "three", ALL, 1.0) as three:
            for asked, what in ((("a",), "asked at one of them"), (ALL, "each asked at home")):
                found = rate(three, asked, options.seconds)
                detail = f"{found:.2f} against {alone:.2f} answers/s"
                met = found / alone >= LEAST_RATE
                rows.append(Row(f"3 hosts / 1, {what}", found / alone, "x", f">= {LEAST_RATE}", met, detail))
            if options.overload:
                rows += overload(three, options.overload)
    show(rows)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def measure_latency(one: Site, pairs: int) -> Row:
    """The same question to the gate and to the server behind it, in turn."""
    bare: list[float] = []
    gated: list[float] = []
    server, gate = one.server("a"), one.address("a")
    for number in range(2 * pairs):
        host, seconds = ((server, bare), (gate, gated))[number % 2]
        answer = ask(host, 11434, "POST", "/api/generate", QUESTION, 10)
        assert answer.status == 200, answer
        seconds.append(answer.seconds)
    added = statistics.median(gated) - statistics.median(bare)
    detail = f"{statistics.median(gated) * 1000:.2f} against {statistics.median(bare) * 1000:.2f} ms, {pairs} pairs"
    return Row("added median latency, gate - bare", added * 1000, "ms", "< 1", added < MOST_ADDED, detail)


def measure_tokens(one: Site, rounds: int) -> Row:
    one.tell("a", tokens=TOKENS, seconds=TOKENS_SECONDS)
    speeds: dict[str, list[float]] = {one.server("a"): [], one.address("a"): []}
    for _ in range(rounds):
        for host, seen in speeds.items():
            answer = ask(host, 11434, "POST", "/api/generate", QUESTION, 30)
            assert answer.status == 200, answer
            seen.append(TOKENS / answer.seconds)
    bare, gated = map(statistics.median, speeds.values())
    detail = f"{gated:.1f} against {bare:.1f} tokens/s"
    return Row("tokens/s, gate / bare", gated / bare, "x", f">= {LEAST_TOKENS}", gated / bare >= LEAST_TOKENS, detail)


def rate(gates: Site, asked: Sequence[str], seconds: float, askers: int = 6) -> float:
    """Answers a second while so many ask one question after the other, shared out to these gates."""
    ends = time.monotonic() + seconds
    answers: list[Answer] = []

    def goes_on(name: str) -> None:
        while time.monotonic() < ends:
            answers.append(gates.ask(name))

    threads = [threading.Thread(target=goes_on, args=[asked[number % len(asked)]]) for number in range(askers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [answer for answer in answers if answer.status == 200]
    # From the first question to the last answer, so that what is under way at the end counts with its time.
    took = max(one.asked + one.seconds for one in good) - min(one.asked for one in good)
    return len(good) / took


def overload(gates: Site, seconds: float) -> list[Row]:
    """Each gate is asked ten times what its own server can answer, at the ADR's own times, answers or not."""
    for name in gates.names:
        gates.tell(name, seconds=ADR_SECONDS)
    answers: list[Answer] = []
    threads: list[threading.Thread] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for name in gates.names:
            threads.append(threading.Thread(target=lambda name: answers.append(gates.ask(name)), args=[name]))
            threads[-1].start()
        time.sleep(ADR_SECONDS / OVERLOAD)
    for thread in threads:
        thread.join()
    good = sum(answer.status == 200 for answer in answers)
    refused = sum(answer.status == 503 for answer in answers)
    latest = max(answer.seconds for answer in answers)
    busy = good * ADR_SECONDS / (seconds * len(gates.names))
    inside = max(gates.told(name)["most_at_once"] for name in gates.names)
    other = len(answers) - good - refused
    told = f"{len(answers)} questions: {good} answered, {refused} told 503"
    return [
        Row(f"latest answer at {OVERLOAD} x overload", latest, "s", f"<= {DEADLINE:g}", latest <= DEADLINE, told),
        Row("other answers than 200 and 503", other, "", "0", other == 0, f"of {len(answers)}"),
        Row("servers' time in answers", busy, "x", "", True, f"at most {inside} at a time"),
    ]


if __name__ == "__main__":
    main()
