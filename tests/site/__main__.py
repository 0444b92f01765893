"""Builds the site of the docs: the pages of docs/ and the reference of roles and modules. `make docs`

A warning is an error: a link that leads nowhere, a reference to an input that is not there, broken markup.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
HOME = ROOT / ".lab/docs"
COLLECTION = "archiv.ollama"
TOOLS = Path(sys.executable).parent


def run(*command: str | Path) -> None:
    # antsibull-docs calls ansible and ansible-doc by their names.
    path = f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}"
    env = os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "PATH": path}
    subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=True)


def gather(source: Path) -> None:
    """Everything that Sphinx reads in one folder, made anew so that no page of an earlier run stays."""
    shutil.rmtree(HOME, ignore_errors=True)
    reference = source / "reference"
    reference.mkdir(parents=True, mode=0o700)
    shutil.copyfile(HERE / "index.md", source / "index.md")
    shutil.copytree(ROOT / "docs", source / "docs")
    options = ["--use-current", "--fail-on-error", "--squash-hierarchy", "--no-breadcrumbs"]
    run("antsibull-docs", "collection", *options, "--dest-dir", reference, COLLECTION)


def inventory(labels: str) -> bytes:
    """The labels of Ansible's documentation that ours refers to, as Sphinx keeps them; a line is label, page, title."""
    lines = [line.split(maxsplit=2) for line in labels.splitlines()]
    body = "".join(f"{name} std:label -1 {page}#{name.replace('_', '-')} {title}\n" for name, page, title in lines)
    head = (
        "Sphinx inventory version 2",
        "Project: Ansible",
        "Version:",
        "The remainder of this file is compressed using zlib.",
    )
    return "".join(f"# {line}\n" for line in head).encode() + zlib.compress(body.encode())


def main() -> int:
    source = HOME / "source"
    gather(source)
    (source / "ansible.inv").write_bytes(inventory((HERE / "ansible.txt").read_text()))
    html = HOME / "html"
    run("sphinx-build", "-q", "-W", "--keep-going", "-c", HERE, source, html)
    print(f"The site is in {html.relative_to(ROOT)}; open index.html there.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"docs: `{Path(error.cmd[0]).name}` failed; its reason stands above.")
