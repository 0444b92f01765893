#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One read-only look at a stack, and one verdict with reasons."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_stack_info
short_description: Compare a stack with the inventory and report the differences
version_added: 1.0.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Compares a compose file, as Compose reads it, with what is on the host, its models and their answers.
  - It is one call that changes nothing.
  - A host without Docker, or without anything of the stack, gets a verdict like any other.
extends_documentation_fragment:
  - archiv.ollama._options.registry
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
        description: Its path below O(dir).
        type: str
        required: true
      content:
        description: What it must contain.
        type: str
      sha256:
        description: The SHA-256 of what it must contain, instead of O(files[].content).
        type: str
        version_added: 1.1.0
      mode:
        description: Its mode in octal digits.
        type: str
        default: "0644"
      owner:
        description: The uid that must own it; without it any may.
        type: int
        version_added: 1.1.0
  gate:
    description:
      - The mark of the files that the gate must have loaded, which it says of itself; empty without a gate.
    type: str
    default: ""
    version_added: 1.1.0
  releases:
    description:
      - Whether to judge too what a switch can return to, as M(archiv.ollama.ollama_release) keeps it.
    type: bool
    default: false
    version_added: 1.1.0
  ignored:
    description:
      - Services that are not judged.
    type: list
    elements: str
    default: []
    version_added: 1.1.0
  secrets:
    description:
      - The SHA-256 of each secret by its name, so that the secrets themselves need not be sent to the host.
      - Each is compared with its file in C(.archiv/secrets) below O(dir) and with what running containers have mounted.
    type: dict
    default: {}
  owner:
    description: The uid that must own the secrets' files.
    type: int
    default: 0
  logins:
    description:
      - The SHA-256 of the file with the logins for images, C(.archiv/docker-config/config.json) below O(dir).
      - Without it there must be no such file.
    type: str
    default: ""
  locks:
    description:
      - The digests of which an image must have one, by the image's name as Compose reads it; others may have any.
      - P(archiv.ollama.read_lock#filter) reads them from a file.
    type: dict
    default: {}
    version_added: 1.1.0
  models:
    description: The wanted models, each with its name and, where it is pinned, the digest of its manifest.
    type: list
    elements: dict
    required: true
  installed:
    description:
      - What watches the host between deploys, as P(archiv.ollama.list_monitor#filter) lists it.
      - A difference from it alone does not set RV(start).
    type: list
    elements: dict
    default: []
    version_added: 1.1.0
    suboptions:
      path:
        description: The file or folder.
        type: path
        required: true
      sha256:
        description:
          - Its SHA-256; that of a folder is of the sorted lines C(SHA256  PATH) of its files, without bytecode.
          - Empty where nothing must be there.
        type: str
        required: true
  models_dir:
    description: The folder C(models) of the store, where it is not in the project's volume C(ollama-models).
    type: path
  receipts_dir:
    description: The folder of the receipts.
    type: path
    default: /var/lib/archiv-ollama/receipts
  answer_within:
    description: Seconds within which a loaded model must return one token.
    type: float
    default: 60
  context_length:
    description: The context the server was told to use, in tokens; V(0) is its own choice.
    type: int
    default: 0
  docker_host:
    description:
      - The socket of the host's own Docker Engine, as V(unix:///path).
      - C(DOCKER_HOST) and the user's docker context are ignored.
    type: str
    default: unix:///var/run/docker.sock
  verify:
    description:
      - With V(receipt) blobs with a valid receipt count as verified.
      - With V(full) all models are hashed, once at the end.
    type: str
    choices:
      - receipt
      - full
    default: receipt
  inputs:
    description:
      - The role's inputs by their names, which are checked for RV(refusals); those that are missing are not checked.
      - If any are invalid, all of these are reported, and only what does not depend on them is checked on the host.
    type: dict
    default: {}
  upstream:
    description:
      - Whether the registries are asked for the manifests of models that are not in the store, so that RV(refusals)
        can tell how much space they need and which of them no registry has.
      - On a clean host no registry is asked, and a registry that does not answer within some seconds is no refusal.
    type: bool
    default: false
  failure:
    description: What Compose said when it could not start the stack, for RV(advice).
    type: str
    default: ""
    version_added: 1.1.0
  prometheus:
    description:
      - A Prometheus that is asked within two seconds whether the alert on Ollama's memory is loaded and has series of
        this host. What speaks against it is a warning.
      - It is not asked on a clean host, nor with O(wait_for=clean).
    type: dict
    default: {}
    version_added: 1.1.0
    suboptions:
      url:
        description: Its address; without one it is not asked.
        type: str
        default: ""
      name:
        description: The name of this host, as it is in the labels of the series.
        type: str
        default: ""
  wait:
    description:
      - Seconds to keep looking, as long as O(wait_for) asks for it.
      - With O(wait_for=settled) at most a minute, unless a container was started within this time.
    type: int
    default: 0
  wait_for:
    description:
      - With V(settled), keep looking while only time is needed, such as for a container that is still starting.
      - With V(clean), also while a service that was just started may still come up.
    type: str
    choices:
      - settled
      - clean
    default: settled
"""

EXAMPLES = r"""
- name: Check whether anything has to be done
  archiv.ollama.ollama_stack_info:
    project: archiv
    dir: /opt/archiv
    models:
      - name: qwen2.5:7b-instruct-q4_K_M
    files:
      - path: docker-compose.prod.yml
        content: "{{ lookup('ansible.builtin.template', 'docker-compose.prod.yml.j2') }}"
  register: verdict
"""

RETURN = r"""
clean:
  description: Whether everything matches the inventory. Bytes that are not verified, as after a boot, do not count.
  returned: always
  type: bool
reasons:
  description: Each difference, with its kind, its subject, why, and the action that fixes it.
  returned: always
  type: list
  elements: dict
  sample:
    - kind: container_missing
      subject: backend
      why: container does not exist
      action: create
prove:
  description: Models without a valid receipt. A deploy hashes them.
  returned: always
  type: list
  elements: str
report:
  description: The same as lines of text.
  returned: always
  type: list
  elements: str
refusals:
  description: Everything that prevents a deploy, one sentence each.
  returned: always
  type: list
  elements: str
advice:
  description: What helps against O(failure) beside what RV(report) says, such as who has the port that was taken.
  returned: when something differs from the inventory
  type: list
  elements: str
start:
  description: Whether files or containers differ, and not only models.
  returned: always
  type: bool
monitor:
  description: Whether what watches the host must be installed or removed.
  returned: always
  type: bool
lasted:
  description: By service for how many seconds it did not serve when a release made it anew the last time, if known.
  returned: always
  type: dict
release:
  description: The number of the last release that was verified; V(0) if there is none, or O(releases) is false.
  returned: always
  type: int
restart:
  description: Containers that must be restarted.
  returned: always
  type: list
  elements: str
remove:
  description: Containers of ours that are no longer wanted.
  returned: always
  type: list
  elements: str
discard:
  description: Containers that an interrupted run of Compose has made in place of others, and never started.
  returned: always
  type: list
  elements: str
reload:
  description: The gate's container, where it must read its files anew.
  returned: always
  type: list
  elements: str
rebuild:
  description: Networks that must be recreated, with the containers on them.
  returned: always
  type: list
  elements: dict
connect:
  description: Running containers that lost a network.
  returned: always
  type: list
  elements: dict
recreate:
  description: Services that Compose must be made to recreate, because it may find them unchanged.
  returned: always
  type: list
  elements: str
pull:
  description: Images that a start has to pull first.
  returned: always
  type: list
  elements: str
ollama_version:
  description: The version of the wanted image, from its tag or from the server that runs it; empty if unknown.
  returned: when something differs from the inventory
  type: str
  sample: 0.34.2
models_dir:
  description: Where the models are on the host, or will be once their volume exists; empty if unknown.
  returned: always
  type: str
  sample: /var/lib/docker/volumes/archiv_ollama-models/_data/models
models:
  description: What is on the disk for each wanted model, as in M(archiv.ollama.ollama_model_info).
  returned: always
  type: list
  elements: dict
images:
  description:
    - The digests under which registries serve each image that the stack's own services run, by the name of the image.
    - One that is not on the host is missing, and one that was loaded from a file or built there may have none.
  returned: always
  type: dict
  sample:
    ollama/ollama:0.34.2:
      - sha256:5ea60385209ebb93416aab95b760821f35d281141f8038daa84f94dea40ec5e8
store:
  description: Bytes in the store that no model uses, and free bytes on its file system; null if unknown.
  returned: always
  type: dict
  sample:
    unreferenced_bytes: 0
    free_bytes: 44321435648
healthy:
  description: What the server says, as in M(archiv.ollama.ollama_model_info).
  returned: always
  type: dict
orphans:
  description: Containers of the project that the compose file does not name.
  returned: always
  type: list
  elements: str
foreign:
  description: What was created without this collection and a deploy would take over.
  returned: always
  type: list
  elements: str
engine:
  description: Whether Docker and Compose answer and accept the file.
  returned: always
  type: bool
services:
  description: The containers of the project.
  returned: always
  type: list
  elements: dict
kind:
  description: "What ended it without a verdict, in one word: V(deadline), V(disk), V(memory), V(defect)."
  returned: failure
  type: str
  sample: deadline
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import DEFAULT_HOST, find_remote
from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import bounded
from ansible_collections.archiv.ollama.plugins.module_utils._entry.stack import look, read_options
from ansible_collections.archiv.ollama.plugins.module_utils._registry.logins import LOGIN
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import DEFAULT_DIR

FILE = {
    "path": {"type": "str", "required": True},
    "content": {"type": "str"},
    # Of sums of tokens: they are shown nowhere.
    "sha256": {"type": "str", "no_log": True},
    "mode": {"type": "str", "default": "0644"},
    "owner": {"type": "int"},
}
ONE_OF = {"mutually_exclusive": [("content", "sha256")], "required_one_of": [("content", "sha256")]}
PROMETHEUS = {"url": {"type": "str", "default": ""}, "name": {"type": "str", "default": ""}}
INSTALLED = {"path": {"type": "path", "required": True}, "sha256": {"type": "str", "required": True}}
ARGUMENTS: dict[str, t.Any] = {
    "project": {"type": "str", "required": True},
    "dir": {"type": "path", "required": True},
    "files": {"type": "list", "elements": "dict", "required": True, "options": FILE, **ONE_OF},
    # A digest of a weak secret could be guessed back.
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "owner": {"type": "int", "default": 0},
    "registries": {"type": "list", "elements": "dict", "default": [], "options": LOGIN},
    "logins": {"type": "str", "default": "", "no_log": True},
    "models": {"type": "list", "elements": "dict", "required": True},
    "gate": {"type": "str", "default": ""},
    "locks": {"type": "dict", "default": {}},
    "installed": {"type": "list", "elements": "dict", "default": [], "options": INSTALLED},
    "releases": {"type": "bool", "default": False},
    "ignored": {"type": "list", "elements": "str", "default": []},
    "models_dir": {"type": "path"},
    "receipts_dir": {"type": "path", "default": DEFAULT_DIR},
    "answer_within": {"type": "float", "default": 60},
    "context_length": {"type": "int", "default": 0},
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "verify": {"type": "str", "choices": ["receipt", "full"], "default": "receipt"},
    "inputs": {"type": "dict", "default": {}},
    "upstream": {"type": "bool", "default": False},
    "failure": {"type": "str", "default": ""},
    "prometheus": {"type": "dict", "default": {}, "options": PROMETHEUS},
    "mirror": {"type": "str"},
    "insecure": {"type": "bool", "default": False},
    "ca_path": {"type": "path"},
    "wait": {"type": "int", "default": 0},
    "wait_for": {"type": "str", "choices": ["settled", "clean"], "default": "settled"},
}
# The deadline of a look without its waiting time, so that it also ends if the controller is gone.
MOST_SECONDS = 300.0
# The same if all models are hashed.
FULL_SECONDS = 86400.0


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    mistakes = find_remote(params["docker_host"])
    if not params["files"]:
        mistakes.append("files is []: the first entry must be the compose file")
    if mistakes:
        module.fail_json(msg="; ".join(mistakes))
    most = FULL_SECONDS if params["verify"] == "full" else MOST_SECONDS
    most += params["wait"] + params["answer_within"] * len(params["models"])
    with bounded(most, lambda kind, sentence: module.fail_json(msg=sentence, kind=kind)):
        verdict, notes = look(read_options(params, module.check_mode))
    for note in notes:
        module.warn(note)
    module.exit_json(changed=False, **verdict)


if __name__ == "__main__":
    main()
