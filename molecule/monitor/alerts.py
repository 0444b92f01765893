"""Asks Prometheus and Alertmanager: alerts.py fires|ends NAME SECONDS, alerts.py none, or alerts.py series < QUERIES"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request

PROMETHEUS = "http://127.0.0.1:9090/api/v1/"
ALERTMANAGER = "http://127.0.0.1:9093/api/v2/alerts?active=true"


def get(url: str) -> object:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def states() -> dict[str, str]:
    """The state of each alert in Prometheus; `firing` where one of its series is."""
    found: dict[str, str] = {}
    for alert in get(PROMETHEUS + "alerts")["data"]["alerts"]:
        name = alert["labels"]["alertname"]
        found[name] = "firing" if "firing" in (found.get(name), alert["state"]) else alert["state"]
    return found


def delivered() -> set[str]:
    return {alert["labels"]["alertname"] for alert in get(ALERTMANAGER)}


def wait(wanted: str, name: str, seconds: float) -> None:
    begun, pending = time.monotonic(), None
    while True:
        state, now = states().get(name), time.monotonic() - begun
        if state == "pending" and pending is None:
            pending = now
        there = state == "firing" and name in delivered()
        if there if wanted == "fires" else state is None and name not in delivered():
            print(json.dumps({"alert": name, wanted: round(now, 1), "pending": pending and round(pending, 1)}))
            return
        if now > seconds:
            sys.exit(f"{name} is {state} in Prometheus after {seconds:g} s, and Alertmanager has {sorted(delivered())}")
        time.sleep(1)


def series() -> None:
    """Each query must return one at least."""
    empty = []
    for query in json.load(sys.stdin):
        answer = get(PROMETHEUS + "query?" + urllib.parse.urlencode({"query": query}))
        if not answer["data"]["result"]:
            empty.append(query)
    if empty:
        sys.exit("no series for: " + "; ".join(empty))


if __name__ == "__main__":
    if sys.argv[1] == "none":
        firing = [name for name, state in states().items() if state == "firing"]
        sys.exit(f"firing: {', '.join(firing)}" if firing else 0)
    if sys.argv[1] == "series":
        series()
    else:
        wait(sys.argv[1], sys.argv[2], float(sys.argv[3]))
