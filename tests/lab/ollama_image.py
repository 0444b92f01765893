"""The Ollama image: pulled where a registry answers, else the same program built from its parts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.lab import engine, model
from tests.lab.parts import ANY_AGE, LOG, SUITE, Log, docker_build, go, mmdebstrap, need_go, run, unproven
from tests.lab.settings import IMAGES_DIR, LABEL, OLLAMA_VERSION, PREFIX, LabError

UPSTREAM = "ollama/ollama"
MODULE = "github.com/ollama/ollama"
LDFLAGS = f"-s -w -X {MODULE}/version.Version={{version}} -X {MODULE}/server.mode=release"
# Ollama runs models in llama.cpp's server since 0.30; the first Debian release with it is the next one.
LLAMA_PACKAGE = "llama.cpp-tools"
BASE_OPTIONS = ("--variant=minbase", ANY_AGE, f"--include=ca-certificates,{LLAMA_PACKAGE}")
DOCKERFILE = IMAGES_DIR / "ollama" / "Dockerfile"
LLAMA_LABEL = "archiv.lab.llama-cpp"
PULL_TIMEOUT = 1800
SMOKE_TIMEOUT = 90


def recipe(version: str = OLLAMA_VERSION) -> str:
    """Everything we decide about the image; what it is made from moves on and is in its label."""
    ldflags = LDFLAGS.format(version=version)
    return "\n".join([UPSTREAM, MODULE, ldflags, SUITE, *BASE_OPTIONS, DOCKERFILE.read_text()])


def build_ollama_image(tag: str, version: str = OLLAMA_VERSION, log: Log = print) -> None:
    """Have Ollama of this version under this tag; nothing has the tag until it is proven to work."""
    upstream = f"{UPSTREAM}:{version}"
    log(f"    pulling {upstream}")
    if pull(upstream):
        run(["docker", "tag", upstream, tag])
        return
    log("    no image registry answers: building Ollama with Go and llama.cpp from Debian")
    candidate = unproven(tag)
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
    base = f"{tag}-base"
    make_base(base, folder / "base.tar")
    llama = run(["docker", "run", "--rm", base, "dpkg-query", "-W", "-f", "${Version}", LLAMA_PACKAGE])
    options = ["--label", f"{LLAMA_LABEL}={llama}", "--build-arg", f"BASE={base}"]
    docker_build(DOCKERFILE, context, tag, options)
    run(["docker", "rmi", base])


def compile_ollama(version: str, target: Path) -> None:
    engine.need("gcc", "gcc")
    engine.need("g++", "g++")
    need_go()
    go(
        ["install", "-ldflags", LDFLAGS.format(version=version), f"{MODULE}@v{version}"],
        env={"GOBIN": str(target), "CGO_ENABLED": "1"},
    )


def make_base(tag: str, archive: Path) -> None:
    mmdebstrap(BASE_OPTIONS, archive)
    run(["docker", "import", str(archive), tag])
    archive.unlink()


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
