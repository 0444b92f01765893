# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What watches a host, packed for one transfer."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pack_monitor
short_description: Pack what watches a host
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Packs the package of this collection's code that runs on a host, and the given files.
positional: folder
extends_documentation_fragment:
  - archiv.ollama._options.package
"""

EXAMPLES = r"""
- name: Install what watches the host
  archiv.ollama.ollama_monitor:
    parcel: "{{ files | archiv.ollama.pack_monitor('/usr/local/lib/ollama-stack') }}"
"""

RETURN = r"""
_value:
  description: What O(archiv.ollama.ollama_monitor#module:parcel) takes.
  type: str
"""

import typing as t

from ansible_collections.archiv.ollama.plugins.plugin_utils._monitor import pack


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pack_monitor": pack}
