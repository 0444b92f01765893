# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules share, documented once. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """The parts a module names in extends_documentation_fragment."""

    STACK = r"""
options:
  project:
    description: The Compose project that serves the models.
    type: str
    default: archiv
  service:
    description: The Compose service that serves the models.
    type: str
    default: ollama
  volume:
    description: The volume of the Compose project that holds the models.
    type: str
    default: ollama-models
  receipts_dir:
    description: The folder of the receipts. It must belong to root and be writable by nobody else.
    type: path
    default: /var/lib/archiv-ollama/receipts
  docker_host:
    description:
      - The socket of the host's own Docker Engine, as V(unix:///path).
      - C(DOCKER_HOST) and the user's docker context are ignored.
    type: str
    default: unix:///var/run/docker.sock
"""

    REGISTRY = r"""
options:
  mirror:
    description:
      - Base URL of a registry to use instead of the default one. Names with their own host ignore it.
    type: str
  insecure:
    description:
      - Whether plain HTTP is allowed, for O(mirror) or, without one, for names with a host of their own (where it is
        then used). It never turns off certificate checks.
    type: bool
    default: false
  ca_path:
    description: File with CA certificates to trust in addition to those of the host.
    type: path
  registries:
    description: Logins for registries, one entry for each.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: The registry as in image and model names, V(host) or V(host:port). For O(mirror) that of its URL.
        type: str
        required: true
      token_host:
        description:
          - The host of the registry's token service, if it is another one. By default O(registries[].host).
          - Username and password are sent to these two hosts only.
        type: str
      username:
        description: The user name.
        type: str
        required: true
      password:
        description: The password or token that goes with O(registries[].username).
        type: str
        required: true
notes:
  - Proxies are taken from the environment (C(https_proxy), C(no_proxy)), which the task can set.
"""

    PACKAGE = r"""
options:
  _input:
    description: The files beside the package, each with C(path), C(content) and C(mode).
    type: list
    elements: dict
    required: true
  folder:
    description: The folder of the package on the host; without one the package is left out.
    type: str
    default: ""
"""
