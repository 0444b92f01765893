"""Each module starts as on a host: in a process that has warned of nothing yet."""

from __future__ import annotations

import pytest
from ansible.module_utils import _internal
from ansible.module_utils.common import warnings


@pytest.fixture(autouse=True)
def _no_warnings_of_earlier_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests of action plugins import the controller's side, and from then on a warning goes to its display.
    monkeypatch.setattr(_internal, "is_controller", False)
    warnings._global_warnings.clear()
    warnings._global_deprecations.clear()
