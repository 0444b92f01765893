#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the action plugin of this name; there is no part that runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: in_background
short_description: Run a module in the background on a host, and give up on a host that is gone
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Runs another module as C(async) does, so that it continues when the connection is lost, and reports every 15
    seconds that it is running.
  - Unlike C(async), which waits for a dead host until the task times out, it gives up on a host that could
    not be reached for three minutes, and notices when a reboot ended the module.
  - In a role of this collection it renews the lease of M(archiv.ollama.ollama_lease) before the module and while that
    runs, and does not start the module where another run has taken the lease.
attributes:
  check_mode:
    support: full
    description: The module runs in check mode, in the foreground.
  diff_mode:
    support: full
    description: The module's own.
options:
  module:
    description: The module's full name.
    type: str
    required: true
  args:
    description: The module's arguments.
    type: dict
    default: {}
  timeout:
    description: Seconds after which the module is stopped.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Bring a stack up, however long its images take
  archiv.ollama.in_background:
    module: community.docker.docker_compose_v2
    args:
      project_src: /opt/archiv
    timeout: 3600
"""

RETURN = r"""
kind:
  description: V(gone) if the module has ended without a result; all other return values are those of the module.
  returned: failure
  type: str
  sample: gone
"""
