"""The host that docs/operations.md is run on: a throwaway one of the lab, with an inventory of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from docker.models.containers import Container

from tests.gates import environment
from tests.lab import containers, engine, hosts, images, index, passwords, registry
from tests.lab.__main__ import one_at_a_time
from tests.lab.settings import OLLAMA_VERSION, ROOT, STATE_DIR, container_name
from tests.operations.page import SERVING, Block, Running, Seen

# Its name in the lab, so that it is nobody else's host, and the name that the page shows.
LAB_NAME, NAME = "operations", "staging-1"
# Debian's own Engine, because docker_engine looks for packages.
IMAGE = "host"
HOME = STATE_DIR / "operations"
INVENTORY = HOME / "inventory"
LIMIT_SECONDS = 300
NEWER = "0.34.3"

# What stands in the lab for what a page can name. Its model is tiny, and so is a limit that is too small for it.
IN_LAB = {
    "archive/backend:1.4.2": "archiv/backend:1.0.0",
    "registry.example.org": "registry.lab",
    "private.example.org": "private.lab",
    "auth.example.org": "auth.lab",
    "ca-certificates/example.crt": "ca-certificates/lab.crt",
    ": ollama/ollama:": ": registry.lab/ollama/ollama:",
    "image ollama/ollama:": "image registry.lab/ollama/ollama:",
    "ollama_stack_mem_limit: 4g": "ollama_stack_mem_limit: 1m",
    "4.0 GiB": "1.0 MiB",
}
SECRET = "canary-of-the-database"
# As long as a token must be.
TOKENS = {"vault_ollama_token": f"{SECRET}-and-of-the-gate", "vault_ollama_token_next": f"{SECRET}-and-of-the-next"}

LOOK = """docker ps --all --quiet --filter label=com.docker.compose.project=archiv | xargs --no-run-if-empty \
docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}}'"""
SET_UP_BY_HAND = """
docker compose -f docker-compose.prod.yml down
rm -r .archiv
cp /root/by-hand.yml docker-compose.prod.yml
docker compose -f docker-compose.prod.yml up --detach --wait
"""
SMALL_DISK = "mkdir /srv/models && mount -t tmpfs -o size=400k,mode=0755 tmpfs /srv/models"


def in_lab(text: str) -> str:
    """The page's text with the lab's names."""
    for ours, labs in IN_LAB.items():
        text = text.replace(ours, labs)
    return text


class Host:
    """The host as root types on it, and as its inventory tells."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def typed(self, command: str) -> str:
        done = self.container.exec_run(["sh", "-ec", command], workdir="/opt")
        assert isinstance(done.output, bytes)
        text = done.output.decode()
        if done.exit_code:
            raise RuntimeError(f"`{command}` failed on the host of the page: {text}")
        return text

    def running(self) -> Running:
        """What serves, and since when."""
        rows = [line.split() for line in self.typed(LOOK).splitlines()]
        return {service: (identity, started) for service, identity, started in rows if service in SERVING}

    def put(self, path: str, content: bytes) -> None:
        self.container.put_archive("/", containers.tar_of([(path, content, 0o600)]))

    def run(self, block: Block) -> Seen:
        """Put the block's values into the inventory, type its command, and see what that did."""
        kept = VALUES.read_text()
        VALUES.write_text(yaml.safe_dump(yaml.safe_load(kept) | yaml.safe_load(in_lab(block.values) or "{}")))
        before = self.running()
        done = subprocess.run(
            ["sh", "-c", block.command],
            cwd=HOME,
            env=environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        if block.refused:
            # As its operator does, once told why.
            VALUES.write_text(kept)
        return Seen(done.returncode, done.stdout, before, self.running())


VALUES = INVENTORY / "group_vars" / "staging.yml"


def set_up_by_hand(host: Host) -> None:
    host.put("/root/by-hand.yml", Path(__file__).with_name("by-hand.yml").read_bytes())
    host.typed(f"cd archiv\n{SET_UP_BY_HAND}")


def small_disk(host: Host) -> None:
    host.typed(SMALL_DISK)


# What is so on a host whose operator opens the page at this section.
PREPARED: Mapping[str, Callable[[Host], None]] = {
    "See what a take-over would lose": set_up_by_hand,
    "The disk is full": small_disk,
}


def prepare(host: Host, block: Block) -> None:
    if block.title in PREPARED:
        PREPARED[block.title](host)


@contextmanager
def host() -> Iterator[Host]:
    """The host, made anew, and gone afterwards."""
    with one_at_a_time():
        client = engine.ensure()
        images.ensure_all(client, IMAGE)
        registry.ensure(client)
        hosts.ensure_key()
        hosts.remove(client, LAB_NAME)
        write_inventory()
        address = hosts.free_address(client)
        hosts.ensure(client, LAB_NAME, address, INVENTORY, IMAGE)
        tell_host(address)
        index.publish(registry.base_url(client), "ollama/ollama", OLLAMA_VERSION, [NEWER])
        container = containers.find(client, container_name(LAB_NAME))
    assert container is not None
    try:
        yield Host(container)
    finally:
        hosts.remove(client, LAB_NAME)


def write_inventory() -> None:
    """The lab's own, as an operator's inventory beside which the commands are typed."""
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(ROOT / "inventory/lab", INVENTORY, ignore=shutil.ignore_patterns("host_vars", "*lock.yml"))
    logins = {"vault_registry_password": passwords.ensure(passwords.REGISTRY_FILE)}
    everybody = {"vault_db_password": SECRET, **TOKENS, **logins}
    (INVENTORY / "group_vars" / "all.yml").write_text(yaml.safe_dump(everybody))
    VALUES.write_text("{}\n")


def tell_host(address: str) -> None:
    """What the lab's own inventory says by its place in the checkout."""
    facts = {
        "ansible_host": address,
        "ansible_ssh_private_key_file": str(hosts.KEY_FILE),
        "lab_checkout": str(ROOT),
        "lab_python": sys.executable,
    }
    folder = INVENTORY / "host_vars"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / f"{NAME}.yml").write_text(yaml.safe_dump(facts))


def keep(number: int, block: Block, seen: Seen) -> Path:
    """The whole output, for who wants to read more."""
    path = HOME / f"{number:02d}-{'-'.join(block.title.lower().split())}.log"
    path.write_text(f"$ {block.command}{os.linesep}{seen.output}")
    return path
