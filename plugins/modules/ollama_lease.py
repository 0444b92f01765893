#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes, renews and ends the lease by which one run at a time works on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_lease
short_description: Hold the lease by which one run at a time works on a host
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - A lease is a note on the host that says who works on it, from where and since when. It is in force for 60 seconds
    after each renewal, and ends with every boot, so that an interrupted run keeps the next one from its work for a
    minute at most.
  - A second run waits for a lease that nobody renews, and then takes it over and says whose it was. It fails with a
    sentence as soon as the lease is renewed, because its holder lives.
  - The note is the file C(PROJECT.lease) in O(folder), which only root can read. Its end is counted on the clock that
    starts with the boot, which nobody can set.
  - It is what the roles of this collection call, and little use without them. While they hold a lease,
    M(archiv.ollama.in_background), M(archiv.ollama.ollama_model) and M(archiv.ollama.ollama_stack_info) renew it from
    the controller every 15 seconds.
attributes:
  check_mode:
    support: full
    description: No lease is taken, renewed or ended.
  diff_mode:
    support: none
    description: A lease is no part of what is on a host.
options:
  state:
    description:
      - V(held) takes the lease, or renews the one named by O(id).
      - V(released) ends the one named by O(id), and nobody else's.
    type: str
    choices: [held, released]
    default: held
  project:
    description: The Compose project to work on.
    type: str
    required: true
  host:
    description: How messages call the host.
    type: str
    default: this host
  id:
    description: What RV(id) was when the lease was taken.
    type: str
    default: ''
  user:
    description: Who works on the host.
    type: str
    default: somebody
  controller:
    description: From where.
    type: str
    default: an unknown controller
  doing:
    description: What is done, in a word that follows C(is being).
    type: str
    default: deployed
  folder:
    description: Where the lease is, below a folder that every boot empties.
    type: path
    default: /run/archiv-ollama
  docker_host:
    description: The Docker Engine that is asked when O(services) did not serve.
    type: str
    default: unix:///var/run/docker.sock
  services:
    description: With O(state=released), the services of which RV(refused) tells how long they did not serve.
    type: list
    elements: str
    default: []
  ago:
    description: How many seconds before now RV(refused) begins to count; V(0) is since the lease was taken.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Take the lease
  archiv.ollama.ollama_lease:
    project: archiv
    user: "{{ lookup('ansible.builtin.env', 'USER') }}"
  register: lease

- name: End it
  archiv.ollama.ollama_lease:
    state: released
    project: archiv
    id: "{{ lease.id }}"
"""

RETURN = r"""
id:
  description: What names this lease; empty in check mode and with O(state=released).
  returned: success
  type: str
  sample: 9f3c52aa01b7d6e4
project:
  description: The Compose project that it is for.
  returned: with O(state=held)
  type: str
  sample: archiv
folder:
  description: Where it is.
  returned: with O(state=held)
  type: str
  sample: /run/archiv-ollama
user:
  description: Who holds it.
  returned: with O(state=held)
  type: str
  sample: anna
controller:
  description: From where.
  returned: with O(state=held)
  type: str
  sample: admin-1
since:
  description: When it was taken, in seconds since 1970.
  returned: with O(state=held)
  type: float
  sample: 1795824184.25
seconds:
  description: How long it is in force without another renewal.
  returned: with O(state=held)
  type: float
  sample: 60
waited:
  description: Whether another lease was in force, so that what was seen of the host before may be no longer true.
  returned: with O(state=held)
  type: bool
  sample: false
took_over:
  description: Whose run was interrupted, in a sentence; empty if none was.
  returned: with O(state=held)
  type: str
  sample: ''
refused:
  description:
    - Seconds in which at least one of O(services) did not serve, from the events of Docker Engine; from the end of its
      container until another is healthy, or started where nothing checks its health.
    - Null where O(services) is empty, or the Engine has forgotten a part of that time.
  returned: with O(state=released)
  type: float
  sample: 3.4
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import DEFAULT_HOST, find_remote
from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import bounded
from ansible_collections.archiv.ollama.plugins.module_utils._entry.lease import LeaseOptions, hold, release
from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease_file import FOLDER, LeaseError

ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
    "project": {"type": "str", "required": True},
    "host": {"type": "str", "default": "this host"},
    "id": {"type": "str", "default": ""},
    "user": {"type": "str", "default": "somebody"},
    "controller": {"type": "str", "default": "an unknown controller"},
    "doing": {"type": "str", "default": "deployed"},
    "folder": {"type": "path", "default": FOLDER},
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "services": {"type": "list", "elements": "str", "default": []},
    "ago": {"type": "float", "default": 0},
}
# A minute of waiting, and the locks.
MOST_SECONDS = 150.0


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = dict(module.params)
    mistakes = find_remote(params["docker_host"])
    if "/" in params["project"] or not params["project"]:
        mistakes.append(f"project is {params['project']!r}, and must be the name of a Compose project")
    if mistakes:
        module.fail_json(msg="; ".join(mistakes))
    held = params.pop("state") == "held"
    if module.check_mode:
        module.exit_json(changed=False, id="")
    result: dict[str, t.Any] = {}
    with bounded(MOST_SECONDS, lambda kind, sentence: module.fail_json(msg=sentence, kind=kind)):
        try:
            options = LeaseOptions(**params)
            result = hold(options).as_dict() if held else release(options)
        except LeaseError as error:
            module.fail_json(msg=str(error), kind="lease")
    if result.get("took_over"):
        module.warn(result["took_over"])
    # A note that ends by itself is no change of the host.
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
