"""A host that reaches its registry through a proxy alone, and trusts its certificate by ollama_stack_ca_file alone."""

from __future__ import annotations

import json
import re
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.integration.conftest import Play, Typed
from tests.integration.test_bad_inputs import MODEL
from tests.lab import engine, model, network
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_NAMES

SECOND = model.MODELS[1]
STORE = "/var/lib/docker/volumes/archiv_ollama-models/_data/models"
AUTHORITY = "/srv/archive-ca.pem"
UNTRUSTED = f"""
mv /usr/local/share/ca-certificates/lab.crt {AUTHORITY}
update-ca-certificates --fresh >/dev/null 2>&1
"""
TRUSTED = f"""
mv {AUTHORITY} /usr/local/share/ca-certificates/lab.crt
update-ca-certificates --fresh >/dev/null 2>&1
"""


class Proxy(socketserver.ThreadingTCPServer):
    """Leads CONNECT to the lab's registry and to nowhere else; `asked` lists where to."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, registry: str) -> None:
        super().__init__((address, 0), Tunnel)
        self.url = f"http://{address}:{self.server_address[1]}"
        self.registry = registry
        self.asked: list[str] = []


class Tunnel(socketserver.StreamRequestHandler):
    """One connection."""

    server: Proxy
    timeout = 60
    # What is sent after the headers must not be read with them.
    rbufsize = 0

    def handle(self) -> None:
        method, _, rest = self.rfile.readline(4096).decode().partition(" ")
        target = rest.split(" ")[0]
        while self.rfile.readline(4096).strip():
            pass
        self.server.asked.append(f"{method} {target}")
        name, _, port = target.partition(":")
        if method != "CONNECT" or name not in REGISTRY_NAMES:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection((self.server.registry, int(port)), timeout=10) as registry:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = {self.connection: registry, registry: self.connection}
            # Who distrusts a certificate hangs up without a word.
            with suppress(ConnectionError):
                while readable := select.select([*other], [], [], 60)[0]:
                    for end in readable:
                        if not (piece := end.recv(65536)):
                            return
                        other[end].sendall(piece)


@pytest.fixture
def proxy(play: Play, typed: Typed) -> Iterator[Proxy]:
    """The only way out of the host, which trusts the registry's certificate no more; afterwards all is as before."""
    play("deploy")
    lab = network.find(engine.require())
    assert lab is not None
    registry = network.address(lab, REGISTRY_ADDRESS)
    with ExitStack() as back, Proxy(network.address(lab, 1), registry) as server:
        back.callback(play, "deploy")
        typed(UNTRUSTED)
        back.callback(typed, TRUSTED)
        for chain in ("OUTPUT", "DOCKER-USER"):
            typed(f"iptables -I {chain} -d {registry} -j REJECT")
            back.callback(typed, f"iptables -D {chain} -d {registry} -j REJECT")
        thread = threading.Thread(target=server.serve_forever, args=(0.1,))
        thread.start()
        back.callback(thread.join)
        back.callback(server.shutdown)
        typed(f"! python3 -c 'import socket; socket.create_connection((\"{registry}\", 443), 5)' 2>/dev/null")
        yield server


@pytest.mark.more
def test_model_comes_through_the_proxy_where_the_authority_is_named(play: Play, typed: Typed, proxy: Proxy) -> None:
    def through(**more: Any) -> list[str]:
        variables = {
            "ollama_stack_models": [{"name": MODEL}, {"name": SECOND.name, "warm": False}],
            "ollama_stack_https_proxy": proxy.url,
            "ollama_stack_ca_file": AUTHORITY,
        }
        proxy.asked.clear()
        return ["deploy", "-e", json.dumps({**variables, **more})]

    weights = json.loads(model.build_model(SECOND.seed).manifest)["layers"][0]["digest"].replace(":", "-")
    gone = f"rm -rf {STORE}/manifests/*/library/llama3.2 {STORE}/blobs/{weights}"
    asked = {"CONNECT registry.ollama.ai:443", "CONNECT blobs.lab:443"}
    typed(gone)
    told = " ".join(play(*through(ollama_stack_ca_file=""), code=2).split())
    assert re.search(r"the certificate of \S*registry\.ollama\.ai\S* is not trusted", told), told
    assert set(proxy.asked) == {"CONNECT registry.ollama.ai:443"}
    play(*through())
    assert set(proxy.asked) == asked
    assert " changed=0 " in play(*through())
    assert proxy.asked == []
    # Ollama itself is told of both as well.
    typed(gone)
    play(*through(ollama_stack_model_method="engine"))
    assert set(proxy.asked) == asked
    typed(f"docker exec archiv-ollama-1 ollama show {SECOND.name} >/dev/null")
