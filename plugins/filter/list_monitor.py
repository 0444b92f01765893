# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What watches a host, as a look compares it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: list_monitor
short_description: List what watches a host with its SHA-256
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Lists the package of this collection's code that runs on a host, the given files, and the links by which systemd
    starts their units.
positional: folder
extends_documentation_fragment:
  - archiv.ollama._options.package
"""

EXAMPLES = r"""
- name: Look whether it is on the host
  archiv.ollama.ollama_stack_info:
    project: archiv
    dir: /opt/archiv
    models: []
    files: "{{ files_of_the_stack }}"
    installed: "{{ files | archiv.ollama.list_monitor('/usr/local/lib/ollama-stack') }}"
"""

RETURN = r"""
_value:
  description: Each path with its SHA-256, as O(archiv.ollama.ollama_stack_info#module:installed) takes them.
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.archiv.ollama.plugins.plugin_utils._monitor import list_installed


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"list_monitor": list_installed}
