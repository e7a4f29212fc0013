"""A clock of one's own for every test."""

from __future__ import annotations

import pytest
from ticking_clock import TickingClock


@pytest.fixture
def clock():
    return TickingClock()
