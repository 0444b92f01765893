# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts said of themselves, as a page or as text for a chat."""

from __future__ import annotations

DOCUMENTATION = r"""
name: status_page
short_description: Draw the state of a fleet
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Draws what C(ollama-stack status --json) says on each host, as C(playbooks/status.yml) collects it.
  - An answer may hold anything. What has the wrong type is shown as unknown, and every text is escaped.
options:
  _input:
    description: >-
      By the name of each host the registered result of the command: RV(ignore:stdout), and where there is none
      RV(ignore:unreachable), RV(ignore:stderr) and RV(ignore:msg) say why.
    type: dict
    required: true
  format:
    description: V(html) is a whole page, V(markdown) is text for a chat, V(line) is the first sentence of both.
    type: str
    choices: [html, markdown, line]
    default: html
  began:
    description: When the first host was asked, in seconds since 1970. A host whose clock was before that is told.
    type: float
"""

EXAMPLES = r"""
- name: Show how many hosts need attention
  ansible.builtin.debug:
    msg: "{{ {'archive-1': result} | archiv.ollama.status_page(format='line') }}"
"""

RETURN = r"""
_value:
  description: The page, or the text.
  type: str
"""

import time
import typing as t

from ansible.errors import AnsibleFilterError

_FORMATS = ("html", "markdown", "line")


def status_page(answers: t.Mapping[str, t.Any], format: str = "html", began: float | None = None) -> str:  # noqa: A002 - the name people type
    """The fleet as a page, or as text."""
    # Here, because Ansible loads all filters of a collection with the first that is used: each look would pay for it.
    from ansible_collections.archiv.ollama.plugins.plugin_utils._page.facts import read_host
    from ansible_collections.archiv.ollama.plugins.plugin_utils._page.markdown import line, markdown
    from ansible_collections.archiv.ollama.plugins.plugin_utils._page.page import page

    if format not in _FORMATS:
        raise AnsibleFilterError(f'format is "{format}", and must be {" or ".join(_FORMATS)}')
    now = time.time()
    # A host that the play lost on its way has no result.
    known = {str(name): answer if isinstance(answer, t.Mapping) else {} for name, answer in answers.items()}
    hosts = [read_host(name, answer, now, began) for name, answer in known.items()]
    return {"html": page, "markdown": markdown, "line": line}[format](hosts, now)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"status_page": status_page}
