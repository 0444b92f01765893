# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The name of this controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: controller_name
short_description: Get the name of the controller
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Returns the host name of the machine that runs Ansible, without asking it for facts.
"""

EXAMPLES = r"""
- name: Show from where this is done
  ansible.builtin.debug:
    msg: "{{ lookup('archiv.ollama.controller_name') }}"
"""

RETURN = r"""
_raw:
  description: The name.
  type: list
  elements: str
"""

import socket
import typing as t

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """What Ansible loads."""

    def run(self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any) -> list[str]:
        return [socket.gethostname()]
