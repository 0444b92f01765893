# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock file of the models, read in the one form in which it is written."""

from __future__ import annotations

DOCUMENTATION = r"""
name: read_lock
short_description: Read the lock file of the models
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Reads what C(playbooks/lock.yml) writes, and nothing else.
  - A conflict that a merge left in the file must not unbind a model, so a file in any other form is an error.
positional: path
options:
  _input:
    description: The text of the file; empty where there is none.
    type: str
    required: true
  path:
    description: Where the file is, for the error.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show which models are bound
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'lock.yml') | archiv.ollama.read_lock('lock.yml') }}"
"""

RETURN = r"""
_value:
  description: The digest of each model by its name.
  type: dict
"""

import re
import typing as t

from ansible.errors import AnsibleFilterError

_ENTRY = re.compile(r'- name: (\S+)\n  digest: "?(sha256:[0-9a-f]{64})"?(?:\n|$)')
_BESIDE = re.compile(r"(?:#.*)?(?:\n|$)")


def read_lock(text: str, path: str) -> dict[str, str]:
    """The digest of each model by its name."""
    found, place = {}, 4 if re.match(r"---(?:\n|$)", text) else 0
    while place < len(text):
        entry = _ENTRY.match(text, place)
        match = entry or _BESIDE.match(text, place)
        if match is None:
            raise AnsibleFilterError(
                f"ollama_stack_lock_file {path} is not in the format of playbooks/lock.yml, a list of"
                ' "- name: MODEL" and below it "  digest: sha256:...": correct it, or remove it and run'
                " playbooks/lock.yml"
            )
        if entry:
            found[entry.group(1).strip("\"'")] = entry.group(2)
        place = match.end()
    return found


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"read_lock": read_lock}
