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
  - Compares a compose file, and what Compose makes of it, with what is on the host, its models and their answers.
  - All of that is one call that changes nothing.
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
  secrets:
    description:
      - The sha256 of each secret by its name, so that the secrets themselves need not travel to be compared.
      - Each is compared with its file in C(.archiv/secrets) below O(dir) and with what running containers have mounted.
    type: dict
    default: {}
  owner:
    description: The uid that is to own the secrets' files.
    type: int
    default: 0
  logins:
    description:
      - The sha256 of the file with the logins for images, C(.archiv/docker-config/config.json) below O(dir).
      - Without it there is to be no such file.
    type: str
    default: ""
  models:
    description: The wanted models, each with its name and, where it is pinned, the digest of its manifest.
    type: list
    elements: dict
    required: true
  models_dir:
    description: The folder C(models) of the store, where it is not in the project's volume C(ollama-models).
    type: path
  receipts_dir:
    description: Where the proofs of hashed files are kept.
    type: path
    default: /var/lib/archiv-ollama/receipts
  answer_within:
    description: Seconds in which a loaded model must give one token.
    type: float
    default: 60
  context_length:
    description: The context the server was told to use, in tokens; V(0) is its own choice.
    type: int
    default: 0
  docker_host:
    description:
      - The socket of the host's own Docker Engine, as V(unix:///path).
      - It alone counts, whatever C(DOCKER_HOST) or a context of the user says.
    type: str
    default: unix:///var/run/docker.sock
  verify:
    description:
      - With V(receipt) a byte counts as proven where a receipt says so.
      - With V(full) all bytes of the models are read and hashed at the end, once.
    type: str
    choices:
      - receipt
      - full
    default: receipt
  inputs:
    description:
      - The role's inputs by their names, from which RV(refusals) are found; what is not among them is not missed.
      - Where one cannot be meant, all such are told, and the host is looked at only as far as none of them leads there.
    type: dict
    default: {}
  upstream:
    description:
      - Whether the registries are asked for the manifests of models that are not in the store, so that RV(refusals)
        can tell what they will take and which of them no registry has.
      - A clean host asks nobody, and a registry that does not answer within some seconds is no refusal.
    type: bool
    default: false
  failure:
    description: What Compose said when it could not start the stack, for RV(advice).
    type: str
    default: ""
    version_added: 1.1.0
  wait:
    description:
      - Seconds to look again and again, as long as O(wait_for) asks for it.
      - With O(wait_for=settled) it is a minute at most where no container was started that lately.
    type: int
    default: 0
  wait_for:
    description:
      - With V(settled), looks again while nothing but time is needed, such as a container that is still starting.
      - With V(clean), also while a service that was just started may yet come up.
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
    models:
      - name: qwen2.5:7b-instruct-q4_K_M
    files:
      - path: docker-compose.prod.yml
        content: "{{ lookup('ansible.builtin.template', 'docker-compose.prod.yml.j2') }}"
  register: verdict
"""

RETURN = r"""
clean:
  description: Whether everything is as wanted. Bytes that are not proven, as after a boot, are no reason against it.
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
prove:
  description: Models whose bytes no receipt proves. A deploy hashes them.
  returned: always
  type: list
  elements: str
report:
  description: The same in lines for a person.
  returned: always
  type: list
  elements: str
refusals:
  description: Everything that speaks against bringing the host to what is wanted, one sentence each.
  returned: always
  type: list
  elements: str
advice:
  description: What helps against O(failure) beside what RV(report) says, such as who has the port that was taken.
  returned: when something is not as wanted
  type: list
  elements: str
start:
  description: Whether files or containers are concerned, and not models alone.
  returned: always
  type: bool
restart:
  description: Containers that only a restart mends.
  returned: always
  type: list
  elements: str
rebuild:
  description: Networks that must be made anew, with the containers on them.
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
  description: The version of the wanted image, where its tag or the server that runs it tells; empty where nobody does.
  returned: when something is not as wanted
  type: str
  sample: 0.34.2
models_dir:
  description: Where the models lie on the host, or will once their volume is made; empty where nobody knows.
  returned: always
  type: str
  sample: /var/lib/docker/volumes/archiv_ollama-models/_data/models
models:
  description: What the disk says of each wanted model, as in M(archiv.ollama.ollama_model_info).
  returned: always
  type: list
  elements: dict
store:
  description: Bytes of the store that no model uses, and bytes free where it lies; null where nobody can say.
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
    "content": {"type": "str", "required": True},
    "mode": {"type": "str", "default": "0644"},
}
ARGUMENTS: dict[str, t.Any] = {
    "project": {"type": "str", "required": True},
    "dir": {"type": "path", "required": True},
    "files": {"type": "list", "elements": "dict", "required": True, "options": FILE},
    # A digest of a weak secret could be guessed back.
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "owner": {"type": "int", "default": 0},
    "registries": {"type": "list", "elements": "dict", "default": [], "options": LOGIN},
    "logins": {"type": "str", "default": "", "no_log": True},
    "models": {"type": "list", "elements": "dict", "required": True},
    "models_dir": {"type": "path"},
    "receipts_dir": {"type": "path", "default": DEFAULT_DIR},
    "answer_within": {"type": "float", "default": 60},
    "context_length": {"type": "int", "default": 0},
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "verify": {"type": "str", "choices": ["receipt", "full"], "default": "receipt"},
    "inputs": {"type": "dict", "default": {}},
    "upstream": {"type": "bool", "default": False},
    "failure": {"type": "str", "default": ""},
    "mirror": {"type": "str"},
    "insecure": {"type": "bool", "default": False},
    "ca_path": {"type": "path"},
    "wait": {"type": "int", "default": 0},
    "wait_for": {"type": "str", "choices": ["settled", "clean"], "default": "settled"},
}
# What a look may take beside the patience it is given: it ends by itself, also where nobody waits for it any more.
MOST_SECONDS = 300.0
# The same where every byte is read.
FULL_SECONDS = 86400.0


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    mistakes = find_remote(params["docker_host"])
    if not params["files"]:
        mistakes.append("files is []: name the compose file, which is the first of them")
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
