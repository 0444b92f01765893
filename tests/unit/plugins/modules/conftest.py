"""Each module starts as on a host: in a process that has warned of nothing yet."""

from __future__ import annotations

import pytest
from ansible.module_utils.common import warnings


@pytest.fixture(autouse=True)
def _no_warnings_of_earlier_modules() -> None:
    warnings._global_warnings.clear()
    warnings._global_deprecations.clear()
