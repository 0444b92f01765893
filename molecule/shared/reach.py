#!/usr/bin/python3
"""Tries to leave this machine by name and by address, and says how each ended.

Usage: reach.py NAME ADDRESS   Prints one JSON object; molecule/shared/tasks/reach.yml reads it from standard input
into Python, on a host and in a container.
"""

import json
import os
import socket
import sys
import threading

PORT = 443
SECONDS = 3


def main():
    name, address = sys.argv[1:]
    found = {"name": "swallowed", "address": connect(address)}
    # A lookup at a dead name server cannot be interrupted, only left behind.
    lookup = threading.Thread(target=resolve, args=(name, found), daemon=True)
    lookup.start()
    lookup.join(SECONDS)
    print(json.dumps(found), flush=True)
    os._exit(0)


def resolve(name, found):
    try:
        socket.getaddrinfo(name, PORT)
        found["name"] = "reached"
    except socket.gaierror:
        found["name"] = "refused"


def connect(address):
    try:
        socket.create_connection((address, PORT), timeout=SECONDS).close()
    except TimeoutError:
        return "swallowed"
    except OSError:
        return "refused"
    return "reached"


if __name__ == "__main__":
    main()
