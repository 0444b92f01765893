"""The sweep's host, its disk and its models, as seen from the controller."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible
import docker
from docker.models.containers import Container

from tests.lab import hosts, model, registry
from tests.lab.settings import OLLAMA_VERSION, ROOT, STATE_DIR, container_name

HOST = "sweep"
DISK = "/var/lib/docker/lab-disk.img"
DISK_MEGABYTES = 512
TOOLS = "/opt/sweep"
EXEC_SECONDS = 240


@dataclass(frozen=True)
class Wanted:
    """A published model, as the host is told of it."""

    name: str
    digest: str
    weights: str
    weights_size: int
    blobs: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "digest": self.digest, "blobs": self.blobs}


class Host:
    """A host of the lab with a disk whose power can fail."""

    def __init__(self, client: docker.DockerClient) -> None:
        self.client = client
        self.container: Container = client.containers.get(container_name(HOST))

    def prepare(self) -> None:
        """Bring the tools, the collection and what it needs of Ansible, and make the disk."""
        self.container.put_archive("/", archive())
        self.shell(f"umount --quiet /power; truncate --size {DISK_MEGABYTES}M {DISK} && mkfs.ext4 -q -F -m 0 {DISK}")
        self.shell(f"docker pull --quiet registry.lab/ollama/ollama:{OLLAMA_VERSION}")
        self.do("boot")

    def engine_version(self) -> str:
        return self.shell("docker version --format '{{.Server.Version}}'").strip()

    def power_cycle(self) -> bool:
        """A hard restart of the machine; whether the disk kept what nobody flushed."""
        self.container.restart(timeout=0)
        hosts.wait_ready(self.client, HOST, with_engine=True)
        return bool(self.do("boot"))

    def ours(self, wanted: Wanted, receipts: str = "elsewhere", **options: Any) -> Any:
        arguments = {"models": [wanted.name], "restart": False, "timeout": 60, "stall_timeout": 20, **options}
        return lambda trigger: self.do(
            "module", name="ollama_model", arguments=arguments, receipts=receipts, trigger=trigger
        )

    def theirs(self, wanted: Wanted) -> Any:
        self.do("serve")
        return lambda trigger: self.do("pull", name=wanted.name, trigger=trigger)

    def our_claims(self, wanted: Wanted, receipts: str = "elsewhere") -> dict[str, bool | None]:
        claims = {}
        for verify in ("receipt", "full"):
            arguments = {"models": [wanted.name], "verify": verify, "health": False}
            done = self.do("module", name="ollama_model_info", arguments=arguments, receipts=receipts)
            claims[verify] = next((each["intact"] for each in done["result"].get("models", [])), None)
        return claims

    def their_claims(self, wanted: Wanted) -> dict[str, bool | None]:
        self.do("serve")
        said: dict[str, bool | None] = self.do("ollama_says", name=wanted.name)
        return said

    def look(self, wanted: Wanted) -> dict[str, Any]:
        found: dict[str, Any] = self.do("look", model=wanted.described())
        return found

    def do(self, command: str, **given: Any) -> Any:
        """A command of on_host.py."""
        return json.loads(self.run(["python3", f"{TOOLS}/on_host.py", command, json.dumps(given)]))

    def shell(self, script: str) -> str:
        return self.run(["sh", "-c", script])

    def run(self, command: list[str]) -> str:
        inside = ["docker", "exec", container_name(HOST), "timeout", str(EXEC_SECONDS), *command]
        done = subprocess.run(inside, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode} on {HOST}: {done.stderr[-1500:]}")
        return done.stdout


def archive() -> bytes:
    """Everything the host needs, as a tar: molecule's truth and switch, our modules, Ansible's own utilities."""
    places = {
        Path(__file__).with_name("on_host.py"): f"{TOOLS}/on_host.py",
        ROOT / "molecule/shared/truth.py": f"{TOOLS}/truth.py",
        ROOT / "molecule/power/lab-disk": f"{TOOLS}/lab-disk",
        ROOT / "plugins": f"{TOOLS}/ansible_collections/archiv/ollama/plugins",
        Path(ansible.__file__).parent / "module_utils": f"{TOOLS}/ansible/module_utils",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for source, target in places.items():
            tar.add(source, target, filter=without_caches)
        # Empty, as in the archive a module travels in: the controller's would want more of Ansible.
        tar.addfile(tarfile.TarInfo(f"{TOOLS}/ansible/__init__.py"))
    return buffer.getvalue()


def without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.name.endswith("__pycache__") else member


def publish(client: docker.DockerClient, size: int) -> Wanted:
    """Have a model of that size in the lab's registry."""
    tag = str(size)
    with tempfile.TemporaryDirectory(dir=STATE_DIR) as folder:
        built = model.build_model("sweep", size, Path(folder))
        model.publish(built, registry.base_url(client), "library/sweep", tag)
        weights = max(built.blobs, key=lambda digest: model.blob_size(built.blobs[digest]))
        return Wanted(f"sweep:{tag}", built.digest, weights, model.blob_size(built.blobs[weights]), tuple(built.blobs))
