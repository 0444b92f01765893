"""A Docker Engine: the one that runs here, or one that we install and start where nobody else would."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import docker
from docker.errors import DockerException

from tests.lab.settings import KIND_LABEL, LABEL, LOG_DIR, MIN_FREE_GB, PREFIX, LabError
from tests.lab.steps import step

# Not inside the checkout: an Engine belongs to the machine, and a second clone must find it too.
PID_FILE = Path("/run/archiv-lab/dockerd.pid")
START_TIMEOUT = 60


def connect() -> docker.DockerClient | None:
    try:
        client = docker.from_env(timeout=300)
        client.ping()
    except DockerException:
        return None
    return client


def require() -> docker.DockerClient:
    client = connect()
    if client is None:
        raise LabError("No Docker Engine answers here; run `make lab-up` first.")
    return client


def ensure() -> docker.DockerClient:
    client = connect()
    if client is not None:
        return client
    refusal = why_not_start(os.geteuid(), os.environ.get("DOCKER_HOST"), Path("/etc/os-release").read_text())
    if refusal:
        raise LabError(refusal)
    if shutil.which("dockerd") is None:
        with step("Installing Debian's Docker Engine"):
            apt_install("docker.io", "iptables")
    with step("Starting the Docker Engine"):
        return start()


def why_not_start(uid: int, docker_host: str | None, os_release: str) -> str | None:
    """The sentence that says why we may not start an Engine ourselves, or None."""
    if docker_host:
        return f"No Docker Engine answers at DOCKER_HOST={docker_host}; start it there, or unset DOCKER_HOST."
    if uid != 0:
        return (
            "No Docker Engine answers and this is not root, so none can be started; "
            "start Docker (or add your user to its group), or run this as root on Debian."
        )
    if "ID=debian" not in os_release.splitlines():
        return "No Docker Engine answers and this is not Debian, so none is installed; start Docker and try again."
    return None


def need(program: str, package: str) -> None:
    """Have a program that Debian packages, or say in one sentence what is missing."""
    if shutil.which(program):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(f"`{program}` is missing and cannot be installed here; install it (Debian: {package}).")
    with step(f"Installing {package}"):
        apt_install(package)


def apt_install(*packages: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    LOG_DIR.mkdir(parents=True, exist_ok=True)
    with (LOG_DIR / "apt.log").open("ab") as log:
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-qy", "--no-install-recommends", *packages],
        ):
            if subprocess.run(command, env=env, stdout=log, stderr=log, check=False).returncode:
                raise LabError(
                    f"`{' '.join(command)}` failed (see {log.name}); "
                    "check that Debian's packages can be reached and that no other apt runs."
                )


def start() -> docker.DockerClient:
    LOG_DIR.mkdir(parents=True, exist_ok=True)
    PID_FILE.parent.mkdir(parents=True, exist_ok=True)
    log_path = LOG_DIR / "dockerd.log"
    with log_path.open("ab") as log:
        daemon = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    PID_FILE.write_text(f"{daemon.pid}\n")
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        client = connect()
        if client is not None:
            return client
        if daemon.poll() is not None:
            break
        time.sleep(0.2)
    raise LabError(f"dockerd did not come up within {START_TIMEOUT} s; its reason is in {log_path}.")


def stop() -> str:
    """End the Engine that start() began, unless somebody else's containers run on it."""
    if not PID_FILE.exists():
        return "The Engine was not started by the lab: left running."
    client = connect()
    others = client.containers.list() if client else []
    if others:
        return f"{len(others)} other container(s) run on the Engine: left running."
    pid = int(PID_FILE.read_text())
    PID_FILE.unlink()
    if not is_dockerd(pid):
        return "The Engine that the lab started has already ended."
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + START_TIMEOUT
    while is_dockerd(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return "The Engine that the lab started is stopped."


def is_dockerd(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return "(dockerd)" in state and ") Z" not in state


def check_disk(client: docker.DockerClient) -> None:
    root = client.info()["DockerRootDir"]
    if not os.path.isdir(root):  # an Engine in a virtual machine keeps its files where we cannot look
        return
    refusal = why_disk_too_small(root, shutil.disk_usage(root).free)
    if refusal:
        raise LabError(refusal)


def why_disk_too_small(root: str, free: int) -> str | None:
    if free >= MIN_FREE_GB * 10**9:
        return None
    return (
        f"{root} has {free / 10**9:.1f} GB free and the lab needs {MIN_FREE_GB} GB; "
        "make room there (`docker system df` shows what Docker holds) and try again."
    )


def ours(kind: str | None = None) -> dict[str, str | list[str] | bool]:
    """The Engine's filter for what carries this checkout's label."""
    labels = [f"{LABEL}={PREFIX}"]
    if kind:
        labels.append(f"{KIND_LABEL}={kind}")
    return {"label": labels}
