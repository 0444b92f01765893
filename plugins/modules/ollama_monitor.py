#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs what watches a host between deploys, or removes it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_monitor
short_description: Install or remove what watches a host between deploys
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Puts the command C(ollama-stack), its package, its units and its man page on a host and starts the units.
  - All of it comes in one transfer. The package is written, compiled and checked beside the old one and takes its place
    by a rename, so that nobody runs half of one. Everything belongs to root, and nobody else can write to it.
  - It is what the role P(archiv.ollama.ollama_monitor#role) calls, and little use without it.
attributes:
  check_mode:
    support: full
    description: Reports what it would install, start or remove.
  diff_mode:
    support: full
    description: Shows the text of files, and of the package a line for each file.
options:
  state:
    description:
      - V(present) installs what differs and starts the units that have C(WantedBy).
      - V(absent) stops the units and removes O(paths). C(/var/lib/archiv-ollama), which holds the history and the
        receipts, is kept, and RV(kept) says so.
    type: str
    choices: [present, absent]
    default: present
  parcel:
    description: What to install, as P(archiv.ollama.pack_monitor#filter) packs it.
    type: str
  folders:
    description:
      - Folders that it needs, each with its mode. One that exists keeps its own mode, unless O(folders[].mode) is for
        root alone.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: path
        required: true
      mode:
        description: Its mode in octal digits.
        type: str
        default: "0755"
  paths:
    description: What to remove.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Install what watches the host
  archiv.ollama.ollama_monitor:
    parcel: "{{ files | archiv.ollama.pack_monitor('/usr/local/lib/ollama-stack') }}"

- name: Remove it
  archiv.ollama.ollama_monitor:
    state: absent
    paths:
      - /usr/local/lib/ollama-stack
      - /usr/local/bin/ollama-stack
"""

RETURN = r"""
paths:
  description: What was written, made or removed, or would be.
  returned: success
  type: list
  elements: str
  sample: [/usr/local/bin/ollama-stack]
started:
  description: The units that were started or read again, or would be.
  returned: success
  type: list
  elements: str
  sample: [ollama-stack-metrics.timer]
kept:
  description: What was left on the host with O(state=absent).
  returned: success
  type: list
  elements: str
  sample: [/var/lib/archiv-ollama]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import bounded
from ansible_collections.archiv.ollama.plugins.module_utils._entry.monitor import install, read_parcel, uninstall
from ansible_collections.archiv.ollama.plugins.module_utils._entry.placing import PlacingError
from ansible_collections.archiv.ollama.plugins.module_utils._entry.units import UnitError

FOLDER = {"path": {"type": "path", "required": True}, "mode": {"type": "str", "default": "0755"}}
ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    # No secret, but nobody wants to read it in a log.
    "parcel": {"type": "str", "no_log": True},
    "folders": {"type": "list", "elements": "dict", "default": [], "options": FOLDER},
    "paths": {"type": "list", "elements": "path", "default": []},
}
MOST_SECONDS = 300.0


def main() -> None:
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["parcel"]), ("state", "absent", ["paths"])],
    )
    params, check = module.params, module.check_mode
    with bounded(MOST_SECONDS, lambda kind, sentence: module.fail_json(msg=sentence, kind=kind)):
        try:
            if params["state"] == "present":
                result = install(read_parcel(params["parcel"]), params["folders"], check)
            else:
                result = uninstall(params["paths"], check)
        except (PlacingError, UnitError) as error:
            module.fail_json(msg=str(error))
    module.exit_json(**result.as_dict())


if __name__ == "__main__":
    main()
