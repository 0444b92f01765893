# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a host gets its images and models."""

from __future__ import annotations

DOCUMENTATION = r"""
name: list_registries
short_description: Name the registries of images and models
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Reads the registries in the names of images and models, as Docker and Ollama do.
  - C(playbooks/gameday.yml) cuts them off.
options:
  _input:
    description: Names of images.
    type: list
    elements: str
    required: true
  models:
    description: Names of models.
    type: list
    elements: str
    default: []
  mirror:
    description: The URL from where models are fetched instead, if there is one. Ollama's own pull knows nothing of it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show where a host gets what it runs
  ansible.builtin.debug:
    msg: "{{ ['ollama/ollama:0.34.2'] | archiv.ollama.list_registries(models=['qwen2.5:7b']) }}"
"""

RETURN = r"""
_value:
  description: Each registry once, with its port where that is not 443.
  type: list
  elements: str
"""

import typing as t
from urllib.parse import urlsplit

from ansible.errors import AnsibleFilterError

from ansible_collections.archiv.ollama.plugins.module_utils._model.names import NameInvalid, parse_name
from ansible_collections.archiv.ollama.plugins.module_utils._stack.inputs import registry_of

# Where Docker finds what has no registry in its name.
_DOCKERS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


def list_registries(images: t.Iterable[str], models: t.Iterable[str] = (), mirror: str = "") -> list[str]:
    """Each registry once, in the order of the alphabet."""
    found = {registry_of(image) for image in images if image}
    try:
        found |= {parse_name(model).host for model in models}
    except NameInvalid as error:
        raise AnsibleFilterError(str(error)) from error
    if mirror:
        url = urlsplit(mirror)
        found.add(f"{url.netloc}:80" if url.scheme == "http" and url.port is None else url.netloc)
    return sorted({_DOCKERS.get(name, name) for name in found})


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"list_registries": list_registries}
