# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `metrics`. Private."""

from __future__ import annotations

import argparse
import sys

from .keep import look_and_keep, look_once
from .metrics import render
from .state import write_textfile


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack metrics`; the exit code. A host in trouble is what metrics are for, so that is no failure."""
    if arguments.write:
        look_and_keep(lambda facts, state: write_textfile(arguments.write, render(facts, state)))
    else:
        sys.stdout.write(render(*look_once()))
    return 0
