"""An older Ollama, for upgrades and ways back: pulled where a registry answers, else built with its own llama.cpp."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.lab import engine
from tests.lab.ollama_image import DOCKERFILE, LDFLAGS, MODULE, UPSTREAM, pull, smoke
from tests.lab.parts import ANY_AGE, Log, docker_build, go, mmdebstrap, need_go, run, unproven
from tests.lab.settings import OLD_OLLAMA_VERSION

# Headers that a module's archive does not hold, because Go leaves out folders that are called vendor.
HEADERS = ("nlohmann-json3-dev", "libstb-dev", "libminiaudio-dev")
HEADERS_SUITE = "trixie"
# The controller's compiler links against libraries that are as old or older than those of this release. Inference is
# compiled in, so that no llama-server is needed; the links to it in our Dockerfile lead nowhere.
BASE_OPTIONS = ("--variant=minbase", ANY_AGE, "--include=ca-certificates,libstdc++6,libgomp1")


def recipe() -> str:
    """Everything we decide about the image."""
    ldflags = LDFLAGS.format(version=OLD_OLLAMA_VERSION)
    return "\n".join([UPSTREAM, MODULE, ldflags, HEADERS_SUITE, *HEADERS, *BASE_OPTIONS, DOCKERFILE.read_text()])


def build_old_ollama_image(tag: str, log: Log = print) -> None:
    """Have the older Ollama under this tag; nothing has the tag until it is proven to work."""
    upstream = f"{UPSTREAM}:{OLD_OLLAMA_VERSION}"
    log(f"    pulling {upstream}")
    if pull(upstream):
        run(["docker", "tag", upstream, tag])
        return
    log("    no image registry answers: building it with Go, which takes some minutes")
    candidate = unproven(tag)
    with tempfile.TemporaryDirectory(prefix="archiv-lab-") as temporary:
        folder = Path(temporary)
        context = folder / "context"
        context.mkdir()
        compile_old_ollama(folder / "headers", context)
        base, archive = f"{tag}-base", folder / "base.tar"
        mmdebstrap(BASE_OPTIONS, archive)
        run(["docker", "import", str(archive), base])
        docker_build(DOCKERFILE, context, candidate, ["--build-arg", f"BASE={base}"])
        run(["docker", "rmi", base])
        smoke(candidate, OLD_OLLAMA_VERSION, folder, log)
    run(["docker", "tag", candidate, tag])
    run(["docker", "rmi", candidate])


def compile_old_ollama(headers: Path, target: Path) -> None:
    engine.need("gcc", "gcc")
    engine.need("g++", "g++")
    need_go()
    mmdebstrap(("--variant=extract", ANY_AGE, f"--include={','.join(HEADERS)}"), headers, HEADERS_SUITE)
    include = headers / "usr/include"
    # In Ollama's own tree it has a folder of its own.
    (include / "miniaudio").mkdir(exist_ok=True)
    shutil.copy(include / "miniaudio.h", include / "miniaudio/miniaudio.h")
    go(
        ["install", "-ldflags", LDFLAGS.format(version=OLD_OLLAMA_VERSION), f"{MODULE}@v{OLD_OLLAMA_VERSION}"],
        env={"GOBIN": str(target), "CGO_ENABLED": "1", "CGO_CPPFLAGS": f"-I{include}"},
    )
