"""A host with the package of the monitoring, its state, an Engine and an Ollama, all in one temporary folder."""

from __future__ import annotations

import atexit
import compileall
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.unit.support.fake_engine import FakeEngine, recorded, serve_engine
from tests.unit.support.fake_ollama import PORT, FakeOllama, answer_of, serve_ollama
from tests.unit.support.stack_host import CLI, CONFIG, container
from tests.unit.support.stores import NAME, TinyModel, tiny_model

UTILS = Path(__file__).parents[3] / "plugins/module_utils"
ROOMS = ("_model", "_store", "_engine", "_serve", "_stack", "_registry", "_release", "_monitor")
COMPOSE = "# Managed by archiv.ollama\nservices:\n  ollama:\n    image: ollama/ollama:0.34.2\n"
PROJECT = "archiv"
LABELS = {"com.docker.compose.project": PROJECT, "com.docker.compose.service": "ollama"}
SCRIPT = """
import sys
sys.path.insert(0, {lib!r})
sys.modules["ansible"] = sys.modules["ansible_collections"] = None
from archiv_ollama._monitor.cli import main
sys.exit(main(sys.argv[1:]))
"""
MIB = 1024 * 1024
# Control groups of version 2 as Linux 6.12 writes them, shortened.
GROUP = {
    "memory.current": 700 * MIB,
    "memory.peak": 900 * MIB,
    "memory.max": 1000 * MIB,
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory.stat": f"anon {400 * MIB}\nkernel {8 * MIB}\nshmem {2 * MIB}\ninactive_file {100 * MIB}\n",
}


@cache
def compiled_package() -> Path:
    """The package as it is shipped, with its bytecode: without it each host of these tests would compile 60 files."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    package = Path(folder.name) / "archiv_ollama"
    package.mkdir()
    (package / "__init__.py").write_text('VERSION = "1.2.3"\n')
    for room in ROOMS:
        shutil.copytree(UTILS / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(package, quiet=1)
    return package


class MonitorHost:
    """Runs the command as on a host; its files may be changed at will."""

    def __init__(self, folder: Path, engine: FakeEngine, ollama: FakeOllama, model: TinyModel) -> None:
        # As the commands for it name it.
        name = socket.getfqdn()
        self.name = socket.gethostname() if name.startswith("localhost") else name
        self.folder, self.engine, self.ollama, self.model = folder, engine, ollama, model
        self.home = folder / "var/archiv-ollama"
        self.stack = folder / "stack"
        self.models = folder / "data/models"
        self.textfiles = folder / "textfiles"
        self.group = folder / "cgroup/docker/c0"
        self.pid = 4242
        self.environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        for path in (self.home, self.stack, self.textfiles, self.group, folder / "lib", folder / "bin"):
            path.mkdir(parents=True)
        self._install()
        self._run_containers()
        (self.stack / "docker-compose.prod.yml").write_text(COMPOSE)
        (self.stack / "docker-compose.prod.yml").chmod(0o644)
        self.want()

    def _install(self) -> None:
        shutil.copytree(compiled_package(), self.folder / "lib/archiv_ollama")
        # The folders of this host; everything else is what is shipped.
        self._replace("_monitor/paths.py", '"/var/lib/archiv-ollama"', f'"{self.home}"')
        self._replace("_monitor/collect.py", '"/run/docker.pid"', f'"{self.folder}/docker.pid"')
        self._replace("_engine/cgroup.py", '"/sys/fs/cgroup"', f'"{self.folder}/cgroup"')
        self._replace("_engine/cgroup.py", 'proc: str = "/proc"', f'proc: str = "{self.folder}/proc"')
        self._replace("_engine/compose.py", "*PLUGIN_FOLDERS)", ")")
        program = self.folder / "bin/docker"
        (self.folder / "bin/config.json").write_text(json.dumps(CONFIG))
        labels = container()["Config"]["Labels"]
        program.write_text(CLI.format(folder=program.parent, hash=labels["com.docker.compose.config-hash"]))
        program.chmod(0o755)
        self.environment["DOCKER_CONFIG"] = str(self.folder / "bin/settings")

    def _replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / "lib/archiv_ollama" / name
        text = path.read_text()
        assert old in text, f"{name} has no {old}"
        path.write_text(text.replace(old, new))

    def _run_containers(self) -> None:
        process = self.folder / f"proc/{self.pid}"
        process.mkdir(parents=True)
        (process / "cgroup").write_text("0::/docker/c0\n")
        self.write_group()
        inspect = self.engine.inspect
        assert inspect is not None
        inspect["State"]["Pid"] = self.pid
        inspect["Config"]["Labels"] = container()["Config"]["Labels"]
        # The one of CONFIG has no limit; the kernel's is in the control group.
        inspect["HostConfig"]["Memory"] = 0
        self.engine.answers["/images/ollama/ollama:0.34.2/json"] = (200, {"Id": inspect["Image"]})
        self.engine.answers["/networks"] = (200, [{"Name": "archiv_archiv-net", "Id": "n1", "Internal": True}])
        inspect["NetworkSettings"]["Networks"] = {
            f"{PROJECT}_archiv-net": {"NetworkID": "n1", "IPAddress": self.ollama.address}
        }
        self.engine.answers["/info"] = (200, {"DockerRootDir": str(self.folder), "ServerVersion": "26.1.5"})
        self.tell([])

    def write_group(self, **changes: object) -> None:
        """The container's control group; a key's dot is written as __."""
        for name, value in {**GROUP, **{key.replace("__", "."): value for key, value in changes.items()}}.items():
            (self.group / name).write_text(f"{value}\n")

    def tell(self, events: list[dict[str, Any]]) -> None:
        """What the Engine answers to a question for events."""
        self.engine.answers["/events"] = (200, b"".join(json.dumps(one).encode() + b"\n" for one in events))

    def event(self, action: str, ago: float = 0.5, service: str = "ollama", **attributes: str) -> dict[str, Any]:
        """One event of the container, some seconds ago."""
        assert self.engine.inspect is not None
        actor = {"ID": self.engine.inspect["Id"], "Attributes": {**LABELS, **attributes}}
        actor["Attributes"]["com.docker.compose.service"] = service
        return {"Type": "container", "Action": action, "Actor": actor, "timeNano": time.time_ns() - int(ago * 1e9)}

    def want(self, **changes: object) -> None:
        """Write wanted.json as a deploy does."""
        content = (self.stack / "docker-compose.prod.yml").read_bytes()
        file = {"path": "docker-compose.prod.yml", "sha256": hashlib.sha256(content).hexdigest(), "mode": "0644"}
        document = {
            "format": 1,
            "version": "1.2.3",
            "project": PROJECT,
            "dir": str(self.stack),
            "docker_host": self.engine.host,
            "files": [file],
            "secrets": [],
            "owner": 0,
            "models": [{"name": NAME, "digest": self.model.digest, "warm": True}],
            "models_dir": str(self.models),
            "receipts_dir": str(self.home / "receipts"),
            "answer_within": 60,
            "context_length": 0,
            "gpu": "",
            "metrics_interval": 30,
            **changes,
        }
        path = self.home / "wanted.json"
        path.write_text(json.dumps(document))
        path.chmod(0o600)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command, without the packages of this Python."""
        return self.run_script(SCRIPT.format(lib=str(self.folder / "lib")), *words)

    def run_script(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", script, *words],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            cwd="/",
        )

    def metrics(self, write: bool = True) -> dict[str, float]:
        """Run `metrics`: each series with its value."""
        words = ["--write", str(self.textfiles)] if write else []
        found = self.run("metrics", *words)
        assert (found.returncode, found.stderr) == (0, "")
        text = (self.textfiles / "archiv_ollama.prom").read_text() if write else found.stdout
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name.removeprefix("archiv_ollama_"): float(value) for name, _, value in rows}

    def state(self, name: str) -> Any:
        """A file of the command's own state."""
        return json.loads((self.home / "monitor" / name).read_text())

    def history(self) -> list[dict[str, Any]]:
        """All lines of the history, the oldest first."""
        path = self.home / "monitor/history.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def started(engine: FakeEngine, restarts: int = 0) -> None:
    """Have the container be started just now."""
    assert engine.inspect is not None
    moment, fraction = divmod(time.time_ns(), 10**9)
    engine.inspect["State"]["StartedAt"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{fraction:09d}Z"
    engine.inspect["RestartCount"] = restarts


@contextmanager
def monitor_host(folder: Path) -> Iterator[MonitorHost]:
    """A host whose stack is as wanted."""
    model = tiny_model()
    model.install(folder / "data/models")
    with serve_ollama(PORT) as ollama, serve_engine(folder) as engine:
        document = answer_of("ps_pinned")[1]
        document["models"][0]["digest"] = model.digest.removeprefix("sha256:")
        ollama.answers["/api/ps"] = (200, document)
        engine.inspect = recorded("inspect_ollama")
        yield MonitorHost(folder, engine, ollama, model)
