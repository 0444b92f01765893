"""Gates of the lab's image before servers of fixed service time, where real inference would only share this machine."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import os
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from tests.lab import fixed_server, images
from tests.lab.settings import LABELS
from tests.unit.support.evaluate import ROOT, evaluate

MODEL = "tiny:1b"
DIGEST = "ab" * 32
NETWORK = ipaddress.ip_network("10.213.0.0/24")
READY_SECONDS = 20
_QUESTION = json.dumps({"model": MODEL, "prompt": "why", "stream": False}).encode()


def loaded(name: str = MODEL, digest: str = DIGEST, until: str = "2319-03-02T13:01:49.46Z") -> dict[str, Any]:
    """A model as Ollama 0.34.2 shows it in /api/ps."""
    return {
        "name": name,
        "model": name,
        "size": 5043649,
        "digest": digest,
        "details": {"parent_model": "", "format": "gguf", "families": ["llama"], "quantization_level": "F32"},
        "expires_at": until,
        "size_vram": 0,
        "context_length": 2048,
    }


@dataclass(frozen=True)
class Answer:
    """What whoever asks a gate got: 0 is no answer at all. When it was asked and how long it took, in seconds."""

    status: int
    seconds: float
    asked: float = 0.0
    by: str = ""


@dataclass
class Site:
    """Hosts of which only the gate and the server behind it are there."""

    client: docker.DockerClient
    folder: Path
    names: tuple[str, ...]
    inputs: dict[str, Any]
    own: dict[str, dict[str, Any]]
    tag: str = field(default_factory=lambda: f"archiv-gates-{secrets.token_hex(3)}")
    lan: Any = None
    containers: dict[str, Any] = field(default_factory=dict)
    networks: list[Any] = field(default_factory=list)

    def address(self, name: str) -> str:
        return str(NETWORK[10 + self.names.index(name)])

    def peers_dir(self) -> Path:
        return self.folder / "certificates"

    def gate_dir(self, name: str) -> Path:
        return self.folder / name / ".archiv/gate"

    def host_vars(self, name: str) -> dict[str, Any]:
        return {
            "ollama_stack_gate": True,
            "ollama_stack_backend_image": "archiv/backend:1",
            "ollama_stack_models": [{"name": MODEL, "digest": f"sha256:{DIGEST}"}],
            "ollama_stack_peers": list(self.names),
            "ollama_stack_peers_address": self.address(name),
            "ollama_stack_peers_dir": str(self.peers_dir()),
            "ollama_stack_dir": str(self.folder / name),
            "ollama_stack_gate_rate": 0,
            **self.inputs,
            **self.own.get(name, {}),
        }

    def evaluate(self, variable: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "templates").symlink_to(ROOT / "roles/ollama_stack/templates")
            told = evaluate(Path(folder), {name: self.host_vars(name) for name in self.names}, variable)
        return {name: told[name].get(variable) for name in self.names}

    def certify(self, names: Sequence[str] | None = None, rotate: str = "no") -> None:
        """What playbooks/peers.yml does on each host, by the same script."""
        self.peers_dir().mkdir(parents=True, exist_ok=True)
        for name, script in self.evaluate_script(rotate).items():
            if names is None or name in names:
                (self.folder / name).mkdir(exist_ok=True)
                done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True)
                (self.peers_dir() / f"{name}.pem").write_text(done.stdout.partition("\n")[2])

    def evaluate_script(self, rotate: str) -> dict[str, str]:
        own = self.own
        self.own = {name: {**own.get(name, {}), "__ollama_stack_rotate": rotate} for name in self.names}
        try:
            return self.evaluate("__ollama_stack_gate_certify")
        finally:
            self.own = own

    def write(self) -> None:
        """What a deploy writes into each gate's folder."""
        sums = self.evaluate("__ollama_stack_gate_sums")
        for name, files in self.evaluate("__ollama_stack_gate_files").items():
            folder = self.gate_dir(name)
            for old in folder.iterdir():
                if old.name not in ("own.pem", "next.pem"):
                    old.unlink()
            for file in files:
                path = folder / Path(file["path"]).name
                path.write_text(file["content"])
                os.chown(path, 99, 99)
                path.chmod(0o400)
            (folder / "tokens.map").write_text(sums[name])
            os.chown(folder / "tokens.map", 99, 99)

    def up(self, seconds: float) -> None:
        self.lan = self.client.networks.create(
            self.tag,
            internal=True,
            labels=LABELS,
            ipam=docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=str(NETWORK))]),
        )
        self.networks.append(self.lan)
        for name in self.names:
            inside = self.client.networks.create(f"{self.tag}-{name}", internal=True, labels=LABELS)
            self.networks.append(inside)
            self.start_server(name, inside, seconds)
            self.start_gate(name, inside)
        self.wait_ready()

    def start_server(self, name: str, inside: Any, seconds: float) -> None:
        # Its stubs do not know what a network takes.
        api: Any = self.client.api
        made = api.create_container(
            images.tag_of("backend"),
            entrypoint=["python3", "-u", "-c", Path(fixed_server.__file__).read_text()],
            name=f"{self.tag}-{name}-server",
            labels=LABELS,
            environment={
                "SECONDS": str(seconds),
                "MODELS": json.dumps([loaded()]),
                "NAME": name,
                "PLACES": str(self.host_vars(name).get("ollama_stack_num_parallel", 1)),
            },
            networking_config=api.create_networking_config(
                {inside.name: api.create_endpoint_config(aliases=["ollama-server"])}
            ),
            host_config=api.create_host_config(network_mode=inside.name),
        )
        api.start(made["Id"])
        self.containers[f"{name}-server"] = self.client.containers.get(made["Id"])

    def start_gate(self, name: str, inside: Any) -> None:
        # Its stubs do not know what a network takes.
        api: Any = self.client.api
        made = api.create_container(
            images.tag_of("gate"),
            entrypoint=["haproxy"],
            command=["-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
            name=f"{self.tag}-{name}-gate",
            labels=LABELS,
            user="99:99",
            networking_config=api.create_networking_config({inside.name: api.create_endpoint_config()}),
            host_config=api.create_host_config(
                network_mode=inside.name,
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                binds=[f"{self.gate_dir(name)}:/usr/local/etc/haproxy:ro"],
            ),
        )
        self.lan.connect(made["Id"], ipv4_address=self.address(name))
        api.start(made["Id"])
        self.containers[f"{name}-gate"] = self.client.containers.get(made["Id"])

    def wait_ready(self) -> None:
        """Until every gate has looked at its own server and at its peers twice."""
        ends = time.monotonic() + READY_SECONDS
        for name in self.names:
            while self.ask_gate(name, "GET", "/api/ps").status != 200:
                if time.monotonic() > ends:
                    raise TimeoutError(f"gate {name}: {self.log(name)}")
                time.sleep(0.2)
        time.sleep(2.5)

    def log(self, name: str) -> str:
        raw: bytes = self.containers[f"{name}-gate"].logs(tail=60)
        return raw.decode(errors="replace")

    def ask(self, name: str, timeout: float = 90) -> Answer:
        """One question to a gate, as its backend asks it."""
        return self.ask_gate(name, "POST", "/api/generate", _QUESTION, timeout)

    def ask_gate(self, name: str, method: str, path: str, body: bytes | None = None, timeout: float = 90) -> Answer:
        return ask(self.address(name), 11434, method, path, body, timeout)

    def ask_together(self, name: str, count: int) -> list[Answer]:
        """So many questions in the same moment, as they end."""
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(self.ask(name))) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    @contextlib.contextmanager
    def asking(self, name: str, every: float, out: list[Answer]) -> Iterator[None]:
        """Steady questions to a gate while something happens, each by itself."""
        over = threading.Event()
        threads: list[threading.Thread] = []

        def steadily() -> None:
            while not over.wait(every):
                threads.append(threading.Thread(target=lambda: out.append(self.ask(name))))
                threads[-1].start()

        asker = threading.Thread(target=steadily)
        asker.start()
        try:
            yield
        finally:
            over.set()
            asker.join()
            for thread in threads:
                thread.join()

    def server(self, name: str) -> str:
        container = self.containers[f"{name}-server"]
        container.reload()
        [network] = container.attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])

    def tell(self, name: str, **changes: Any) -> None:
        """Change what the server of a host does."""
        connection = http.client.HTTPConnection(self.server(name), 11434, timeout=5)
        connection.request("PUT", "/tell", json.dumps(changes))
        connection.getresponse().read()
        connection.close()

    def told(self, name: str) -> dict[str, int]:
        connection = http.client.HTTPConnection(self.server(name), 11434, timeout=5)
        connection.request("GET", "/told")
        document: dict[str, int] = json.loads(connection.getresponse().read())
        connection.close()
        return document

    def reload(self, name: str) -> None:
        self.containers[f"{name}-gate"].kill("SIGUSR2")
        time.sleep(2.5)

    def down(self) -> None:
        for container in self.containers.values():
            with contextlib.suppress(docker.errors.APIError):
                container.remove(force=True)
        for network in self.networks:
            with contextlib.suppress(docker.errors.APIError):
                network.remove()


def ask(host: str, port: int, method: str, path: str, body: bytes | None, timeout: float) -> Answer:
    """One request; a connection that breaks off is no answer."""
    began, asked = time.monotonic(), time.time()
    try:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        headers = {"Host": "ollama:11434", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        raw = reply.read()
        connection.close()
    except (OSError, http.client.HTTPException):
        return Answer(0, time.monotonic() - began, asked)
    by = json.loads(raw.splitlines()[0]).get("response", "") if reply.status == 200 else ""
    return Answer(reply.status, time.monotonic() - began, asked, by)


@contextlib.contextmanager
def site(
    folder: Path,
    names: Sequence[str] = ("one", "two", "three"),
    seconds: float = 1.0,
    inputs: Mapping[str, Any] | None = None,
    own: Mapping[str, dict[str, Any]] | None = None,
) -> Iterator[Site]:
    """Gates that know each other, each with its server; all of it is removed at the end."""
    made = Site(docker.from_env(), folder, tuple(names), dict(inputs or {}), dict(own or {}))
    try:
        if len(names) > 1:
            made.certify()
        else:
            made.gate_dir(names[0]).mkdir(parents=True)
            os.chown(made.gate_dir(names[0]), 99, 99)
        made.write()
        made.up(seconds)
        yield made
    finally:
        made.down()
