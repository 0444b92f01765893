#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts Ollama models into a store, whole and proven, or takes them out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_model
short_description: Install, repair, pin or remove Ollama models
version_added: 1.0.0
author:
  - the archiv.ollama authors (@archiv)
description:
  - Brings models from a registry straight into the store, over several connections, hashed while they come. After a cut
    the next run goes on where this one stopped.
  - Every blob is on disk before its name is, and the manifest comes last. A crash at any moment leaves the model that
    was there before or the new one, never half of one.
  - A model that is there is hashed once; a receipt then vouches for it until something could have changed the file.
    Only blobs that are missing or damaged are fetched, and a damaged one gives way when the good one is ready.
  - A model that is there and whole costs no network. A tag that moved in the registry is followed by C(digest) only.
  - Shows its progress while it runs.
extends_documentation_fragment:
  - archiv.ollama._options.stack
  - archiv.ollama._options.registry
requirements:
  - The Docker SDK for Python (C(python3-docker)) on the host, unless O(store) is given and O(restart=false).
attributes:
  check_mode:
    description: Can run in check mode and return what would happen without changing anything.
    support: full
    details:
      - Asks the registry for a manifest that is not there, so it says how many bytes would come, or fails as the run
        would.
  diff_mode:
    description: Will return details on what has changed (or would).
    support: full
  idempotent:
    description: Running it twice gives the same result and changes nothing the second time.
    support: full
options:
  models:
    description:
      - The models. Each entry is a name, or a dictionary as in C(ollama_stack_models) with C(name), optionally
        C(digest) (SHA-256 of the manifest) and C(warm) (V(false) when it need not be loaded after a restart).
      - Names are matched as Ollama does, with its defaults and without regard to case. Spellings in the store are kept.
      - With C(digest) the model must be exactly that one. Another one in the store is replaced. Where the tag has moved
        in the registry, the wanted one is fetched as long as the registry keeps it, and else refused.
    type: list
    elements: raw
    required: true
  state:
    description:
      - With V(present) the models are in the store, every byte proven.
      - With V(absent) they are not, nor the blobs that no other model uses.
    type: str
    choices: [present, absent]
    default: present
  store:
    description:
      - The models folder, the one that holds C(blobs) and C(manifests). It is made when it is not there.
      - By default C(models) in the volume O(volume) of the Compose project O(project).
    type: path
  verify:
    description:
      - What to believe of blobs that are already there.
      - V(receipt) hashes those without a valid receipt, and writes receipts. The store of a stack that was set up by
        hand is adopted this way.
      - V(full) hashes all.
      - V(size) looks at types and sizes only, where the manifest is there already.
    type: str
    choices: [receipt, full, size]
    default: receipt
  repair:
    description: Whether to mend a model that is there but damaged. With V(false) the damage is an error.
    type: bool
    default: true
  prune:
    description:
      - Whether to remove blobs no model uses, and what is left of unfinished downloads.
      - A run that installs or repairs never prunes. Files younger than an hour stay, as they may belong to a pull by
        hand, and so do all blobs while there is a manifest that cannot be read.
    type: bool
    default: false
  restart:
    description:
      - Whether to restart the containers of O(service) after bytes they may have read were replaced, and to load again
        the first model and those they held. Without it they go on answering from the bytes they hold in memory.
    type: bool
    default: true
  load_timeout:
    description: Seconds a model may take to load and give its first token after such a restart.
    type: float
    default: 300
  method:
    description:
      - V(registry) fetches from the registry itself.
      - V(engine) runs C(ollama pull) in a one-off container like that of O(init_service), with its image, network and
        proxy, and proves the bytes afterwards. A way out where only Ollama itself is let through. The options
        about registries do not apply to it, so it cannot log in; it shows no progress, and it hashes every model first.
    type: str
    choices: [registry, engine]
    default: registry
  init_service:
    description: The Compose service whose container O(method=engine) imitates. It must have been created.
    type: str
    default: ollama-model-init
  connections:
    description: How many connections fetch one blob at once.
    type: int
    default: 8
  timeout:
    description:
      - Seconds after which everything must be done, waiting for another writer of the store included. What was fetched
        is kept.
    type: float
    default: 14400
  stall_timeout:
    description: Seconds without one byte after which a download has stalled.
    type: float
    default: 60
  ollama_version:
    description: The Ollama that will serve the models. The registry refuses a model this version cannot run.
    type: str
  progress_path:
    description: File on the host that tells how far the download is. Set by the action plugin that shows it.
    type: path
seealso:
  - module: archiv.ollama.ollama_model_info
notes:
  - The store is locked against other writers of this collection while something is written.
"""

EXAMPLES = r"""
- name: Have the archive's model, exactly these bytes
  archiv.ollama.ollama_model:
    models:
      - name: qwen2.5:7b-instruct-q4_K_M
        digest: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e

- name: Hash a store on another disk and mend it from a mirror
  archiv.ollama.ollama_model:
    models:
      - qwen2.5:7b-instruct-q4_K_M
    store: /srv/ollama/models
    verify: full
    restart: false
    mirror: https://registry.example.org
    ca_path: /etc/ssl/certs/example.pem

- name: Remove a model and what no other uses
  archiv.ollama.ollama_model:
    models:
      - llama3.2:1b
    state: absent
    prune: true
"""

RETURN = r"""
models:
  description: The models as they are now, in check mode as they would be, in the order of O(models).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name as Ollama shows it.
      type: str
      sample: qwen2.5:7b-instruct-q4_K_M
    digest:
      description: SHA-256 of the manifest, V(null) when there is none.
      type: str
      sample: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e
    cached:
      description: Whether the manifest parses, has the wanted digest, and every blob is there with its size.
      type: bool
      sample: true
    intact:
      description: Whether the SHA-256 of every blob is proven; V(null) when nobody looked.
      type: bool
      sample: true
    problems:
      description: What is still wrong, one entry a file, as M(archiv.ollama.ollama_model_info) returns it.
      type: list
      elements: dict
      sample: []
    changed:
      description: Whether this model was touched.
      type: bool
      sample: true
    fetched:
      description: The blobs that came, or in check mode would come.
      type: list
      elements: dict
      contains:
        role:
          description: What the blob is to the model.
          type: str
          sample: weights
        digest:
          description: Its digest.
          type: str
          sample: sha256:2bada8a7450677000f678be90653b85d364de7db25eb5ea54136ada5f3933730
        size:
          description: Its bytes.
          type: int
          sample: 4683073952
    replaced:
      description: Damaged files that gave way to good ones.
      type: list
      elements: str
      sample: []
    removed:
      description: Blobs that went with the model.
      type: list
      elements: str
      returned: with O(state=absent)
      sample: []
download_bytes:
  description: What had to come over the network, bytes an earlier run left behind not counted.
  returned: success
  type: int
  sample: 4683087561
restarted:
  description: The containers that were restarted because they held bytes that were replaced.
  returned: success
  type: list
  elements: str
  sample: [archiv-ollama-1]
pruned:
  description: The files no model used that were removed.
  returned: success
  type: list
  elements: str
  sample: []
store:
  description: What lies in the store beside whole models, as M(archiv.ollama.ollama_model_info) returns it.
  returned: success
  type: dict
  sample:
    models_dir: /var/lib/docker/volumes/archiv_ollama-models/_data/models
    partials: []
    unreferenced: []
    unreferenced_bytes: 0
    bad_manifests: []
    strange: []
kind:
  description: >-
    What failed, in one word: V(input), V(store), V(engine), V(lock), V(damaged), V(offline), V(untrusted),
    V(not_found), V(unauthorized), V(needs_newer_ollama), V(server_error), V(cut), V(bad_answer), V(bad_manifest),
    V(insecure_redirect), V(size_mismatch), V(digest_mismatch), V(stalled), V(deadline), V(no_space), V(pull),
    V(load), V(disk), V(memory), V(defect), V(gone).
  returned: failure
  type: str
  sample: offline
lacking:
  description: The blobs that could not be got, as in RV(models[].fetched).
  returned: failure
  type: list
  elements: dict
  sample: []
msg:
  description: What was done, or what failed, where, why, and what to do.
  returned: always
  type: str
  sample: "qwen2.5:7b-instruct-q4_K_M: installed, 4 blobs of 4.4 GiB fetched"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import DEFAULT_HOST, EngineError
from ansible_collections.archiv.ollama.plugins.module_utils._engine.volume import NoStore
from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import bounded
from ansible_collections.archiv.ollama.plugins.module_utils._entry.model import kind_of, run, sentence_of
from ansible_collections.archiv.ollama.plugins.module_utils._entry.model_options import read_options
from ansible_collections.archiv.ollama.plugins.module_utils._install.types import InstallError
from ansible_collections.archiv.ollama.plugins.module_utils._model.manifest import Layer
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import InputInvalid
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import RegistryError
from ansible_collections.archiv.ollama.plugins.module_utils._registry.logins import LOGIN
from ansible_collections.archiv.ollama.plugins.module_utils._store.lock import LockError
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import StoreError
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import DEFAULT_DIR

ARGUMENTS: dict[str, t.Any] = {
    "models": {"type": "list", "elements": "raw", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "store": {"type": "path"},
    "project": {"type": "str", "default": "archiv"},
    "service": {"type": "str", "default": "ollama"},
    "volume": {"type": "str", "default": "ollama-models"},
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "verify": {"type": "str", "choices": ["receipt", "full", "size"], "default": "receipt"},
    "receipts_dir": {"type": "path", "default": DEFAULT_DIR},
    "repair": {"type": "bool", "default": True},
    "prune": {"type": "bool", "default": False},
    "restart": {"type": "bool", "default": True},
    "load_timeout": {"type": "float", "default": 300},
    "method": {"type": "str", "choices": ["registry", "engine"], "default": "registry"},
    "init_service": {"type": "str", "default": "ollama-model-init"},
    "mirror": {"type": "str"},
    "insecure": {"type": "bool", "default": False},
    "ca_path": {"type": "path"},
    "registries": {"type": "list", "elements": "dict", "default": [], "options": LOGIN},
    "connections": {"type": "int", "default": 8},
    "timeout": {"type": "float", "default": 14400},
    "stall_timeout": {"type": "float", "default": 60},
    "ollama_version": {"type": "str"},
    "progress_path": {"type": "path"},
}

# Beside `timeout`: for a last blob's hash and sync, and for a restart. The action plugin waits a little longer.
GRACE_SECONDS = 600.0
FAILURES = (InputInvalid, NoStore, StoreError, EngineError, LockError, InstallError, RegistryError, OSError)


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params

    def fail(kind: str, sentence: str, lacking: t.Iterable[Layer] = ()) -> None:
        missing = [{"role": blob.role, "digest": blob.digest, "size": blob.size} for blob in lacking]
        module.fail_json(msg=sentence, kind=kind, lacking=missing, models=[])

    with bounded(params["timeout"] + params["load_timeout"] + GRACE_SECONDS, fail):
        try:
            result = run(read_options(params), module.check_mode)
        except FAILURES as error:
            fail(kind_of(error), sentence_of(error), getattr(error, "lacking", ()))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
