#!/usr/bin/python3
"""Asks a gate a hundred questions, one after the other.

Usage: hundred.py GATE MODEL   Prints how many got which status.
"""

import collections
import http.client
import json
import sys

PORT = 11434


def main():
    gate, model = sys.argv[1:]
    question = json.dumps({"model": model, "prompt": "hi", "stream": False, "options": {"num_predict": 1}})
    said = collections.Counter()
    for _ in range(100):
        connection = http.client.HTTPConnection(gate, PORT, timeout=70)
        connection.request("POST", "/api/generate", question, {"Content-Type": "application/json"})
        said[connection.getresponse().status] += 1
        connection.close()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
