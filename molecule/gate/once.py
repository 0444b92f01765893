#!/usr/bin/python3
"""Asks one short question. Usage: once.py GATE TOKEN MODEL   Prints the status."""

import json
import sys
import urllib.error
import urllib.request

gate, token, model = sys.argv[1:]
body = json.dumps({"model": model, "prompt": "hi", "stream": False, "options": {"num_predict": 1}}).encode()
request = urllib.request.Request(f"http://{gate}:11434/api/generate", body, {"Authorization": f"Bearer {token}"})
try:
    with urllib.request.urlopen(request, timeout=60) as reply:
        print(reply.status, end="")
except urllib.error.HTTPError as error:
    print(error.code, end="")
