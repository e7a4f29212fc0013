"""A breaker's moves are stamped by itself where it knows when it moved, else when they are told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_arbredis.load.client import Client
from pytest_arbredis.testing.clock import ManualClock

MOVE = {"id": "redis", "seq": 1, "from": "closed", "to": "open", "cause": "failures"}


class Noted:
    def event(self, name, source, data, *, at_ns=None):
        self.told = (name, source, data, at_ns)


@pytest.mark.parametrize(
    ("own", "recorded"),
    [(400, 400), (0, 0), (None, None), (-1, None), (1_001, None), ("soon", None)],
)
def test_only_a_stamp_that_can_be_is_believed(own, recorded):
    """One from the future, or from before the clock began, is replaced by now."""
    client, noted = Client.__new__(Client), Noted()
    client.number = 3
    client._orders = SimpleNamespace(recorder=noted, clock=ManualClock(start_ns=1_000))
    client._breaker_moved(MOVE if own is None else {**MOVE, "at_ns": own})
    assert noted.told == ("breaker", "client 3", MOVE, recorded)
