#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One read-only look at a stack, and one verdict with reasons."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_stack_info
short_description: Say whether a stack is as wanted, and if not, why
version_added: 1.0.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Compares a compose file, and what Compose makes of it, with what is on the host, in one call and without changing anything.
  - A host without Docker, or without anything of the stack, gets a verdict like any other.
attributes:
  check_mode:
    support: full
    description: It never changes anything.
  diff_mode:
    support: none
    description: Whether it shows what would change.
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  dir:
    description: Folder of the stack on the host.
    type: path
    required: true
  files:
    description: The files of the stack; the first is the compose file.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Where it lies below O(dir).
        type: str
        required: true
      content:
        description: What it must contain.
        type: str
        required: true
      mode:
        description: Its mode in octal digits.
        type: str
        default: "0644"
  wait:
    description: Seconds to look again and again, as long as O(wait_for) asks for it.
    type: int
    default: 0
  wait_for:
    description:
      - With V(settled), looks again while nothing but time is needed, such as a container that is still starting.
      - With V(clean), looks again until nothing is left to mend.
    type: str
    choices:
      - settled
      - clean
    default: settled
"""

EXAMPLES = r"""
- name: See whether anything is to be done
  archiv.ollama.ollama_stack_info:
    project: archiv
    dir: /opt/archiv
    files:
      - path: docker-compose.prod.yml
        content: "{{ lookup('ansible.builtin.template', 'docker-compose.prod.yml.j2') }}"
  register: verdict
"""

RETURN = r"""
clean:
  description: Whether everything is as wanted.
  returned: always
  type: bool
reasons:
  description: Each thing that is not, with its kind, its subject, why, and the action that mends it.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: container_missing
      subject: backend
      why: it has no container
      action: create
report:
  description: The same in lines for a person.
  returned: always
  type: list
  elements: str
orphans:
  description: Containers of the project that the compose file does not name.
  returned: always
  type: list
  elements: str
foreign:
  description: What a person made and a deploy would take over.
  returned: always
  type: list
  elements: str
engine:
  description: Whether Docker and Compose answer and take the file.
  returned: always
  type: bool
services:
  description: The containers of the project.
  returned: always
  type: list
  elements: dict
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils import _observe, _stack

LOOK_AGAIN_SECONDS = 1.0


def look(params: t.Mapping[str, t.Any]) -> tuple[list[_stack.Reason], dict[str, t.Any]]:
    """One look, judged, with the logs of what does not run as it should."""
    seen, engine = _observe.observe(params["project"], params["dir"], params["files"])
    reasons = _stack.judge_stack(seen)
    return reasons, _stack.write_verdict(params["project"], seen, reasons)


def main() -> None:
    file = {
        "path": {"type": "str", "required": True},
        "content": {"type": "str", "required": True},
        "mode": {"type": "str", "default": "0644"},
    }
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "dir": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "dict", "required": True, "options": file},
            "wait": {"type": "int", "default": 0},
            "wait_for": {"type": "str", "choices": ["settled", "clean"], "default": "settled"},
        },
        supports_check_mode=True,
    )
    deadline = time.monotonic() + module.params["wait"]
    reasons, verdict = look(module.params)
    while reasons and time.monotonic() < deadline:
        if module.params["wait_for"] == "settled" and not _stack.only_waiting(reasons):
            break
        time.sleep(LOOK_AGAIN_SECONDS)
        reasons, verdict = look(module.params)
    module.exit_json(changed=False, **verdict)


if __name__ == "__main__":
    main()
