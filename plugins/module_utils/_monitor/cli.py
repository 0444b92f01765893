# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ollama-stack. Private.

Each command imports what it needs, because `metrics` is run by a timer and must not wait for the rest.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import typing as t

from . import paths
from .state import StateError

OK, DIFFERS = 0, 1
_ABOUT = """\
Tells how the archive's stack on this host is: its containers, its models and their memory.
It changes nothing but its own state in /var/lib/archiv-ollama."""
_ENDS = """\
exit codes:
  0  all is as wanted
  1  something is not as wanted, or a file could not be written
  2  wrong usage
  3  cannot tell: no wanted.json, or the Docker Engine does not answer
  4  another scrub is running, or this one was stopped and goes on the next time

Run it as root. What is wanted stands in /var/lib/archiv-ollama/wanted.json, which a deploy writes."""


def main(words: t.Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = make_parser().parse_args(words)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Its reader has ended, as in `ollama-stack history | head`; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except StateError as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}; run this as root, and check the file system")
    except Exception as error:
        # A timer's log and an operator get a sentence; who wants to mend it sets ARCHIV_DEBUG.
        if os.environ.get("ARCHIV_DEBUG"):
            raise
        return _fail(
            f"{arguments.command} failed with an unexpected {type(error).__name__}: {error}; please report it with"
            " the output of the same command with ARCHIV_DEBUG=1 set"
        )


def _run(arguments: argparse.Namespace) -> int:
    # By its name, because a command must not load what another one needs.
    module = importlib.import_module(f".{arguments.module}", __package__)
    code: int = module.run(arguments)
    sys.stdout.flush()
    return code


def _fail(sentence: str) -> int:
    print(f"ollama-stack: {sentence}", file=sys.stderr)
    return DIFFERS


def make_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = argparse.ArgumentParser(
        prog="ollama-stack", description=_ABOUT, epilog=_ENDS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"ollama-stack {_version()}")
    # Without the two that only the role and a unit call.
    shown = "{status,verify,scrub,metrics,history,doctor}"
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _add_looks(commands)
    _add_store(commands)
    _add_internal(commands)
    commands.metavar = shown
    return parser


def _add(commands: t.Any, name: str, module: str, about: str, more: str = "") -> argparse.ArgumentParser:
    """One command; about is its line in the list."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}. {more}".strip()
    )
    command.set_defaults(module=module)
    return command


def _add_looks(commands: t.Any) -> None:
    status = _add(commands, "status", "status", "show how everything is, as a table")
    status.add_argument("--json", action="store_true", help="as JSON, for programs")
    status.add_argument("--watch", action="store_true", help="again every 5 seconds, until Ctrl-C")
    doctor = _add(commands, "doctor", "doctor", "show what is wrong, why, and the command that mends it")
    doctor.add_argument("--json", action="store_true", help="as JSON, for programs")
    shown = _add(commands, "history", "history", "show what has happened, the newest first")
    shown.add_argument("-n", type=_count, default=20, metavar="N", dest="most", help="so many lines (default: 20)")
    shown.add_argument("--json", action="store_true", help="a line of JSON each, for programs")
    metrics = _add(
        commands,
        "metrics",
        "metrics_command",
        "print the metrics, or write them for node_exporter",
        "No token is asked of a model, and nothing is run in a container.",
    )
    metrics.add_argument(
        "--write",
        metavar="DIR",
        nargs="?",
        const=paths.TEXTFILE_DIR,
        help=f"write {paths.TEXTFILE} into this folder (default: {paths.TEXTFILE_DIR}), and keep counters and history",
    )


def _add_store(commands: t.Any) -> None:
    verify = _add(
        commands,
        "verify",
        "verify",
        "check everything, and ask each warm model for one token",
        "Bytes of models count as verified by their receipts.",
    )
    verify.add_argument("--full", action="store_true", help="hash all bytes of all wanted models")
    scrub = _add(
        commands,
        "scrub",
        "scrub",
        "hash all models as the disk has them, past the page cache",
        "It goes on where the last one was stopped.",
    )
    scrub.add_argument("--progress", action="store_true", help="show a bar, if the errors go to a terminal")


def _add_internal(commands: t.Any) -> None:
    record = commands.add_parser("record", description="Write a line into the history; a deploy does it by itself.")
    record.set_defaults(module="records")
    record.add_argument("event", choices=("deploy", "verify", "rollback", "return"))
    record.add_argument("--result", choices=("ok", "failed"), required=True)
    record.add_argument("--who", default="", help="a login and the address it came from")
    record.add_argument("--subject", default="", help="what it was about")
    record.add_argument("--what", default="", help="what was changed")
    record.add_argument(
        "--answer", type=_answer, action="append", default=[], metavar="MODEL=SECONDS", help="how long a token took"
    )
    mark = commands.add_parser("mark", description="The mark of a clean shutdown; a unit does it by itself.")
    mark.set_defaults(module="mark")
    mark.add_argument("when", choices=("start", "stop"), help="before Docker starts, after it has stopped")


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 2000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 2000")
    return int(text)


def _answer(text: str) -> tuple[str, float]:
    from .records import read_answer

    return read_answer(text)


def _version() -> str:
    package = importlib.import_module("..", __package__)
    return str(getattr(package, "VERSION", "of an unknown version"))
