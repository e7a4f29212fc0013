"""Faults of the network and of connections: what cannot be meant, or could not be shown, is refused when it is said."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.bandwidth import Bandwidth
from pytest_arbredis.faults.blackhole import Blackhole
from pytest_arbredis.faults.client_pause import ClientPause
from pytest_arbredis.faults.slice import Slice
from pytest_arbredis.faults.slow_close import SlowClose


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Bandwidth(kb_per_s=0), "kb_per_s=0"),
        (lambda: Bandwidth(kb_per_s=10_001), "kb_per_s=10001"),
        (lambda: Bandwidth(kb_per_s=1.5), r"kb_per_s=1\.5"),
        (lambda: Blackhole(direction="sideways"), "direction of a blackhole.*'sideways'"),
        (lambda: SlowClose(ms=19), "ms=19"),
        (lambda: SlowClose(ms=10_001), "ms=10001"),
        (lambda: SlowClose(ms="50"), "ms='50'"),
        (lambda: Slice(bytes=0), "bytes=0"),
        (lambda: Slice(bytes=1025), "bytes=1025"),
        (lambda: Slice(bytes=8, delay_us=-1), "delay_us=-1"),
        (lambda: Slice(bytes=8, delay_us=10_001), "delay_us=10001"),
        (lambda: ClientPause(ms=499), "ms=499"),
        (lambda: ClientPause(ms=600_001), "ms=600001"),
        (lambda: ClientPause(ms=None), "ms=None"),
    ],
)
def test_misuse_is_refused_at_definition(make, named):
    with pytest.raises(UsageError, match=named):
        make()


def test_the_bounds_themselves_are_allowed():
    assert Bandwidth(kb_per_s=1) != Bandwidth(kb_per_s=10_000)
    assert SlowClose(ms=20) != SlowClose(ms=10_000)
    assert Slice(bytes=1) != Slice(bytes=1024, delay_us=10_000)
    assert ClientPause(ms=500) != ClientPause(ms=600_000, writes_only=True)
    assert Blackhole() == Blackhole(direction="replies")
