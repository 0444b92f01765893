# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version of this collection."""

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_version
short_description: Get the version of archiv.ollama
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Returns the version of the collection that runs, from its archive or its checkout.
"""

EXAMPLES = r"""
- name: Show the version
  ansible.builtin.debug:
    msg: "{{ lookup('archiv.ollama.collection_version') }}"
"""

RETURN = r"""
_raw:
  description: The version.
  type: list
  elements: str
"""

import typing as t

from ansible.plugins.lookup import LookupBase

from ansible_collections.archiv.ollama.plugins.plugin_utils._monitor import version


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any) -> list[str]:
        return [version()]
