"""Prints the compose file a deploy would write to a host, without contacting it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ANSIBLE = Path(sys.executable).with_name("ansible")
ENTRY = "name=archiv.ollama.ollama_stack tasks_from=render"


class RenderError(Exception):
    """Nothing could be rendered; str() says why."""


def render(host: str, variables: dict[str, object], inventory: str = "inventory/lab") -> str:
    """The file for one host of an inventory, with some variables set as on the command line."""
    command = [str(ANSIBLE), host, "-i", inventory, "-m", "ansible.builtin.include_role", "-a", ENTRY]
    env = {
        **os.environ,
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
    }
    ended = subprocess.run(
        [*command, "-e", json.dumps(variables)], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False
    )
    try:
        document = json.loads(ended.stdout[ended.stdout.index("{") :])
    except ValueError:
        raise RenderError(ended.stderr.strip() or f"no host of {inventory} is named {host}") from None
    answers = [task["hosts"][host] for play in document["plays"] for task in play["tasks"] if host in task["hosts"]]
    if ended.returncode != 0 or not answers:
        raise RenderError(answers[-1]["msg"] if answers else f"no host of {inventory} is named {host}")
    return str(answers[-1]["msg"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make render", description=__doc__)
    parser.add_argument("host", help="a host of the inventory")
    parser.add_argument("variant", nargs="?", default="production", choices=["production", "dev"])
    parser.add_argument("--inventory", default="inventory/lab")
    arguments = parser.parse_args()
    try:
        print(render(arguments.host, {"ollama_stack_variant": arguments.variant}, arguments.inventory), end="")
    except RenderError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
