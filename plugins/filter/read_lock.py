# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock file of models and images, read in the one form in which it is written."""

from __future__ import annotations

DOCUMENTATION = r"""
name: read_lock
short_description: Read the lock file of models and images
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Reads what C(playbooks/lock.yml) writes, and nothing else.
  - A conflict that a merge left in the file must not unbind a name, so a file in any other form is an error.
  - An image may be there several times; each of these digests will do.
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
    msg: "{{ (lookup('ansible.builtin.file', 'lock.yml') | archiv.ollama.read_lock('lock.yml')).models }}"
"""

RETURN = r"""
_value:
  description: C(models) is the digest of each model by its name, C(images) are the digests of each image by its name.
  type: dict
  sample:
    models:
      qwen2.5:7b-instruct-q4_K_M: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e
    images:
      ollama/ollama:0.34.2:
        - sha256:5ea60385209ebb93416aab95b760821f35d281141f8038daa84f94dea40ec5e8
"""

import re
import typing as t

from ansible.errors import AnsibleFilterError

_ENTRY = re.compile(r'- (name|image): (\S+)\n  digest: "?(sha256:[0-9a-f]{64})"?(?:\n|$)')
_BESIDE = re.compile(r"(?:#.*)?(?:\n|$)")


def read_lock(text: str, path: str) -> dict[str, dict[str, t.Any]]:
    """The digest of each model and the digests of each image, by their names."""
    models: dict[str, t.Any] = {}
    images: dict[str, t.Any] = {}
    place = 4 if re.match(r"---(?:\n|$)", text) else 0
    while place < len(text):
        entry = _ENTRY.match(text, place)
        match = entry or _BESIDE.match(text, place)
        if match is None:
            raise AnsibleFilterError(
                f"ollama_stack_lock_file {path} is not in the format of playbooks/lock.yml, a list of"
                ' "- name: MODEL" or "- image: NAME" and below it "  digest: sha256:...": correct it, or remove it'
                " and run playbooks/lock.yml"
            )
        if entry:
            kind, quoted, digest = entry.groups()
            name = quoted.strip("\"'")
            if kind == "image":
                images.setdefault(name, []).append(digest)
            else:
                models[name] = digest
        place = match.end()
    return {"models": models, "images": images}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"read_lock": read_lock}
