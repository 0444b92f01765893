"""What images that are made of parts share: Go modules, packages of Debian's next release, one log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.lab import engine
from tests.lab.settings import LOG_DIR, PREFIX, LabError

# It has what the current release does not have yet, or has too old.
SUITE = "forky"
# A mirror may be a snapshot older than its own index allows.
ANY_AGE = '--aptopt=Acquire::Check-Valid-Until "false"'
# The first Go that fetches the newer one a module asks for by itself.
MIN_GO = (1, 21)
LOG = LOG_DIR / "image-parts.log"
TIMEOUT = 1800

Log = Callable[[str], None]


def go(arguments: list[str], env: Mapping[str, str], folder: Path | None = None) -> str:
    """Run Go, here or in the folder of a module."""
    # Without the flag nobody but root can remove the module cache.
    flags = f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()
    return run(["go", *(["-C", str(folder)] if folder else []), *arguments], env={"GOFLAGS": flags, **env})


def need_go() -> None:
    engine.need("go", "golang-go")
    refusal = why_not_go(run(["go", "version"]))
    if refusal:
        raise LabError(refusal)


def why_not_go(version_line: str) -> str | None:
    """The sentence that says why this Go cannot build a part, or None."""
    found = re.search(r"go(\d+)\.(\d+)", version_line)
    if found and (int(found[1]), int(found[2])) >= MIN_GO:
        return None
    return (
        f"Go {MIN_GO[0]}.{MIN_GO[1]} or newer must be first on the PATH to build what the lab's images "
        f"are made of, and there is {version_line.strip() or 'none'}; install a newer Go."
    )


def mmdebstrap(options: Iterable[str], target: Path, suite: str = SUITE) -> None:
    """Packages of a release, as a folder or as a tar file, from the mirror that this machine uses."""
    engine.need("mmdebstrap", "mmdebstrap")
    mirror = debian_mirror(apt_sources(Path("/etc/apt")))
    run(["mmdebstrap", *options, suite, str(target), *([mirror] if mirror else [])])


def apt_sources(folder: Path) -> list[str]:
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return [
        file.read_text(errors="replace") for file in files if file.is_file() and file.suffix in (".list", ".sources")
    ]


def debian_mirror(sources: Iterable[str]) -> str | None:
    """The mirror that apt itself uses for Debian's main archive, so that no other host is asked."""
    for text in sources:
        for line in text.splitlines():
            found = re.match(r"(?:URIs:|deb\s+(?:\[[^]]*\]\s*)?)\s*(.+)", line.strip())
            for word in found[1].split() if found else []:
                if re.fullmatch(r"https?://.+/debian/?", word):
                    return word
    return None


def unproven(tag: str) -> str:
    """What an image is called until it has shown that it works; another clone may be making the same one."""
    return f"{tag.rpartition(':')[0]}:unproven-{PREFIX}"


def docker_build(dockerfile: Path, context: Path, tag: str, options: Iterable[str]) -> None:
    run(
        ["docker", "build", "-f", str(dockerfile), "-t", tag, *options, str(context)],
        # Debian 12's client has no buildx, and says so in a warning with every build.
        env={"DOCKER_BUILDKIT": "0"},
    )


def run(
    command: list[str], timeout: float = TIMEOUT, env: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """Run a command, keep what it prints in the log, return what it prints to stdout."""
    if shutil.which(command[0]) is None:
        raise LabError(f"`{command[0]}` is missing; install it and run the same command again.")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab") as log:
        log.write(f"+ {' '.join(command)}\n".encode())
        log.flush()
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabError(
                f"`{' '.join(command[:2])}` did not end within {timeout:g} s (see {LOG}); "
                "look there for what it waits for, then run the same command again."
            ) from None
        log.write(done.stdout)
    if done.returncode:
        raise LabError(
            f"`{' '.join(command[:2])}` failed (its output is in {LOG}); check that Debian's "
            "packages and the Go module proxy can be reached, then run the same command again."
        )
    return done.stdout.decode(errors="replace")
