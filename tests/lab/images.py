"""The lab's images: each tagged by the hash of its recipe, so that an unchanged one is never built again."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, ImageNotFound

from tests.lab import engine, old_ollama_image, ollama_image, today_image
from tests.lab.settings import IMAGES_DIR, LOG_DIR, OLLAMA_VERSION, LabError
from tests.lab.steps import say, step

BASE = "debian:trixie"
REPOSITORY = "archiv-lab"

# Folder of the recipe -> (build context, argument that names the image it stands on, that image's recipe).
BUILT = {
    "bare": (IMAGES_DIR / "bare", None, None),
    "host": (IMAGES_DIR / "host", "BARE", "bare"),
    "registry": (IMAGES_DIR / "registry", None, None),
    "backend": (IMAGES_DIR.parent, None, None),
    "gate": (IMAGES_DIR / "gate", None, None),
}


# Those that are not only what a Dockerfile says, and get their tag when they have shown that they work.
PROVEN = ("ollama", "old-ollama", "today")
# What every lab needs, whatever its hosts are.
COMMON = ("registry", "backend", "gate", "ollama")

ASK_VERSIONS = """
echo Engine $(dockerd --version | sed 's/.*version //; s/, build.*//')
echo Compose $(docker compose version --short)
echo runc $(runc --version | sed -n 's/^runc version //p')
echo containerd $(containerd --version | cut -d' ' -f3)
"""


def tag_of(name: str) -> str:
    """The image's full name; it changes with its recipe or with that of the image below it."""
    if name == "ollama":
        return f"{REPOSITORY}/ollama:{short_hash(ollama_image.recipe().encode())}"
    if name == "old-ollama":
        return f"{REPOSITORY}/old-ollama:{short_hash(old_ollama_image.recipe().encode())}"
    if name == "today":
        return f"{REPOSITORY}/today:{short_hash(today_image.recipe(tag_of('bare')).encode())}"
    context, _argument, below = BUILT[name]
    parts = [BASE.encode(), (tag_of(below) if below else "").encode()]
    for path in recipe_files(name, context):
        parts += [path.relative_to(context).as_posix().encode(), path.read_bytes()]
    return f"{REPOSITORY}/{name}:{short_hash(*parts)}"


def recipe_files(name: str, context: Path) -> list[Path]:
    folders = [IMAGES_DIR / name] + ([context / "backend"] if name == "backend" else [])
    return sorted(
        path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )


def short_hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def ensure_all(client: docker.DockerClient, host_image: str | None) -> None:
    """Have what a lab of such hosts needs (None: of no hosts), and no image more."""
    wanted = [*COMMON, *(["bare"] if host_image not in ("bare", None) else []), *([host_image] if host_image else [])]
    ensure_some(client, wanted)


def ensure_some(client: docker.DockerClient, wanted: list[str]) -> None:
    """Have these images."""
    missing = [name for name in wanted if not exists(client, tag_of(name))]
    if not missing:
        say(f"  {len(wanted)} images: there already")
        return
    engine.check_disk(client)
    if not exists(client, BASE):
        with step(f"Image {BASE}"):
            fetch_base(client)
    for name in missing:
        with step(f"Image {tag_of(name).rpartition(':')[0]}"):
            match name:
                case "ollama":
                    ollama_image.build_ollama_image(tag_of(name), OLLAMA_VERSION, say)
                case "old-ollama":
                    old_ollama_image.build_old_ollama_image(tag_of(name), say)
                case "today":
                    today_image.build_today_image(client, tag_of(name), tag_of("bare"), say)
                case _:
                    build(client, name)


def exists(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def docker_versions(client: docker.DockerClient, tag: str) -> dict[str, str]:
    """The versions of what a host of this image runs, by its own programs."""
    output = client.containers.run(tag, ["-c", ASK_VERSIONS], entrypoint="sh", network_mode="none", remove=True)
    return dict(line.split(" ", 1) for line in output.decode().splitlines())


def fetch_base(client: docker.DockerClient) -> None:
    try:
        client.images.pull(BASE)
        return
    except (APIError, ImageNotFound):
        say(f"    no image registry answers: making {BASE} from Debian's packages")
    engine.need("mmdebstrap", "mmdebstrap")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        # A mirror may be a snapshot older than its own index allows; the same setting goes into the image.
        command = ["mmdebstrap", "--variant=minbase", '--aptopt=Acquire::Check-Valid-Until "false"']
        run_logged([*command, BASE.split(":")[1], str(archive)], "base-image.log")
        run_logged(["docker", "import", str(archive), BASE], "base-image.log")


def run_logged(command: list[str], log_name: str) -> None:
    LOG_DIR.mkdir(parents=True, exist_ok=True)
    with (LOG_DIR / log_name).open("ab") as log:
        if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
            raise LabError(
                f"`{command[0]}` failed (its output is in {log.name}); "
                "check that Debian's packages can be reached, then run the same command again."
            )


def build(client: docker.DockerClient, name: str) -> None:
    context, argument, below = BUILT[name]
    try:
        client.images.build(
            path=str(context),
            dockerfile=str(IMAGES_DIR / name / "Dockerfile"),
            tag=tag_of(name),
            buildargs={argument: tag_of(below)} if argument and below else {},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        LOG_DIR.mkdir(parents=True, exist_ok=True)
        log = LOG_DIR / f"image-{name}.log"
        log.write_text("".join(line.get("stream", "") for line in error.build_log))
        raise LabError(
            f"Building the image {name} failed: {error.msg} (its output is in {log}); "
            "check that Debian's packages can be reached, then run the same command again."
        ) from error
