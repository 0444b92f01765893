#!/usr/bin/python3
"""Asks a gate every so often, each question on a connection of its own, until it is told to end (SIGTERM).

Usage: steady.py GATE MODEL SECONDS   Prints one JSON list: when each was asked, its status (0: none), how long it took.
"""

import http.client
import json
import signal
import sys
import threading
import time

PORT = 11434
PATIENCE = 70


def main():
    gate, model, every = sys.argv[1:]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    question = json.dumps({"model": model, "prompt": "hi", "stream": False, "options": {"num_predict": 1}})
    said, threads = [], []
    while not ended.wait(float(every)):
        threads.append(threading.Thread(target=ask, args=(gate, question, said)))
        threads[-1].start()
    for thread in threads:
        thread.join(PATIENCE)
    print(json.dumps(said))


def ask(gate, question, said):
    asked, begun = time.time(), time.monotonic()
    connection = http.client.HTTPConnection(gate, PORT, timeout=PATIENCE)
    try:
        connection.request("POST", "/api/generate", question, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
        status = reply.status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    said.append({"asked": asked, "status": status, "seconds": round(time.monotonic() - begun, 2)})


if __name__ == "__main__":
    main()
