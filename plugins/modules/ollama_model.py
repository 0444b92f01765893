#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs Ollama models in a store and verifies them, or removes them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_model
short_description: Install, repair, pin or remove Ollama models
version_added: 1.0.0
author:
  - the archiv.ollama authors (@archiv)
description:
  - Downloads models from a registry into the store, over several connections, and hashes them meanwhile. After an
    interruption the next run resumes where this one stopped.
  - Every blob is flushed to disk before it gets its name; the manifest is written last. A crash leaves the model that
    was there before or the new one, never a partial one.
  - A model that is present is hashed once; a receipt then proves it until the file could have been changed.
    Only missing or damaged blobs are downloaded, and a damaged one is replaced when the good one is complete.
  - A model that is present and intact needs no network. A tag that has moved is only followed with C(digest).
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
      - Asks the registry for a missing manifest, so it reports how many bytes would be downloaded, or fails as the run
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
        in the registry, the wanted one is downloaded as long as the registry keeps it; otherwise the module fails.
      - With O(state=absent) and O(prune=true) the list may be empty.
    type: list
    elements: raw
    required: true
  state:
    description:
      - With V(present) the models are in the store, and every byte is verified.
      - With V(fetched), which is new in 1.1.0, all that V(present) would download is on the host's disk, and every byte
        is verified, but no server sees it. What is served stays as it is, and nothing is restarted. A later run with
        V(present) puts it in place without a registry, also if the tag has moved since.
      - With V(absent) they are removed, with the blobs that no other model uses, and so is what was fetched of them.
    type: str
    choices: [present, fetched, absent]
    default: present
  store:
    description:
      - The models folder, the one that holds C(blobs) and C(manifests). It is created if it is missing.
      - By default C(models) in the volume O(volume) of the Compose project O(project).
    type: path
  verify:
    description:
      - How to verify blobs that are already present.
      - V(receipt) hashes those without a valid receipt, and writes receipts. The store of a stack that was set up by
        hand is adopted this way.
      - V(full) hashes all blobs.
      - V(size) checks types and sizes only, if the manifest is already present.
    type: str
    choices: [receipt, full, size]
    default: receipt
  repair:
    description: Whether to repair a damaged model. With V(false) damage is an error.
    type: bool
    default: true
  prune:
    description:
      - Whether to remove blobs that no model uses, and incomplete downloads.
      - A run that installs or repairs never prunes. Files younger than an hour are kept, as they may belong to a manual
        pull, and so are all blobs while there is a manifest that cannot be read.
    type: bool
    default: false
  restart:
    description:
      - Whether to restart the containers of O(service) after files that they may have read were replaced, and to reload
        the first model and those that were loaded. Without it they keep answering from the old bytes in memory.
    type: bool
    default: true
  load_timeout:
    description: Seconds a model may take to load and give its first token after such a restart.
    type: float
    default: 300
  method:
    description:
      - V(registry) downloads from the registry directly.
      - V(engine) runs C(ollama pull) in a one-off container like that of O(init_service), with its image, network and
        proxy, and verifies the bytes afterwards. For networks that only let Ollama itself through. The options
        about registries do not apply to it, so it cannot log in; it shows no progress, and it hashes every model first.
    type: str
    choices: [registry, engine]
    default: registry
  init_service:
    description: The Compose service from whose container O(method=engine) takes its settings. The container must exist.
    type: str
    default: ollama-model-init
  connections:
    description: The number of parallel connections for each blob.
    type: int
    default: 8
  timeout:
    description:
      - Seconds after which the module times out, the wait for the store lock included. A partial download
        is kept.
    type: float
    default: 14400
  stall_timeout:
    description: Seconds without any data after which a download counts as stalled.
    type: float
    default: 60
  ollama_version:
    description: Version of the Ollama that will serve the models. The registry refuses models that need a newer one.
    type: str
  progress_path:
    description: File on the host for the progress of the download. The action plugin that shows the progress sets it.
    type: path
seealso:
  - module: archiv.ollama.ollama_model_info
notes:
  - The store is locked against other writers of this collection while something is written.
"""

EXAMPLES = r"""
- name: Install the archive's model, pinned by its digest
  archiv.ollama.ollama_model:
    models:
      - name: qwen2.5:7b-instruct-q4_K_M
        digest: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e

- name: Verify a store on another disk and repair it from a mirror
  archiv.ollama.ollama_model:
    models:
      - qwen2.5:7b-instruct-q4_K_M
    store: /srv/ollama/models
    verify: full
    restart: false
    mirror: https://registry.example.org
    ca_path: /etc/ssl/certs/example.pem

- name: Download by day what is to be served from tonight
  archiv.ollama.ollama_model:
    models:
      - name: qwen2.5:7b-instruct-q4_K_M
        digest: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e
    state: fetched

- name: Remove a model and what no other uses
  archiv.ollama.ollama_model:
    models:
      - llama3.2:1b
    state: absent
    prune: true
"""

RETURN = r"""
models:
  description: >-
    The models as they are now, in check mode as they would be, in the order of O(models). With O(state=fetched) as the
    next run with V(present) would leave them.
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
      description: Whether the manifest is valid, has the wanted digest, and every blob has the right size.
      type: bool
      sample: true
    intact:
      description: Whether the SHA-256 of every blob was verified; V(null) if it was not checked.
      type: bool
      sample: true
    problems:
      description: What is still wrong, one entry per file, as M(archiv.ollama.ollama_model_info) returns it.
      type: list
      elements: dict
      sample: []
    changed:
      description: Whether this model was changed.
      type: bool
      sample: true
    fetched:
      description: The blobs that were downloaded, or in check mode would be.
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
          description: Its size in bytes.
          type: int
          sample: 4683073952
    replaced:
      description: Damaged files that were replaced.
      type: list
      elements: str
      sample: []
    removed:
      description: Blobs that were removed with the model.
      type: list
      elements: str
      returned: with O(state=absent)
      sample: []
download_bytes:
  description: Bytes that were downloaded, without those that an earlier run had left.
  returned: success
  type: int
  sample: 4683087561
restarted:
  description: The containers that were restarted because files that they used were replaced.
  returned: success
  type: list
  elements: str
  sample: [archiv-ollama-1]
pruned:
  description: The unused files that were removed.
  returned: success
  type: list
  elements: str
  sample: []
store:
  description: What is in the store besides complete models, as M(archiv.ollama.ollama_model_info) returns it.
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
  description: The blobs that could not be downloaded, as in RV(models[].fetched).
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
    "state": {"type": "str", "choices": ["present", "fetched", "absent"], "default": "present"},
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
