"""Staleness: the figures, and the bound that is refused."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def test_the_percentiles_count_fresh_reads_as_zero():
    h = HistoryBuilder()
    h.write("k", "a", at=(0, 1))
    h.write("k", "b", at=(2, 10))
    for number, at in enumerate((20, 30, 40, 60)):
        h.read("k", "a" if number < 2 else "b", at=at, process=1)
    finding = checks.bounded_staleness(max_ms=30)(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "4 reads were stale by 20 ms at most (30 ms allowed)"
    figures = {name: value for name, value in finding.figures.items() if name.startswith("stale_")}
    assert figures == {"stale_p50_ms": 0.0, "stale_p99_ms": 20.0, "stale_max_ms": 20.0}


def test_the_stalest_read_is_the_proof():
    h = HistoryBuilder()
    old, new = h.write("k", "a", at=(0, 1)), h.write("k", "b", at=(2, 10))
    h.read("k", "a", at=30, process=1)
    stalest = h.read("k", "a", at=90, process=1)
    finding = checks.bounded_staleness(max_ms=5)(h.build())
    assert finding.proof == (old, new, stalest)
    assert finding.summary == "2 of 2 reads were stale by more than 5 ms, up to 80 ms"


@pytest.mark.parametrize("max_ms", [-1, float("nan")])
def test_a_bound_that_every_read_breaks_is_refused_at_definition(max_ms):
    with pytest.raises(UsageError):
        checks.bounded_staleness(max_ms=max_ms)
