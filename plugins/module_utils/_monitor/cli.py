# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ollama-stack. Private."""

from __future__ import annotations

import argparse
import sys
import typing as t

from . import paths
from .state import StateError

OK, DIFFERS, USAGE, UNKNOWN, BUSY = 0, 1, 2, 3, 4


def main(words: t.Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args(words)
    try:
        code: int = arguments.run(arguments)
        return code
    except StateError as error:
        print(f"ollama-stack: {error}", file=sys.stderr)
        return DIFFERS
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ollama-stack")
    commands = parser.add_subparsers(dest="command", required=True)
    metrics = commands.add_parser("metrics")
    metrics.add_argument("--write", metavar="DIR", nargs="?", const=paths.TEXTFILE_DIR)
    metrics.set_defaults(run=_metrics)
    return parser


def _metrics(arguments: argparse.Namespace) -> int:
    from .keep import look_and_keep, look_once
    from .metrics import render
    from .state import write_textfile

    if not arguments.write:
        sys.stdout.write(render(*look_once()))
        return OK
    write_textfile(arguments.write, render(*look_and_keep()))
    return OK
