#!/usr/bin/python3
"""Asks the backend all the time, whatever happens, and keeps a record of how it answered.

Usage: watch.py URL FILE   Its health several times a second, a question after the other; FILE is always whole.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

HEALTH_SECONDS = 0.2
# A health check that takes longer than this is one that a person or a load balancer would notice.
BLINK_SECONDS = 2
QUESTION_SECONDS = 0.5
GIVE_UP_SECONDS = 90


def main():
    url, file = sys.argv[1:]
    record = {"health_checks": 0, "blinks": [], "statuses": {}, "slowest": 0.0}
    threading.Thread(target=ask_for_ever, args=(url, record), daemon=True).start()
    while True:
        status, seconds = request(f"{url}/actuator/health", None, BLINK_SECONDS)
        record["health_checks"] += 1
        if status != 200:
            record["blinks"].append({"at": time.time(), "status": status, "seconds": seconds})
        keep(record, file)
        time.sleep(HEALTH_SECONDS)


def ask_for_ever(url, record):
    question = json.dumps({"query": "Which letters did the archive receive in 1913?"}).encode()
    while True:
        status, seconds = request(f"{url}/api/search/nl", question, GIVE_UP_SECONDS)
        record["statuses"][status] = record["statuses"].get(status, 0) + 1
        record["slowest"] = max(record["slowest"], seconds)
        time.sleep(QUESTION_SECONDS)


def request(url, body, timeout):
    """The status, or the kind of error, and the seconds it took."""
    began = time.monotonic()
    headers = {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=timeout) as reply:
            reply.read()
            status = reply.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        status = str(error)
    return status, time.monotonic() - began


def keep(record, file):
    Path(f"{file}.new").write_text(json.dumps(record))
    os.replace(f"{file}.new", file)


if __name__ == "__main__":
    main()
