#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin of this name takes; it has no part that runs on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: in_background
short_description: Run a module on a host by itself, and give up a host that is gone
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Runs another module as C(async) does, so that it goes on whatever becomes of the connection, and tells every 15
    seconds that it is at work.
  - Other than C(async), which waits for a host that has died as long as the task may take, it gives one up that could
    not be reached for three minutes, and notices when the module was taken by a reboot.
attributes:
  check_mode:
    support: full
    description: The module is run in check mode, and waited for.
  diff_mode:
    support: full
    description: The module's own.
options:
  module:
    description: The module's full name.
    type: str
    required: true
  args:
    description: What it is given.
    type: dict
    default: {}
  timeout:
    description: Seconds after which it is ended.
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
  description: V(gone) where the module has ended without a result; all else that is returned is the module's own.
  returned: failure
  type: str
  sample: gone
"""
