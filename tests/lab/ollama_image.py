"""The Ollama image: pulled where a registry answers, else the same program built from its parts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.lab import engine, model
from tests.lab.settings import IMAGES_DIR, LABEL, LOG_DIR, OLLAMA_VERSION, PREFIX, LabError

UPSTREAM = "ollama/ollama"
MODULE = "github.com/ollama/ollama"
LDFLAGS = f"-s -w -X {MODULE}/version.Version={{version}} -X {MODULE}/server.mode=release"
# Ollama runs models in llama.cpp's server since 0.30; the first Debian release with it is this one.
SUITE = "forky"
LLAMA_PACKAGE = "llama.cpp-tools"
BASE_OPTIONS = (
    "--variant=minbase",
    # A mirror may be a snapshot older than its own index allows.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    f"--include=ca-certificates,{LLAMA_PACKAGE}",
)
# The first Go that fetches the newer one a module asks for by itself.
MIN_GO = (1, 21)
DOCKERFILE = IMAGES_DIR / "ollama" / "Dockerfile"
LOG = LOG_DIR / "image-ollama.log"
LLAMA_LABEL = "archiv.lab.llama-cpp"
PULL_TIMEOUT = 1800
BUILD_TIMEOUT = 1800
SMOKE_TIMEOUT = 90

Log = Callable[[str], None]


def recipe(version: str = OLLAMA_VERSION) -> str:
    """Everything we decide about the image; what it is made from moves on and is in its label."""
    ldflags = LDFLAGS.format(version=version)
    return "\n".join([UPSTREAM, MODULE, ldflags, SUITE, *BASE_OPTIONS, DOCKERFILE.read_text()])


def build_ollama_image(tag: str, version: str = OLLAMA_VERSION, log: Log = print) -> None:
    """Have Ollama of this version under this tag; nothing has the tag until it is proven to work."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    LOG.write_bytes(b"")
    upstream = f"{UPSTREAM}:{version}"
    log(f"    pulling {upstream}")
    if pull(upstream):
        run(["docker", "tag", upstream, tag])
        return
    log("    no image registry answers: building Ollama with Go and llama.cpp from Debian")
    candidate = tag.rpartition(":")[0] + ":unproven"
    with tempfile.TemporaryDirectory(prefix="archiv-lab-") as folder:
        build(candidate, version, Path(folder), log)
        smoke(candidate, version, Path(folder), log)
    run(["docker", "tag", candidate, tag])
    run(["docker", "rmi", candidate])


def llama_cpp_version(tag: str) -> str:
    """The version of llama.cpp in an image of ours; empty for a pulled one, which has its own."""
    form = f'{{{{index .Config.Labels "{LLAMA_LABEL}"}}}}'
    return run(["docker", "image", "inspect", "-f", form, tag]).strip()


def pull(image: str) -> bool:
    try:
        run(["docker", "pull", image], timeout=PULL_TIMEOUT)
    except LabError:
        return False
    return True


def build(tag: str, version: str, folder: Path, log: Log) -> None:
    context = folder / "context"
    context.mkdir()
    log(f"    compiling Ollama {version}")
    compile_ollama(version, context)
    log(f"    making a base of Debian {SUITE} with {LLAMA_PACKAGE}")
    base = tag.rpartition(":")[0] + ":base"
    make_base(base, folder / "base.tar")
    llama = run(["docker", "run", "--rm", base, "dpkg-query", "-W", "-f", "${Version}", LLAMA_PACKAGE])
    options = ["--label", f"{LLAMA_LABEL}={llama}", "--build-arg", f"BASE={base}"]
    run(
        ["docker", "build", "-f", str(DOCKERFILE), "-t", tag, *options, str(context)],
        # Debian 12's client has no buildx, and says so in a warning with every build.
        env={"DOCKER_BUILDKIT": "0"},
    )
    run(["docker", "rmi", base])


def compile_ollama(version: str, target: Path) -> None:
    need_compilers()
    run(
        ["go", "install", "-ldflags", LDFLAGS.format(version=version), f"{MODULE}@v{version}"],
        env={
            "GOBIN": str(target),
            # Without this nobody but root can remove the module cache.
            "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
            "CGO_ENABLED": "1",
        },
    )


def need_compilers() -> None:
    engine.need("gcc", "gcc")
    engine.need("g++", "g++")
    engine.need("go", "golang-go")
    refusal = why_not_go(run(["go", "version"]))
    if refusal:
        raise LabError(refusal)


def why_not_go(version_line: str) -> str | None:
    """The sentence that says why this Go cannot build Ollama, or None."""
    found = re.search(r"go(\d+)\.(\d+)", version_line)
    if found and (int(found[1]), int(found[2])) >= MIN_GO:
        return None
    return (
        f"Go {MIN_GO[0]}.{MIN_GO[1]} or newer must be first on the PATH to build Ollama where its "
        f"image cannot be pulled, and there is {version_line.strip() or 'none'}; install a newer Go."
    )


def make_base(tag: str, archive: Path) -> None:
    engine.need("mmdebstrap", "mmdebstrap")
    mirror = debian_mirror(apt_sources(Path("/etc/apt")))
    run(["mmdebstrap", *BASE_OPTIONS, SUITE, str(archive), *([mirror] if mirror else [])])
    run(["docker", "import", str(archive), tag])
    archive.unlink()


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


def smoke(tag: str, version: str, folder: Path, log: Log) -> None:
    """Let the image answer with a tiny model: Debian's llama.cpp is not the one Ollama was made for."""
    log("    asking it one question")
    published = model.MODELS[0]
    store = folder / "store"
    model.install(model.build_model(published.seed), store / "models", published.repository, published.tag)
    ask = f"until ollama list; do sleep 0.1; done >/dev/null 2>&1; ollama run {published.name} hi"
    container = run(["docker", "create", "--network=none", f"--label={LABEL}={PREFIX}", tag]).strip()
    try:
        run(["docker", "cp", str(store), f"{container}:/root/.ollama"])
        run(["docker", "start", container])
        answer = run(["docker", "exec", container, "sh", "-c", ask], timeout=SMOKE_TIMEOUT)
        if not answer.strip():
            raise LabError(f"The image {tag} answered with no word.")
    except LabError as error:
        run(["docker", "logs", container])
        raise LabError(
            f"Ollama {version} does not work with {LLAMA_PACKAGE} {llama_cpp_version(tag)} of "
            f"Debian {SUITE} (its log is in {LOG}): set OLLAMA_VERSION in tests/lab/settings.py to "
            "a release made for that llama.cpp, or pull Ollama's own image where a registry answers."
        ) from error
    finally:
        run(["docker", "rm", "-f", container])


def run(command: list[str], timeout: float = BUILD_TIMEOUT, env: Mapping[str, str] | None = None) -> str:
    """Run a command, keep what it prints in the log, return what it prints to stdout."""
    if shutil.which(command[0]) is None:
        raise LabError(f"`{command[0]}` is missing; install it and run the same command again.")
    with LOG.open("ab") as log:
        log.write(f"+ {' '.join(command)}\n".encode())
        log.flush()
        try:
            done = subprocess.run(
                command,
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
