"""Checks of what a database is asked for, and of values that expire: what the corpus does not say."""

from __future__ import annotations

import math

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


@pytest.mark.parametrize(
    "make",
    [
        lambda: checks.no_stampede(at_once=0),
        lambda: checks.no_stampede(settle_ms=-1),
        lambda: checks.loads_are_spread(most=0, within_ms=1),
        lambda: checks.loads_are_spread(most=1, within_ms=0),
        lambda: checks.values_expire(max_ms=-1),
        lambda: checks.values_expire(max_ms=math.nan),
    ],
)
def test_limits_that_mean_nothing_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_the_proof_of_an_old_value_is_its_write_and_its_read():
    history = HistoryBuilder()
    wrote = history.write("k", "a", at=(0, 1))
    history.write("other", "b", at=(2, 3))
    read = history.op("read", "k", output="a", at=(300, 301), process=1)
    finding = checks.values_expire(max_ms=100)(history.build())
    assert finding.verdict is Verdict.INVALID
    assert set(finding.proof) == {wrote, read}
    assert "300 ms" in finding.summary
