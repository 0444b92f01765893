# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command `doctor`: what is wrong on this host, why, and the one command that mends it. Private."""

from __future__ import annotations

import argparse
import json

from .judged import judge_host
from .status import to_document
from .table import headline, write_reasons


def run(arguments: argparse.Namespace) -> int:
    """`ollama-stack doctor`; the exit code."""
    judged = judge_host()
    document = to_document(judged)
    if arguments.json:
        print(json.dumps(document["reasons"], indent=1))
        return judged.code
    print(headline(document))
    if judged.troubles:
        print(f"\n{write_reasons(document['reasons'])}")
    return judged.code
