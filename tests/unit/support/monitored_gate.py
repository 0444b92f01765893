"""A gate on a monitored host that says what a real one was heard to say, and misbehaves where told to."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from tests.unit.support import fake_ollama
from tests.unit.support.fake_ollama import FakeOllama, serve_ollama
from tests.unit.support.monitor_host import PROJECT, MonitorHost

PORT = 8405
ID = "gate" * 16
MARK = "a" * 64
# It asked for tokens, one question was at work, and two waited.
RECORDED = (fake_ollama.RECORDED / "haproxy_3.0.11/counts.txt").read_bytes()


@contextmanager
def serve_gate(host: MonitorHost) -> Iterator[FakeOllama]:
    """The gate, wanted and at work until the end of the block."""
    inspect = copy.deepcopy(host.engine.inspect)
    assert inspect is not None
    with serve_ollama(PORT) as gate:
        gate.answers = {"/counts": (200, RECORDED), "/loaded": (200, f"{MARK}\n".encode())}
        inspect.update(Id=ID, Name=f"/{PROJECT}-gate-1")
        inspect["Config"]["Labels"]["com.docker.compose.service"] = "gate"
        inspect["NetworkSettings"]["Networks"] = {
            f"{PROJECT}_{name}": {"NetworkID": name, "IPAddress": gate.address} for name in ("archiv-net", "inference")
        }
        host.engine.inspects[ID] = inspect
        (server,) = host.engine.answers["/containers/json"][1]
        host.engine.answers["/containers/json"] = (200, [server, {**server, "Id": ID}])
        host.want(gate=MARK)
        yield gate
