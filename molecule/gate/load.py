#!/usr/bin/python3
"""Asks the gate all the time, each request on a connection of its own, until it is told to end (SIGTERM).

Usage: load.py GATE TOKEN MODEL   Prints one JSON object: how the questions and the reads were answered.
"""

import http.client
import json
import signal
import sys
import threading
import time
from collections import Counter

PORT = 11434
ASKERS = 3
SECONDS = 70


def main():
    gate, token, model = sys.argv[1:]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    record = {"questions": Counter(), "reads": Counter(), "slowest": 0.0}
    question = json.dumps({"model": model, "prompt": "hi", "stream": False, "options": {"num_predict": 1}})
    asked = [("questions", "POST", "/api/generate", question)] * ASKERS + [("reads", "GET", "/api/version", None)]
    threads = [threading.Thread(target=ask_on, args=(ended, record, gate, token, *one)) for one in asked]
    for thread in threads:
        thread.start()
    ended.wait()
    for thread in threads:
        thread.join(SECONDS)
    print(json.dumps(record))


def ask_on(ended, record, gate, token, kind, method, path, body):
    while not ended.is_set():
        begun = time.monotonic()
        record[kind][ask(gate, token, method, path, body)] += 1
        record["slowest"] = max(record["slowest"], round(time.monotonic() - begun, 1))
        time.sleep(0.05)


def ask(gate, token, method, path, body):
    """The status, or how the request was lost."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(gate, PORT, timeout=SECONDS)
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
