#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps what a host served before, so that it can be had back without a registry."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_release
short_description: Keep what a host served before, and put it in reach again
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Records each switch of a stack as a release in C(.archiv/releases) of O(dir), with its files, its images and its
    models.
  - The images of kept releases are held by stopped containers, so that C(docker image prune) leaves them, and the
    models by a second name of each blob in the store.
  - Secrets are in no release. Each has a random id there, which changes when its value does.
  - It is what the role P(archiv.ollama.ollama_stack#role) calls, and little use without it.
attributes:
  check_mode:
    support: partial
    description: Whether it says what would change.
    details: Only O(state=listed) says anything then; nothing is changed.
  diff_mode:
    support: none
    description: What it keeps is shown when it is deployed.
options:
  state:
    description:
      - V(begun) opens a release before the switch, when all of it is on the disk, and flushes that.
      - V(good) says that what runs was verified, keeps what it needs, and lets go of older releases.
      - V(failed) says that it was not, saves the logs of its containers and decides whether it is taken back by itself.
        V(returned) says that it was.
      - V(ready) names the images of an earlier release as its compose file does, puts its models where an install finds
        them, and returns the rest. It fails if something is missing, and changes nothing then.
      - V(listed) shows all releases, and what a return to each would lack.
      - V(absent) lets go of all of them.
    type: str
    choices: [begun, good, failed, returned, ready, listed, absent]
    required: true
  project:
    description: Name of the Compose project.
    type: str
    required: true
  dir:
    description: Folder of the stack on the host.
    type: path
    required: true
  docker_host:
    description: The Engine's socket on this host.
    type: str
    default: unix:///var/run/docker.sock
  store:
    description: The models folder; without it the one in the project's volume.
    type: path
  receipts_dir:
    description: Where the proofs are that models were hashed.
    type: path
    default: /var/lib/archiv-ollama/receipts
  number:
    description:
      - With O(state=ready) the release to put back, V(0) for the one before what is there now.
      - With O(state=begun) the release whose content is switched to, V(0) for that of O(files).
    type: int
    default: 0
  keep:
    description: How many good releases are kept.
    type: int
    default: 2
  files:
    description:
      - The files of the stack, the compose file first. One without O(files[].content) is a secret and is not kept.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Its path below O(dir).
        type: str
        required: true
      content:
        description: What it contains.
        type: str
      sha256:
        description: The SHA-256 of what it contains, which is not kept.
        type: str
      mode:
        description: Its mode in octal digits.
        type: str
        default: "0644"
      owner:
        description: The uid that owns it.
        type: int
  note:
    description: What is wanted of the host, as the command C(ollama-stack) reads it.
    type: dict
    default: {}
  secrets:
    description: The names of the secrets.
    type: list
    elements: str
    default: []
  rotated:
    description: Those of O(secrets) whose value is a new one.
    type: list
    elements: str
    default: []
  served:
    description: Whether what is there answers as it should, so that a first release can be made of it.
    type: bool
    default: false
  reversible:
    description: Services with data whose switch can be taken back all the same.
    type: list
    elements: str
    default: []
  by:
    description: Who deploys, and from where.
    type: dict
    default: {}
  why:
    description: Why the switch failed.
    type: str
    default: ""
  lease:
    description:
      - The RV(archiv.ollama.ollama_lease#module:id) of the lease that this run holds. It is renewed first. Where it is
        lost nothing is done, as another run works on the host.
    type: str
    default: ""
  lease_folder:
    description: Where the lease is.
    type: path
    default: /run/archiv-ollama
  host:
    description: How messages call the host.
    type: str
    default: this host
"""

EXAMPLES = r"""
- name: Show the releases of a host
  archiv.ollama.ollama_release:
    state: listed
    project: archiv
    dir: /opt/archiv
  register: releases
"""

RETURN = r"""
number:
  description: The release that it is about; with O(state=listed) the one that a return leads to, V(0) if there is none.
  returned: success
  type: int
  sample: 3
parent:
  description: The last good release, V(0) if there is none.
  returned: with O(state=begun), O(state=good) and O(state=failed)
  type: int
returns:
  description:
    - Whether the last good release is to be put back at once, because the switch changed no container with data but
      those of O(reversible), and it was not itself a return.
  returned: with O(state=failed)
  type: bool
anew:
  description: Services with data whose containers are others than when the switch began.
  returned: with O(state=failed)
  type: list
  elements: str
logs:
  description: The folder with the logs of the containers that failed.
  returned: with O(state=failed)
  type: str
  sample: /opt/archiv/.archiv/releases/4/logs
files:
  description: The files of the release, each with its content.
  returned: with O(state=ready)
  type: list
  elements: dict
others:
  description: The services of the release that are not the role's, which a return leaves as they are.
  returned: with O(state=ready)
  type: list
  elements: str
release:
  description: The record of the release.
  returned: with O(state=ready)
  type: dict
rotated:
  description: Its secrets whose values have changed since; a return uses those of today.
  returned: with O(state=ready)
  type: list
  elements: str
listed:
  description: The records of all releases, each with C(lacks), what a return to it would have to download.
  returned: with O(state=listed)
  type: list
  elements: dict
releases:
  description: The numbers and states of what is kept.
  returned: success
  type: list
  elements: dict
kind:
  description:
    - "What ended it, in one word: V(release), V(lease), V(engine), V(store), V(deadline), V(disk), V(memory) or
      V(defect)."
  returned: failure
  type: str
  sample: release
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import (
    DEFAULT_HOST,
    EngineError,
    find_remote,
)
from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import bounded
from ansible_collections.archiv.ollama.plugins.module_utils._entry.release import ReleaseError, ReleaseOptions, run
from ansible_collections.archiv.ollama.plugins.module_utils._stack.lease_file import FOLDER, LeaseError
from ansible_collections.archiv.ollama.plugins.module_utils._store.disk import Unsafe
from ansible_collections.archiv.ollama.plugins.module_utils._store.lock import LockError
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import StoreError
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import DEFAULT_DIR, ReceiptsUnsafe

STATES = ["begun", "good", "failed", "returned", "ready", "listed", "absent"]
FILE = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str"},
    "sha256": {"type": "str", "no_log": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "int"},
}
ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "required": True, "choices": STATES},
    "project": {"type": "str", "required": True},
    "dir": {"type": "path", "required": True},
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "store": {"type": "path"},
    "receipts_dir": {"type": "path", "default": DEFAULT_DIR},
    "number": {"type": "int", "default": 0},
    "keep": {"type": "int", "default": 2},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
    "note": {"type": "dict", "default": {}},
    # Their names alone.
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "rotated": {"type": "list", "elements": "str", "default": []},
    "served": {"type": "bool", "default": False},
    "reversible": {"type": "list", "elements": "str", "default": []},
    "by": {"type": "dict", "default": {}},
    "why": {"type": "str", "default": ""},
    "lease": {"type": "str", "default": ""},
    "lease_folder": {"type": "path", "default": FOLDER},
    "host": {"type": "str", "default": "this host"},
}
MOST_SECONDS = 1800.0
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (ReleaseError, "release"),
    (LeaseError, "lease"),
    (EngineError, "engine"),
    (Unsafe, "store"),
)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    if module.check_mode and params["state"] != "listed":
        module.exit_json(changed=False)
    mistakes = find_remote(params["docker_host"])
    if mistakes:
        module.fail_json(msg="; ".join(mistakes), kind="engine")
    options = ReleaseOptions(
        directory=params["dir"],
        store=params["store"] or "",
        **{key: params[key] for key in ARGUMENTS if key not in ("dir", "store")},
    )
    with bounded(MOST_SECONDS, lambda kind, sentence: module.fail_json(msg=sentence, kind=kind)):
        try:
            result = run(options)
        except (ReleaseError, LeaseError, EngineError, LockError, StoreError, ReceiptsUnsafe, Unsafe) as error:
            kind = next((word for one, word in _KINDS if isinstance(error, one)), "store")
            module.fail_json(msg=str(error), kind=kind)
    for note in result.pop("warnings"):
        module.warn(note)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
