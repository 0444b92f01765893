"""Makes the pictures of README.md from a real run: a first deploy to a host made anew, then verify. `make pictures`"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.lab import engine, hosts, images, network, registry
from tests.lab.settings import LAB_HOSTS, ROOT, LabError, host_image

HOST = "staging-1"
PICTURES = ROOT / "docs/pictures"
RUNS = {
    "deploy": "ansible-playbook playbooks/deploy.yml -l staging",
    "verify": "ansible-playbook playbooks/verify.yml -l staging",
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")
WIDTH = 116
# No font is fetched: every line has its width in the picture, so any font of one width will do.
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px monospace }}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def told(output: str) -> str:
    """Without the tasks that only include the next file: they name a folder of this machine and do nothing."""
    blocks = re.split(r"\n{2,}", output.strip("\n"))
    return "\n\n".join(block for block in blocks if "included: " not in ANSI.sub("", block).partition("\n")[2])


def svg(name: str, command: str, output: str) -> str:
    """What a terminal would show of it, colours included."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold"), (command, "bold")))
    console.print(Text.from_ansi(told(output)))
    return console.export_svg(title=command, code_format=FRAME, unique_id=name)


def fresh_host() -> None:
    """The host without anything on it, so that the deploy is a first one."""
    client = engine.ensure()
    image = host_image()
    images.ensure_all(client, image)
    registry.ensure(client)
    hosts.ensure_key()
    hosts.remove(client, HOST)
    address = network.address(network.ensure(client), LAB_HOSTS[HOST])
    hosts.ensure(client, HOST, address, ROOT / "inventory" / "lab", image)


def run(command: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "ANSIBLE_NOCOLOR")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    env = kept | {"ANSIBLE_FORCE_COLOR": "true", "PATH": path}
    ended = subprocess.run(command.split(), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise LabError(f"`{command}` failed, so there is nothing to show:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def main() -> int:
    try:
        fresh_host()
        shown = {name: svg(name, command, run(command)) for name, command in RUNS.items()}
    except LabError as error:
        print(f"pictures: {error}", file=sys.stderr)
        return 1
    PICTURES.mkdir(exist_ok=True)
    for name, text in shown.items():
        (PICTURES / f"{name}.svg").write_text(text)
        print(f"docs/pictures/{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
