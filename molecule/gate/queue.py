#!/usr/bin/python3
"""A long question is worked on, ten askers leave the queue behind it, and somebody reads all the while.

Usage: queue.py GATE TOKEN MODEL SECONDS   Prints one JSON object: the times of `GET /api/version` meanwhile, what
those who left were told, and how a short question went after the long one was given up.
"""

import http.client
import json
import statistics
import sys
import threading
import time

PORT = 11434
# Far more than Ollama can say in the time.
ENDLESS = 10_000_000
LEAVERS = 10


def main():
    gate, token, model, seconds = sys.argv[1:]
    begun = time.monotonic()
    long = ask(gate, token, model, ENDLESS)
    time.sleep(1)
    leavers = [ask(gate, token, model, 1) for _ in range(LEAVERS)]
    # They wait for some seconds and leave while the long question is still worked on.
    told = []
    threading.Timer(4, lambda: told.extend(leave(leavers))).start()
    reads = []
    while time.monotonic() - begun < float(seconds):
        reads.append(read_version(gate, token))
        time.sleep(0.25)
    long.close()
    after = time.monotonic()
    short = ask(gate, token, model, 1).getresponse()
    short.read()
    record = {
        "statuses": sorted({status for status, _ in reads}),
        "reads": len(reads),
        "median_ms": round(statistics.median(took for _, took in reads) * 1000, 1),
        "slowest_ms": round(max(took for _, took in reads) * 1000, 1),
        "left": len(told),
        "told_before_they_left": [one for one in told if one],
        "short": [short.status, round(time.monotonic() - after, 1)],
    }
    print(json.dumps(record))


def ask(gate, token, model, tokens):
    """A question that was sent and not answered yet."""
    connection = http.client.HTTPConnection(gate, PORT, timeout=60)
    body = {"model": model, "prompt": "Say something", "stream": False, "options": {"num_predict": tokens}}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/generate", json.dumps(body), headers)
    return connection


def leave(connections):
    """What each was told until it left; nothing, where it was still waiting."""
    told = []
    for connection in connections:
        connection.sock.settimeout(0.01)
        try:
            told.append(connection.sock.recv(100).decode(errors="replace"))
        except TimeoutError:
            told.append("")
        connection.close()
    return told


def read_version(gate, token):
    begun = time.monotonic()
    connection = http.client.HTTPConnection(gate, PORT, timeout=30)
    connection.request("GET", "/api/version", headers={"Authorization": f"Bearer {token}"})
    status = connection.getresponse().status
    connection.close()
    return status, time.monotonic() - begun


if __name__ == "__main__":
    main()
