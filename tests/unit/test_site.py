"""The site knows Ansible's own documentation without asking for it."""

from __future__ import annotations

import io
import posixpath

from sphinx.util.inventory import InventoryFile

from tests.site.__main__ import HERE, inventory


def test_sphinx_reads_the_labels_of_ansible() -> None:
    known = InventoryFile.load(
        io.BytesIO(inventory((HERE / "ansible.txt").read_text())), "https://example.org", posixpath.join
    )
    found = known["std:label"]["common_return_values"]
    assert found.uri == "https://example.org/reference_appendices/common_return_values.html#common-return-values"
