"""Progress lines: what is being done, how long it took the last time, how long it took now."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.settings import STATE_DIR

TIMES = STATE_DIR / "times.json"


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    last = read_times().get(title)
    hint = f" (last time {last:.0f} s)" if last and last >= 1 else ""
    say(f"  {title}{hint} ...")
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"  {title}: stopped after {time.monotonic() - began:.1f} s")
        raise
    took = time.monotonic() - began
    say(f"  {title}: done in {took:.1f} s")
    remember(title, took)


def read_times() -> dict[str, float]:
    try:
        times: dict[str, float] = json.loads(TIMES.read_text())
    except (OSError, ValueError):
        return {}
    return times


def remember(title: str, took: float) -> None:
    STATE_DIR.mkdir(exist_ok=True)
    TIMES.write_text(json.dumps({**read_times(), title: round(took, 1)}, indent=1))


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
