"""Asks a backend all the time and writes each reply as a line of JSON, for playbooks/gameday.yml.

Usage: gameday_asker.py RECORD HEALTH_URL QUESTION_URL QUESTION SECONDS   Health often, a question after the other.
"""

import json
import sys
import threading
import time
import urllib.error
import urllib.request

HEALTH_EVERY = 0.25
# A health check that takes longer is one that a person or a load balancer would notice.
HEALTH_WITHIN = 2
QUESTION_EVERY = 0.5
# What is configured for the user's shell has nothing to do with the way to this host's own backend.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main():
    record, health, url, question, seconds = sys.argv[1:]
    with open(record, "w", encoding="utf-8", buffering=1) as file:
        lock = threading.Lock()
        questions = (file, lock, "question", url, question.encode(), float(seconds), QUESTION_EVERY)
        threading.Thread(target=ask_for_ever, args=questions, daemon=True).start()
        ask_for_ever(file, lock, "health", health, None, HEALTH_WITHIN, HEALTH_EVERY)


def ask_for_ever(file, lock, asked, url, body, within, every):
    while True:
        at = time.time()
        began = time.monotonic()
        status = ask(url, body, within)
        seconds = round(time.monotonic() - began, 3)
        with lock:
            print(json.dumps({"asked": asked, "at": at, "status": status, "seconds": seconds}), file=file)
        time.sleep(every)


def ask(url, body, within):
    """The status, or in words why there is none."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with OPENER.open(request, timeout=within) as reply:
            reply.read()
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except Exception as error:  # whatever a broken backend sends is a reply that is to be told
        return str(error) or type(error).__name__


if __name__ == "__main__":
    main()
