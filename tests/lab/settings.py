"""Names, addresses and folders of this checkout's lab; every other lab file takes them from here."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE_DIR = ROOT / ".lab"
LOG_DIR = STATE_DIR / "logs"
IMAGES_DIR = Path(__file__).resolve().parent / "images"

# Two clones on one machine must not meet: every name carries a mark made from the clone's own path.
PREFIX = "archiv-" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
LABEL = "archiv.lab"
LABELS = {LABEL: PREFIX}
KIND_LABEL = "archiv.lab.kind"
SPEC_LABEL = "archiv.lab.spec"

NETWORK = f"{PREFIX}-net"
REGISTRY = f"{PREFIX}-registry"
# The last two ask for a login: the registry's second name, and its token service.
REGISTRY_NAMES = ("registry.lab", "registry.ollama.ai", "blobs.lab", "private.lab", "auth.lab")
REGISTRY_USER = "archive"

OLLAMA_VERSION = "0.34.2"
# The last whose inference is compiled in and that the collection still takes.
OLD_OLLAMA_VERSION = "0.24.0"
BACKEND_VERSION = "1.0.0"
HAPROXY_VERSION = "3.0.11"

# What a host can be made of: today's Docker, Debian's own, and none. The first is the lab's, unless this says another.
HOST_IMAGES = ("today", "host", "bare")
IMAGE_VARIABLE = "ARCHIV_LAB_IMAGE"

# The addresses end in these numbers; hosts of Molecule get the first free one from MOLECULE_FROM up.
REGISTRY_ADDRESS = 2
LAB_HOSTS = {"staging-1": 11, "production-1": 21, "production-2": 22}
MOLECULE_FROM = 100

MIN_FREE_GB = 6


class LabError(Exception):
    """What went wrong, where, and what to do about it, in one sentence."""


def host_image() -> str:
    chosen = os.environ.get(IMAGE_VARIABLE, HOST_IMAGES[0])
    if chosen not in HOST_IMAGES:
        raise LabError(f"{IMAGE_VARIABLE}={chosen} names no image of the lab's hosts; say {' or '.join(HOST_IMAGES)}.")
    return chosen


def container_name(host: str) -> str:
    return f"{PREFIX}-{host}"
