"""One deadline stands over all."""

from __future__ import annotations

import pytest

from ansible_collections.archiv.ollama.plugins.module_utils._registry.client import Deadline
from ansible_collections.archiv.ollama.plugins.module_utils._registry.errors import (
    DeadlineExceeded,
)


def test_deadline_passes() -> None:
    now = [100.0]
    deadline = Deadline(5, lambda: now[0])
    deadline.check()
    now[0] = 105.5
    with pytest.raises(DeadlineExceeded, match="5 s"):
        deadline.check()
