"""The host image with the Docker that people install today: Engine 29, Compose 5 and their CLI.

Docker's own packages cannot be had from Debian or from a module proxy, but what is in them can: the programs are Go
modules of fixed versions, and the runc and containerd that they need are in Debian's next release.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import shutil
import tempfile
from pathlib import Path

import docker

from tests.lab import containers, machine
from tests.lab.parts import ANY_AGE, LOG, SUITE, Log, docker_build, go, mmdebstrap, need_go, run, unproven
from tests.lab.settings import IMAGES_DIR, LABELS, LabError

# A version of the module is no version of the Engine: this one was made after 29.8.0.
MOBY = ("github.com/moby/moby/v2", "v2.0.0-beta.24")
ENGINE_VERSION = "29.8.0+moby2.0.0.beta.24"
COMPOSE = ("github.com/docker/compose/v5", "v5.6.0")
CLI = ("github.com/docker/cli", "v29.9.3+incompatible")
# Two modules that the CLI asks for are not served: the first by that version, the second at all.
SWARMKIT = ("github.com/moby/swarmkit/v2", "v2.1.3-0.20260828175525-ad0357aedfca")
ROSETTA = "github.com/tonistiigi/go-rosetta"
ROSETTA_FILES = {
    "go.mod": f"module {ROSETTA}\n",
    # All that the CLI asks of it, and the answer on Linux.
    "rosetta.go": "package rosetta\n\nfunc Enabled() bool { return false }\n",
}
# As Docker builds it: no C library's lookups of names and users.
TAGS = "netgo osusergo"
LDFLAGS = "-s -w -X {package}.Version={version}"

PACKAGES = ("runc", "containerd")
PACKAGE_OPTIONS = ("--variant=extract", ANY_AGE, f"--include={','.join(PACKAGES)}")
# Where Docker's packages have each program.
PLACES = {
    "dockerd": "usr/bin/dockerd",
    "docker-proxy": "usr/bin/docker-proxy",
    "docker": "usr/bin/docker",
    "cmd": "usr/libexec/docker/cli-plugins/docker-compose",
}
FROM_PACKAGES = {
    "usr/sbin/runc": "usr/bin/runc",
    "usr/bin/containerd": "usr/bin/containerd",
    "usr/bin/containerd-shim-runc-v2": "usr/bin/containerd-shim-runc-v2",
    "usr/bin/ctr": "usr/bin/ctr",
    "usr/lib/systemd/system/containerd.service": "usr/lib/systemd/system/containerd.service",
}
UNITS = ("docker.service", "docker.socket")
DOCKERFILE = IMAGES_DIR / "today" / "Dockerfile"
VERSION_LABEL = "archiv.lab.version."
SMOKE_TIMEOUT = 300
# The Engine answers with the store that a fresh install has, and runs a container of an image in it.
SMOKE = """
until docker info; do sleep 0.2; done >/dev/null 2>&1
docker info --format '{{.Driver}} {{.DriverStatus}}' | grep -F io.containerd.snapshotter.v1
tar -C /usr/bin -c tini-static | docker import - smoke
docker run --rm --network=none --memory=64m smoke /tini-static --version
docker compose version
"""


def recipe(bare: str) -> str:
    """Everything we decide about the image; what it is made from moves on and is in its labels."""
    decided = [*MOBY, ENGINE_VERSION, *COMPOSE, *CLI, *SWARMKIT, *ROSETTA_FILES.values(), TAGS, LDFLAGS]
    placed = [*PLACES.values(), *FROM_PACKAGES.values(), *UNITS]
    return "\n".join([bare, *decided, SUITE, *PACKAGE_OPTIONS, *placed, DOCKERFILE.read_text()])


def build_today_image(client: docker.DockerClient, tag: str, bare: str, log: Log = print) -> None:
    """Have today's Docker on a host under this tag; nothing has the tag until it is proven to work."""
    candidate = unproven(tag)
    with tempfile.TemporaryDirectory(prefix="archiv-lab-") as folder:
        versions = build(candidate, bare, Path(folder), log)
    smoke(client, candidate, versions, log)
    run(["docker", "tag", candidate, tag])
    run(["docker", "rmi", candidate])


def build(tag: str, bare: str, folder: Path, log: Log) -> dict[str, str]:
    root = folder / "context" / "root"
    root.mkdir(parents=True)
    log("    compiling the Engine, Compose and the CLI")
    compile_all(folder, root)
    log(f"    unpacking {' and '.join(PACKAGES)} of Debian {SUITE}")
    packages = folder / "packages"
    mmdebstrap(PACKAGE_OPTIONS, packages)
    for source, target in FROM_PACKAGES.items():
        place(packages / source, root / target)
    versions = {
        "engine": ENGINE_VERSION,
        "compose": version_of(COMPOSE),
        "cli": version_of(CLI),
        **{name: packaged_version(packages, name) for name in PACKAGES},
    }
    labels = [f"--label={VERSION_LABEL}{name}={version}" for name, version in versions.items()]
    docker_build(DOCKERFILE, folder / "context", tag, [*labels, "--build-arg", f"BARE={bare}"])
    return versions


def compile_all(folder: Path, root: Path) -> None:
    need_go()
    programs = folder / "programs"
    env = {"GOBIN": str(programs), "CGO_ENABLED": "0"}
    moby, engine = MOBY
    daemons = [f"{moby}/cmd/{name}@{engine}" for name in ("dockerd", "docker-proxy")]
    go(["install", *build_flags(f"{moby}/dockerversion", ENGINE_VERSION), *daemons], env)
    # A module that excludes or replaces others is built in a folder of its own only.
    compose = copy_of(COMPOSE, folder / "compose", env)
    go(["install", *build_flags(f"{COMPOSE[0]}/internal", COMPOSE[1]), "./cmd"], env, compose)
    compile_cli(copy_of(CLI, folder / "cli", env), env)
    for name, target in PLACES.items():
        place(programs / name, root / target)
    for unit in UNITS:
        place(source_of(MOBY, env) / "contrib/init/systemd" / unit, root / "usr/lib/systemd/system" / unit)


def compile_cli(folder: Path, env: dict[str, str]) -> None:
    """Its module has no go.mod, but the same under another name, for its own build."""
    for name in ("mod", "sum"):
        (folder / f"vendor.{name}").rename(folder / f"go.{name}")
    rosetta = folder / "rosetta"
    rosetta.mkdir()
    for name, text in ROSETTA_FILES.items():
        (rosetta / name).write_text(text)
    swarmkit, served = SWARMKIT
    go(["mod", "edit", f"-replace={swarmkit}={swarmkit}@{served}", f"-replace={ROSETTA}=./rosetta"], env, folder)
    go(["install", "-mod=mod", *build_flags(f"{CLI[0]}/cli/version", version_of(CLI)), "./cmd/docker"], env, folder)


def build_flags(package: str, version: str) -> list[str]:
    return ["-tags", TAGS, "-ldflags", LDFLAGS.format(package=package, version=version)]


def source_of(module: tuple[str, str], env: dict[str, str]) -> Path:
    described = json.loads(go(["mod", "download", "-json", "@".join(module)], env))
    return Path(described["Dir"])


def copy_of(module: tuple[str, str], folder: Path, env: dict[str, str]) -> Path:
    # What is in Go's own folder may be read-only.
    run(["cp", "-r", "--no-preserve=mode", str(source_of(module, env)), str(folder)])
    return folder


def version_of(module: tuple[str, str]) -> str:
    return module[1].removeprefix("v").removesuffix("+incompatible")


def place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def packaged_version(packages: Path, name: str) -> str:
    """By the package's changelog, since nothing but its files is there."""
    with gzip.open(packages / "usr/share/doc" / name / "changelog.Debian.gz", "rt") as changelog:
        found = re.match(r"\S+ \((\S+)\)", changelog.readline())
    assert found, f"{name} has a changelog that does not begin with its version"
    return found[1]


def smoke(client: docker.DockerClient, tag: str, versions: dict[str, str], log: Log) -> None:
    """Start it as a host and run a container in it: Debian's runc and containerd are not those Docker ships."""
    log("    starting it and running a container in it")
    created = client.api.create_container(
        tag,
        labels=LABELS,
        environment=machine.environment(client),
        volumes=list(machine.ENGINE_ROOTS.values()),
        host_config=machine.host_config(client, network_mode="none"),
    )
    try:
        run(["docker", "start", created["Id"]])
        run(["docker", "exec", created["Id"], "sh", "-euc", SMOKE], timeout=SMOKE_TIMEOUT)
    except LabError as error:
        with contextlib.suppress(LabError):
            run(["docker", "exec", created["Id"], "journalctl", "--no-pager", "-u", "docker", "-u", "containerd"])
        raise LabError(
            f"Docker {ENGINE_VERSION} does not work with runc {versions['runc']} and containerd "
            f"{versions['containerd']} of Debian {SUITE} (its log is in {LOG}): set MOBY in tests/lab/today_image.py "
            "to a release made for them, or use Debian's own Engine with ARCHIV_LAB_IMAGE=host."
        ) from error
    finally:
        containers.remove(client.containers.get(created["Id"]))
