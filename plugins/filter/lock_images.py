# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a lock can say of the images of several hosts, and why it can say nothing of some."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lock_images
short_description: Find the digests that the hosts' images share
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Takes what M(archiv.ollama.ollama_stack_info) returns as C(images) from each host.
  - Hosts have the same image where they share a digest of it. An image may have several, each for the same bytes.
options:
  _input:
    description: By the names of hosts, the digests of each of their images.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what can be locked
  ansible.builtin.debug:
    msg: "{{ {inventory_hostname: verdict.images} | archiv.ollama.lock_images }}"
"""

RETURN = r"""
_value:
  description:
    - C(shared) are the digests of each image that all hosts with it share.
    - C(unlike) says of each image with which digests hosts disagree.
    - C(unknown) says of which image a host knows no digest.
  type: dict
"""

import typing as t

Images = t.Mapping[str, t.Mapping[str, t.Sequence[str]]]


def lock_images(answers: Images) -> dict[str, t.Any]:
    """The digests that hosts share, in which they are unlike, and of which image nobody knows one."""
    shared: dict[str, list[str]] = {}
    unlike: list[str] = []
    unknown: list[str] = []
    for name in sorted({name for images in answers.values() for name in images}):
        held = {host: set(images[name]) for host, images in sorted(answers.items()) if name in images}
        common = set.intersection(*held.values())
        nameless = [host for host, digests in held.items() if not digests]
        if nameless:
            unknown.append(
                f"image {name} is not locked by this run: on {', '.join(nameless)} it was loaded from a file or built,"
                " so no registry's digest of it is known"
            )
        elif common:
            shared[name] = sorted(common)
        else:
            unlike += [f"- {name}  {digest}  on {', '.join(hosts)}" for digest, hosts in _holders(held).items()]
    return {"shared": shared, "unlike": unlike, "unknown": unknown}


def _holders(held: t.Mapping[str, set[str]]) -> dict[str, list[str]]:
    digests = sorted(set().union(*held.values()))
    return {digest: [host for host, known in held.items() if digest in known] for digest in digests}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"lock_images": lock_images}
