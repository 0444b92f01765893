#!/usr/bin/python3
"""Which of some addresses accept a connection. Usage: connect.py "HOST:PORT HOST:PORT ..."   Prints a JSON list."""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def accepts(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    wanted = sys.argv[1].split()
    with ThreadPoolExecutor(len(wanted)) as pool:
        print(json.dumps([address for address, open_ in zip(wanted, pool.map(accepts, wanted), strict=True) if open_]))
