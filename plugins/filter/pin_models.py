# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The models of the inventory with all that is wanted of each."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pin_models
short_description: Complete the models of the inventory
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Gives each model its tag, the digest that it is bound to, and whether it is kept loaded.
  - A digest of the inventory goes before the one of the lock; one that is there but empty does not unbind a model.
  - A model whose C(state) is V(absent) is left out.
options:
  _input:
    description: The models as in O(archiv.ollama.ollama_stack#role:main:ollama_stack_models).
    type: list
    elements: dict
    required: true
  locks:
    description: Digests by the names of models, the C(models) that P(archiv.ollama.read_lock#filter) reads.
    type: dict
    default: {}
  keep_alive:
    description: How long the server keeps an idle model; unless it is negative, no model is kept loaded for good.
    type: str
    default: "-1"
"""

EXAMPLES = r"""
- name: Show the models that are kept loaded
  ansible.builtin.debug:
    msg: "{{ ollama_stack_models | archiv.ollama.pin_models | selectattr('warm') | map(attribute='name') }}"
"""

RETURN = r"""
_value:
  description: Each model with its name, whether it is warm and, where it is bound, its digest.
  type: list
  elements: dict
"""

import re
import typing as t


def pin_models(
    models: t.Sequence[t.Mapping[str, t.Any]], locks: t.Mapping[str, str] | None = None, keep_alive: object = "-1"
) -> list[dict[str, t.Any]]:
    """Each model as it is wanted; what cannot be meant in one stays as it is, to be refused."""
    pinned = []
    for model in models:
        if model.get("state") == "absent":
            continue
        # `ollama ps` prints names with their tag, and the keeper compares with that.
        name = re.sub(r"(^|/)([^:/]+)$", r"\1\2:latest", str(model["name"]))
        wanted = {**model, "name": name, "warm": str(keep_alive).startswith("-") and model.get("warm", True)}
        wanted.pop("state", None)
        digest = wanted.pop("digest", None) or (locks or {}).get(name)
        pinned.append({**wanted, "digest": digest} if digest else wanted)
    return pinned


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pin_models": pin_models}
