#!/usr/bin/python
# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks whether wanted Ollama models are cached, intact and healthy; changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_model_info
short_description: Check whether Ollama models are cached, intact and healthy
version_added: 1.0.0
author:
  - the archiv.ollama authors (@archiv)
description:
  - Judges models by the bytes in the store, not by what Ollama lists. Ollama lists models whose weights are gone and
    trusts any file of the right name.
  - A model is cached when its manifest is valid and every blob has the right size. It is intact when the SHA-256 of
    every blob was verified. The server is healthy when it answers with the wanted models.
  - Works while Ollama is stopped and, unless O(upstream=true), without a network. With O(store) it needs no Docker
    Engine either.
extends_documentation_fragment:
  - archiv.ollama._options.stack
  - archiv.ollama._options.registry
requirements:
  - The Docker SDK for Python (C(python3-docker)) on the host, unless O(store) is given and O(health=false).
attributes:
  check_mode:
    description: Can run in check mode and return the same result.
    support: full
    details:
      - This module reads only.
  diff_mode:
    description: Will return details on what has changed when in diff mode.
    support: N/A
    details:
      - This module never changes anything.
  idempotent:
    description: Running it twice gives the same result and changes nothing.
    support: full
options:
  models:
    description:
      - The wanted models. Each entry is a name, or a dictionary as in C(ollama_stack_models) with C(name), optionally
        C(digest) (SHA-256 of the manifest) and C(warm) (V(false) when it need not be loaded).
      - Names are matched as Ollama does, with its defaults and without regard to case.
    type: list
    elements: raw
    required: true
  store:
    description:
      - The models folder, the one that holds C(blobs) and C(manifests).
      - By default C(models) in the volume O(volume) of the Compose project O(project).
    type: path
  verify:
    description:
      - How to check whether a model is intact.
      - V(full) reads and hashes every blob.
      - V(receipt) trusts the receipts M(archiv.ollama.ollama_model) wrote after it had hashed a blob, as long as
        nothing could have changed the file since. Without a valid receipt RV(models[].intact) is V(null).
      - V(size) checks types and sizes only. RV(models[].intact) is V(null) if they are right.
    type: str
    choices: [full, receipt, size]
    default: full
  health:
    description: Whether to check the server as well.
    type: bool
    default: true
  answer_within:
    description:
      - Seconds within which a loaded model must return its first token.
      - A request that waits behind others is busy, not unhealthy.
    type: float
    default: 60
  gpu:
    description:
      - Whether the models are meant to run on a GPU. Running on the CPU instead is then reported in
        RV(healthy.warnings).
      - By default whether the container declares a GPU.
    type: bool
  context_length:
    description: The wanted context length in tokens. Another one is reported in RV(healthy.warnings).
    type: int
  expect:
    description:
      - What must hold for every model. The module fails with one message that lists everything that does not.
      - Without it the module only reports.
    type: list
    elements: str
    choices: [cached, intact, healthy, pinned]
    default: []
  upstream:
    description:
      - Whether to ask each model's registry, or O(mirror), which manifest it has under the name now. Nothing else is
        downloaded.
      - The answer is in RV(models[].upstream). It never makes the module fail.
    type: bool
    default: false
  timeout:
    description: Seconds for the requests to all registries together.
    type: float
    default: 60
seealso:
  - module: archiv.ollama.ollama_model
"""

EXAMPLES = r"""
- name: Check the model that the archive uses
  archiv.ollama.ollama_model_info:
    models:
      - qwen2.5:7b-instruct-q4_K_M
  register: model

- name: Fail unless the model is intact, pinned in memory and answers within a minute
  archiv.ollama.ollama_model_info:
    models: "{{ ollama_stack_models | archiv.ollama.pin_models }}"
    expect: [cached, intact, healthy, pinned]

- name: Check a store on another disk, without Docker Engine or Ollama
  archiv.ollama.ollama_model_info:
    models:
      - name: qwen2.5:7b-instruct-q4_K_M
        digest: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e
    store: /srv/ollama/models
    health: false

- name: Check whether a tag has moved, without hashing the model
  archiv.ollama.ollama_model_info:
    models: "{{ ollama_stack_models | archiv.ollama.pin_models }}"
    verify: size
    health: false
    upstream: true
"""

RETURN = r"""
models:
  description: What is on the disk for each wanted model, in the order of O(models).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name as Ollama shows it.
      type: str
      sample: qwen2.5:7b-instruct-q4_K_M
    digest:
      description: SHA-256 of the manifest found, V(null) without a readable one.
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
      description: What is wrong, one entry per file.
      type: list
      elements: dict
      contains:
        kind:
          description: >-
            One of V(missing), V(empty), V(invalid), V(not_a_file), V(size), V(content), V(changed), V(unreadable),
            V(mode), V(spelling), V(pin), V(no_weights).
          type: str
          sample: content
        role:
          description: What the file is to the model; V(folder) for a folder that leads to it.
          type: str
          sample: weights
        blob:
          description: The digest of the blob, empty for the manifest and for folders.
          type: str
          sample: sha256:2bada8a7450677000f678be90653b85d364de7db25eb5ea54136ada5f3933730
        path:
          description: The file.
          type: str
          sample: /srv/ollama/models/blobs/sha256-2bada8a7450677000f678be90653b85d364de7db25eb5ea54136ada5f3933730
        expected:
          description: What it should be.
          type: str
          sample: 4683073952 bytes
        found:
          description: What it is.
          type: str
          sample: 1048576 bytes
        action:
          description: How to fix it.
          type: str
          sample: chmod 0644 /srv/ollama/models/manifests/registry.ollama.ai/library/qwen2.5/7b-instruct-q4_K_M
    upstream:
      description: What the registry has under the name now; V(null) with O(upstream=false).
      type: dict
      contains:
        state:
          description: >-
            V(same) as RV(models[].upstream.known); V(moved) to another; V(gone); V(unreachable) when the registry gave
            no answer that can be used; V(unknown) when there is nothing to compare with.
          type: str
          sample: moved
        known:
          description: The wanted digest or, without one, RV(models[].digest).
          type: str
          sample: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e
        digest:
          description: SHA-256 of its manifest, V(null) when it gave none.
          type: str
          sample: sha256:1b3b2f1a8e2f6b6e9f3f1c7b6c0a9d3c5b7e4f2a1d0c9b8a7f6e5d4c3b2a1908
        why:
          description: The same in words.
          type: str
          sample: >-
            moved: sha256:845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e ->
            sha256:1b3b2f1a8e2f6b6e9f3f1c7b6c0a9d3c5b7e4f2a1d0c9b8a7f6e5d4c3b2a1908
healthy:
  description: What the server says. Empty with O(health=false).
  returned: always
  type: dict
  contains:
    ok:
      description: Whether the container runs and is healthy, and every warm model is loaded, pinned and answers.
      type: bool
      sample: true
    container:
      description: The container looked at.
      type: str
      sample: archiv-ollama-1
    state:
      description: Its state.
      type: str
      sample: running
    health:
      description: What its own health check says, empty when it has none.
      type: str
      sample: healthy
    restarts:
      description: How often the Engine restarted it.
      type: int
      sample: 0
    version:
      description: The version the API gives.
      type: str
      sample: 0.34.2
    busy:
      description: Whether a model made the probe wait behind other requests.
      type: bool
      sample: false
    oom_kills:
      description: How many of its processes the kernel killed because it was out of memory; V(null) if unknown.
      type: int
      sample: 0
    memory_used:
      description: Bytes of memory in use; V(null) if unknown.
      type: int
      sample: 5368709120
    memory_limit:
      description: Bytes of memory it may use; V(null) without a limit.
      type: int
      sample: 8589934592
    models:
      description: What the server says of each wanted model. Empty when the API does not answer.
      type: list
      elements: dict
      contains:
        name:
          description: The name as Ollama shows it.
          type: str
          sample: qwen2.5:7b-instruct-q4_K_M
        warm:
          description: Whether it is meant to stay loaded.
          type: bool
          sample: true
        listed:
          description: Whether the server lists it.
          type: bool
          sample: true
        loaded:
          description: Whether the server holds it in memory.
          type: bool
          sample: true
        pinned:
          description: Whether it stays there without a time limit.
          type: bool
          sample: true
        expires_at:
          description: When the server will unload it.
          type: str
          sample: "2318-10-21T06:02:36.854775807Z"
        answered:
          description: Whether it returned one token within O(answer_within); V(null) if it was not asked.
          type: bool
          sample: true
        seconds:
          description: How long that took.
          type: float
          sample: 0.153
        busy:
          description: Whether the wait was behind other requests.
          type: bool
          sample: false
        processor:
          description: V(cpu), V(gpu), or the share that runs on the GPU.
          type: str
          sample: cpu
        context_length:
          description: The context it was loaded with, in tokens.
          type: int
          sample: 4096
        longest_context:
          description: The context it was trained with, in tokens; V(null) where the server does not say.
          type: int
          sample: 32768
    problems:
      description: What makes it unhealthy.
      type: list
      elements: dict
      contains: &finding
        kind:
          description: A short fixed word.
          type: str
          sample: not_pinned
        subject:
          description: The model or container.
          type: str
          sample: qwen2.5:7b-instruct-q4_K_M
        found:
          description: What was seen.
          type: str
          sample: /api/ps says it expires at 2026-11-20T13:14:05Z
        action:
          description: What to do.
          type: str
          sample: set OLLAMA_KEEP_ALIVE to "-1" and load it again
    warnings:
      description: What does not make it unhealthy, such as OOM kills, restarts, or running on the CPU instead of a GPU.
      type: list
      elements: dict
      contains: *finding
store:
  description: What is in the store besides complete models.
  returned: always
  type: dict
  contains:
    models_dir:
      description: The models folder looked at.
      type: str
      sample: /var/lib/docker/volumes/archiv_ollama-models/_data/models
    partials:
      description: Unfinished downloads.
      type: list
      elements: dict
      contains:
        path:
          description: The file.
          type: str
          sample: /srv/ollama/blobs/sha256-2bada8a7450677000f678be90653b85d364de7db25eb5ea54136ada5f3933730-partial
        bytes:
          description: Its size on disk in bytes.
          type: int
          sample: 1048576
        role:
          description: What the blob is to a stored model, empty when none asks for it.
          type: str
          sample: weights
    unreferenced:
      description: Files in the blobs folder no manifest asks for.
      type: list
      elements: dict
      contains:
        path:
          description: The file.
          type: str
          sample: /srv/ollama/models/blobs/sha256-2bada8a7450677000f678be90653b85d364de7db25eb5ea54136ada5f3933730
        bytes:
          description: Its size on disk in bytes.
          type: int
          sample: 4683073952
    unreferenced_bytes:
      description: Their total size on disk in bytes.
      type: int
      sample: 4683073952
    bad_manifests:
      description: Manifest files that cannot be read. While there is one, unreferenced may hold blobs it needs.
      type: list
      elements: str
      sample: []
    strange:
      description:
        - What does not belong in a store, one sentence each, such as links, devices and files of other users.
        - Nothing of it is read, followed or removed.
      type: list
      elements: str
      sample: []
msg:
  description: The same in a sentence or two; with O(expect), every expectation that is not met.
  returned: always
  type: str
  sample: "qwen2.5:7b-instruct-q4_K_M: cached, intact. healthy: it answers"
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.archiv.ollama.plugins.module_utils._engine.client import DEFAULT_HOST, EngineError
from ansible_collections.archiv.ollama.plugins.module_utils._engine.volume import NoStore
from ansible_collections.archiv.ollama.plugins.module_utils._entry.bounds import bounded
from ansible_collections.archiv.ollama.plugins.module_utils._entry.info import (
    ask,
    look,
    read_options,
    summary,
    unmet_expectations,
)
from ansible_collections.archiv.ollama.plugins.module_utils._model.wishes import InputInvalid
from ansible_collections.archiv.ollama.plugins.module_utils._registry.logins import LOGIN
from ansible_collections.archiv.ollama.plugins.module_utils._store.inspect import plain_model
from ansible_collections.archiv.ollama.plugins.module_utils._store.paths import StoreError
from ansible_collections.archiv.ollama.plugins.module_utils._store.receipts import DEFAULT_DIR
from ansible_collections.archiv.ollama.plugins.module_utils._store.survey import plain_survey

ARGUMENTS: dict[str, t.Any] = {
    "models": {"type": "list", "elements": "raw", "required": True},
    "store": {"type": "path"},
    "project": {"type": "str", "default": "archiv"},
    "service": {"type": "str", "default": "ollama"},
    "volume": {"type": "str", "default": "ollama-models"},
    "verify": {"type": "str", "choices": ["full", "receipt", "size"], "default": "full"},
    "receipts_dir": {"type": "path", "default": DEFAULT_DIR},
    "health": {"type": "bool", "default": True},
    "answer_within": {"type": "float", "default": 60},
    "gpu": {"type": "bool"},
    "context_length": {"type": "int"},
    "expect": {
        "type": "list",
        "elements": "str",
        "choices": ["cached", "intact", "healthy", "pinned"],
        "default": [],
    },
    "docker_host": {"type": "str", "default": DEFAULT_HOST},
    "upstream": {"type": "bool", "default": False},
    "mirror": {"type": "str"},
    "insecure": {"type": "bool", "default": False},
    "ca_path": {"type": "path"},
    "registries": {"type": "list", "elements": "dict", "default": [], "options": LOGIN},
    "timeout": {"type": "float", "default": 60},
}


# For every byte of a large store on a slow disk.
MOST_SECONDS = 4 * 3600.0


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params

    def fail(_kind: str, sentence: str) -> None:
        module.fail_json(msg=sentence, models=[], healthy={}, store={})

    with bounded(MOST_SECONDS + params["timeout"] + params["answer_within"] * len(params["models"]), fail):
        try:
            options = read_options(params)
            assessment = look(options)
            upstream = ask(options, assessment.states)
        except (InputInvalid, NoStore, StoreError, EngineError) as error:
            fail("", str(error))
    unmet = unmet_expectations(assessment, options.expect)
    result: dict[str, t.Any] = {
        "models": [{**plain_model(state), "upstream": answer} for state, answer in zip(assessment.states, upstream)],
        "healthy": assessment.healthy,
        "store": plain_survey(assessment.survey, assessment.models_dir),
    }
    if unmet:
        module.fail_json(msg="\n".join(unmet), **result)
    told = [f"{one['name']} upstream: {one['upstream']['why']}" for one in result["models"] if one["upstream"]]
    module.exit_json(changed=False, msg=". ".join([summary(assessment), *told]), **result)


if __name__ == "__main__":
    main()
