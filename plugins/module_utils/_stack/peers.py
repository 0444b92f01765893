# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this host's gate shows to its peers: whether it is there, and the way to it. Private."""

from __future__ import annotations

import os
import typing as t

# The gate's key and certificate, in the folder of the stack.
CERTIFICATE = ".archiv/gate/own.pem"


def is_certified(inputs: t.Mapping[str, t.Any]) -> bool | None:
    """Whether the gate can show its peers a certificate; None where it has none."""
    folder = str(inputs.get("ollama_stack_dir") or "")
    if not folder or not inputs.get("ollama_stack_peers"):
        return None
    return os.path.isfile(os.path.join(folder, CERTIFICATE))


def refuse_uncertified(inputs: t.Mapping[str, t.Any], certified: bool | None) -> t.Iterator[str]:
    if certified is not False:
        return
    way = (
        "put its certificate of your authority and its key there, in one file with mode 0400 and owner 99"
        if inputs.get("ollama_stack_peers_ca_file")
        else "run `ansible-playbook archiv.ollama.peers` for it, then deploy again"
    )
    folder = inputs.get("ollama_stack_dir", "")
    yield f"ollama_stack_peers: this host has no certificate of its own, {folder}/{CERTIFICATE}: {way}"
