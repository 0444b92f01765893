"""Deprecation warnings: ours fail, the list of others' stays true."""

from __future__ import annotations

import pytest

from tests import deprecations
from tests.deprecations import ROOT, Known

# As ansible-core 2.21.5 prints them.
TEXT = (
    "INJECT_FACTS_AS_VARS default to `True` is deprecated, top-level facts will not be auto injected after the change."
)
WARNING = f"""\
INFO     [default > converge] Executing

TASK [debug] *******************************************************************
[WARNING]: Deprecation warnings can be disabled by setting `deprecation_warnings=False` in ansible.cfg.
[DEPRECATION WARNING]: {TEXT} This feature will be removed from ansible-core version 2.24.
Origin: ORIGIN:6:14

6         msg: "{{{{ ansible_architecture }}}}"
               ^ column 14

ok: [default]
"""
OF_MODULE = """\
INFO     [default > converge] Executing
[DEPRECATION WARNING]: this way is old. This feature will be removed from collection 'COLLECTION' version 9.0.0.
ok: [default]
"""
SILENT = "INFO     [default > converge] Executing\nok: [default]\n"
THEIRS = ROOT / ".venv/lib/python3.13/site-packages/ansible_collections/community/docker/x.yml"
LISTED = Known(TEXT, ("default",), ("2.21",), "a test")


@pytest.mark.parametrize(
    ("output", "known", "expected"),
    [
        pytest.param(SILENT, [], None, id="none"),
        pytest.param(WARNING.replace("ORIGIN", f"{ROOT}/roles/x.yml"), [LISTED], "names our own", id="our-file"),
        pytest.param(
            WARNING.replace("ORIGIN", f"{ROOT}/.collections/ansible_collections/archiv/ollama/roles/x.yml"),
            [LISTED],
            "names our own",
            id="our-collection-of-the-checkout",
        ),
        pytest.param(OF_MODULE.replace("COLLECTION", "archiv.ollama"), [], "names our own", id="our-module"),
        pytest.param(OF_MODULE.replace("COLLECTION", "community.docker"), [], "not in the list", id="unknown"),
        pytest.param(WARNING.replace("ORIGIN", str(THEIRS)), [LISTED], None, id="listed"),
        pytest.param(WARNING.replace("\nOrigin: ORIGIN:6:14", ""), [LISTED], None, id="listed-without-origin"),
        pytest.param(SILENT, [LISTED], "no longer appears", id="listed-and-gone"),
        pytest.param(SILENT.replace("default >", "reboot >"), [LISTED], None, id="listed-for-another-scenario"),
        pytest.param(SILENT, [Known(TEXT, ("default",), ("2.22",), "a test")], None, id="listed-for-another-core"),
    ],
)
def test_complaint(output: str, known: list[Known], expected: str | None) -> None:
    found = deprecations.complaint(output, known, core="2.21")
    assert found is None if expected is None else expected in str(found)
