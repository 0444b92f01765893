# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public certificates of a gate, and why none of them would do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: read_certificates
short_description: Read the public certificates of a gate
version_added: 1.1.0
author:
  - The archiv.ollama authors (@archiv)
description:
  - Reads what C(playbooks/peers.yml) writes for one host, which is one certificate, or two while it is replaced.
  - Nothing is done about a wrong one here, so that all of them are told in one message.
options:
  _input:
    description: The text of the file; empty where there is none.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show why a host would not be trusted
  ansible.builtin.debug:
    msg: "{{ (lookup('ansible.builtin.file', 'archive-1.pem') | archiv.ollama.read_certificates).trouble }}"
"""

RETURN = r"""
_value:
  description: "C(certificates): those that are in time, as PEM. C(trouble): why there is none, or empty."
  type: dict
"""

import datetime
import re
import typing as t

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----")


def read_certificates(text: str, now: float | None = None) -> dict[str, str]:
    """The certificates that are in time, and why there is none."""
    # Imported here, as every look would pay for it, with peers or without.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if not text:
        return _none("is missing")
    if "PRIVATE KEY" in text:
        return _none("holds a private key, which nobody but its host may have")
    moment = datetime.datetime.now(datetime.timezone.utc)
    if now is not None:
        moment = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    good, late = [], []
    for block in _BLOCK.findall(text):
        try:
            one = x509.load_pem_x509_certificate(block.encode())
        except ValueError:
            return _none("holds something that is not a certificate")
        if one.not_valid_after_utc <= moment:
            late.append(one.not_valid_after_utc)
        else:
            good.append(one.public_bytes(Encoding.PEM).decode())
    if good:
        return {"certificates": "".join(good), "trouble": ""}
    return _none(f"expired on {max(late):%Y-%m-%d}" if late else "is not a certificate")


def _none(trouble: str) -> dict[str, str]:
    return {"certificates": "", "trouble": trouble}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"read_certificates": read_certificates}
