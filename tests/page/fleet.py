"""Fleets as their hosts tell of themselves: healthy, in trouble, large, hostile. For tests and pictures of the page."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

NOW = 1795766400  # 2026-11-27 08:00 UTC
GIB = 2**30
DIGEST = "sha256:" + "3f1b2c4d5e6f" * 5 + "0a0b"
OTHER = "sha256:" + "9d8e7f6a5b4c" * 5 + "0c0d"
MODEL = "qwen2.5:7b-instruct-q4_K_M"
# Markup, the end of an attribute, of a cell and of code, links, turned direction, control of a terminal, length.
NASTY = {
    "script": "<script>alert(1)</script>",
    "picture": '"><img src=x onerror="alert(1)">',
    "style": "</style></title><style>*{display:none}</style>",
    "quotes": "it's \"quoted\" & 'more'",
    "cells": "a | b || c\n| d |",
    "ticks": "`code` ``two`` ```\nfence\n```",
    "link": "[click](javascript:alert(1)) ![x](https://a.example/x.png) https://a.example www.a.example @all",
    "turned": "abc\u202edcba\u2066x\u200f\u061cy",
    "arabic": "مضيف-1 عربي",
    "control": "a\x00b\x1b[31mred\x07\r\nnext",
    "unseen": "ze\u200bro\ufeff\u00adwidth",
    "marks": "Z" + "\u0335\u0321\u0336" * 40 + "algo",
    "half": "lone \ud800 half",
    "long": "W" * 5000,
    "jinja": "{{ lookup('pipe', 'id') }}{% raw %}",
}

# In the place of anything.
WRONG: tuple[Any, ...] = (None, [], {}, "text", -1, 1e308, True, [[]], 10**400, float("nan"))


def host(name: str, seed: int = 0) -> dict[str, Any]:
    """What a healthy host says."""
    wave = [4.9 * GIB + 0.25 * GIB * math.sin(n / 21 + seed) + (n * 37 + seed * 11) % 17 * 4e6 for n in range(288)]
    return {
        "format": 1,
        "time": NOW,
        "host": f"{name}.example.org",
        "project": "archiv",
        "versions": {"collection": "1.1.0", "ollama": "0.34.2", "engine": "29.8.0", "compose": "5.6.0"},
        "clean": True,
        "reasons": [],
        "services": [
            service("backend", 0.4, 2.0),
            service("ollama", round(wave[-1] / GIB, 3), 8.0),
            service("ollama-warm", 0.004, 0.0625),
        ],
        "models": [
            {
                "name": MODEL,
                "digest": DIGEST,
                "wanted_digest": DIGEST,
                "cached": True,
                "intact": True,
                "unproven": [],
                "resident": True,
                "pinned": True,
                "warm": True,
                "gpu_ratio": None,
                "answer_seconds": 0.6 + seed % 5 / 10,
                "answer_time": NOW - 3 * 3600,
            }
        ],
        "gate": {"wanted": False, "waiting": None, "at_work": None, "questions": None, "refused": None},
        "store": {
            "path": "/var/lib/docker/volumes/ollama-models/_data",
            "unreferenced_bytes": 0,
            "free_bytes": (40 + seed) * GIB,
            "size_bytes": 200 * GIB,
            "blobs_damaged": 0,
            "blobs_missing": 0,
        },
        "scrub": {"time": NOW - 2 * 86400, "ok": True, "running": False, "done_bytes": None, "total_bytes": None},
        "deploy": {"time": NOW - 3 * 3600 - seed * 60, "ok": True},
        "verify": {"time": NOW - 1800, "ok": True},
        "history": history(),
        "samples": {"memory": [[NOW - (287 - n) * 300, int(used)] for n, used in enumerate(wave)], "limit": 8 * GIB},
    }


def service(name: str, used: float, limit: float) -> dict[str, Any]:
    return {
        "service": name,
        "name": f"archiv-{name}-1",
        "state": "running",
        "health": "healthy",
        "started": NOW - 3 * 86400,
        "restarts": 0,
        "oom_kills": 0,
        "oom_gaps": 0,
        "memory": {
            "unreclaimable": int(used * GIB),
            "working_set": int(used * 1.1 * GIB),
            "peak": int(min(used * 1.2, limit) * GIB),
            "limit": int(limit * GIB),
        },
    }


def history() -> list[dict[str, Any]]:
    told = (
        ("verify", "ines", "", "every model answers", "ok"),
        ("deploy", "ines@10.0.0.5", "backend", "image 1.4.1 to 1.4.2", "ok"),
        ("start", "", "ollama", "started after the Engine", ""),
        ("reboot", "", "host", "clean", ""),
        ("stop", "", "ollama", "ended with 0", ""),
        ("verify", "ci@10.0.0.9", "", "every model answers", "ok"),
        ("verify", "ci@10.0.0.9", "", "every model answers", "ok"),
        ("deploy", "ines@10.0.0.5", MODEL, "installed, 4.7 GB", "ok"),
        ("deploy", "jo@10.0.0.7", MODEL, "the registry did not answer", "failed"),
        ("verify", "ci@10.0.0.9", "", "every model answers", "ok"),
    )
    keys = ("event", "who", "subject", "what", "result")
    return [{"time": NOW - 1800 - n * 11000, **dict(zip(keys, row, strict=True))} for n, row in enumerate(told)]


def said(status: object) -> dict[str, Any]:
    """The task's result for a host that says this; exit code 1 where not all is as wanted."""
    clean = isinstance(status, dict) and status.get("clean") is True
    return {"rc": 0 if clean else 1, "stdout": json.dumps(status), "stderr": "", "changed": False, "failed": False}


def unreachable() -> dict[str, Any]:
    why = "Failed to connect to the host via ssh: ssh: connect to host 192.0.2.7 port 22: No route to host"
    return {"unreachable": True, "msg": why, "changed": False}


def without_command() -> dict[str, Any]:
    """As ansible-core 2.19 tells it."""
    return {"rc": 2, "msg": "Error executing command.", "stdout": "", "stderr": "", "failed": False}


def damaged(name: str) -> dict[str, Any]:
    """A blob is damaged, and the model is not the wanted one."""
    status = host(name, 3)
    status["clean"] = False
    status["models"][0].update(intact=False, digest=OTHER, wanted_digest=DIGEST)
    status["store"].update(blobs_damaged=1)
    status["scrub"]["ok"] = False
    status["reasons"] = [
        {
            "kind": "model_damaged",
            "subject": MODEL,
            "why": "weights: its bytes do not match its digest",
            "action": "install",
            "command": f"ansible-playbook archiv.ollama.deploy -l {name}",
        },
        {
            "kind": "model_differs",
            "subject": MODEL,
            "why": "its digest is 9d8e7f6a5b4c, and 3f1b2c4d5e6f is wanted",
            "action": "install",
            "command": f"ansible-playbook archiv.ollama.deploy -l {name}",
        },
    ]
    return status


def killed(name: str) -> dict[str, Any]:
    """The server reached its limit and was killed; it starts again."""
    status = host(name, 5)
    status["clean"] = False
    server = status["services"][1]
    server.update(state="running", health="starting", restarts=3, oom_kills=2, oom_gaps=1, started=NOW - 240)
    server["memory"].update(unreclaimable=int(7.6 * GIB), peak=8 * GIB)
    status["models"][0].update(resident=False, pinned=False, intact=None)
    status["models"][0]["unproven"] = ["weights: the host was rebooted since it was hashed"]
    memory = status["samples"]["memory"]
    for number, sample in enumerate(memory):
        sample[1] = int((4.6 + number / 288 * 3.2) * GIB)
    del memory[150:168], memory[-3:]
    status["history"][0] = {
        "time": NOW - 240,
        "event": "oom",
        "who": "",
        "subject": "ollama",
        "what": "killed at its limit of 8.0 GiB",
        "result": "failed",
    }
    status["reasons"] = [
        {
            "kind": "memory",
            "subject": "ollama",
            "why": "it was killed for memory 2 times since the last deploy, and uses 95 % of its limit",
            "action": "ask",
            "command": "docker logs --tail 50 archiv-ollama-1",
        },
        {
            "kind": "not_loaded",
            "subject": MODEL,
            "why": "it is not in memory, and the inventory wants it pinned",
            "action": "wait",
            "command": "ollama-stack doctor",
        },
    ]
    return status


def healthy() -> dict[str, dict[str, Any]]:
    return {name: said(host(name, n)) for n, name in enumerate(("archive-1", "archive-2", "archive-staging"))}


def one_killed() -> dict[str, dict[str, Any]]:
    """The fleet of README.md's picture."""
    return healthy() | {"archive-2": said(killed("archive-2"))}


def trouble() -> dict[str, dict[str, Any]]:
    """Damage, memory, another version and a clock, one that is gone, one without the command, and one that is well."""
    older = host("archive-5", 1)
    older["versions"]["ollama"] = "0.34.1"
    older["time"] = NOW + 420
    return {
        "archive-1": said(host("archive-1")),
        "archive-2": said(damaged("archive-2")),
        "archive-3": said(killed("archive-3")),
        "archive-4": unreachable(),
        "archive-5": said(older),
        "archive-staging": without_command(),
    }


def thirty() -> dict[str, dict[str, Any]]:
    """30 hosts, five of them in trouble."""
    fleet = {f"archive-{n}": said(host(f"archive-{n}", n)) for n in range(1, 27)}
    worse = trouble()
    fleet |= {f"archive-{n}": worse[name] for n, name in enumerate(list(worse)[1:5], 27)}
    return fleet


def hostile() -> dict[str, dict[str, Any]]:
    """A host for each kind of nasty text, which stands wherever a text can; and hosts of the wrong types."""
    fleet = {f"nasty {kind} {text[:300]}": said(filled(host(kind), text)) for kind, text in NASTY.items()}
    whole = host("types")
    for number, wrong in enumerate(WRONG):
        fleet[f"types-{number}"] = said({key: wrong for key in whole} | {"format": 1})
        fleet[f"inner-{number}"] = said(replaced(whole, wrong))
    texts = ("", "null", "[]", "{", "[" * 100000, '"text"', "1e999", '{"format": 2}', '{"format": 1}', "NaN", "\udcff")
    fleet |= {f"json-{number}": {"rc": 1, "stdout": text} for number, text in enumerate(texts)}
    fleet |= {
        "nothing": {},
        "list": {"stdout": ["a"], "msg": {"b": 1}},
        "failed": {"rc": 3, "stderr": "a\nno wanted.json"},
    }
    return fleet


def filled(value: Any, text: str) -> Any:
    """With this text wherever there is one."""
    if isinstance(value, dict):
        return {key: filled(one, text) for key, one in value.items()}
    if isinstance(value, list):
        reason = [{"kind": text, "subject": text, "why": text, "action": text, "command": text}]
        return [filled(one, text) for one in value] or reason
    return text if isinstance(value, str) else value


def replaced(value: Any, wrong: Any) -> Any:
    """With this in the place of every value that holds no others; the format stays, so that it is read on."""
    if isinstance(value, dict):
        return {key: 1 if key == "format" else replaced(one, wrong) for key, one in value.items()}
    if isinstance(value, list) and value:
        return [replaced(one, wrong) for one in value]
    return copy.copy(wrong)


FLEETS = {"healthy": healthy, "trouble": trouble, "thirty": thirty, "hostile": hostile}
