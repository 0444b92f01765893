"""What the tests of the monitoring begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.support.monitor_host import MonitorHost, monitor_host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[MonitorHost]:
    """A host whose stack is as wanted."""
    with monitor_host(tmp_path) as one:
        yield one
