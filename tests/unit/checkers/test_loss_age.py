"""How old lost writes were at a loss of power: what is too old, what may be, and which hazard that shows.

The corpus has the verdicts of `loses_at_most`; here is what its files do not say.
"""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def lost(*acknowledged_ms: float, evidence: str | None = "gone") -> HistoryBuilder:
    """A write at 100 ms is kept, those at these times are lost; the power goes between 5000 and 5040 ms."""
    h = HistoryBuilder()
    h.phase("settled", at=9000)
    h.write("kept", "v", at=(99, 100), node="n0")
    h.read("kept", "v", at=9001, final=True)
    for number, at in enumerate(acknowledged_ms):
        h.write(f"k{number}", "v", at=(at - 1, at), node="n0")
        h.read(f"k{number}", None, at=9002 + number, final=True)
    h.fault("power_loss", "primary", nodes=("n0",), at=(5000, 5400), evidence=evidence)
    return h


def test_the_summary_has_the_figures_and_the_proof_is_the_oldest():
    finding = checks.loses_at_most(ms=1000)(lost(3800, 3900, 4500).build())
    assert finding.verdict is Verdict.INVALID
    assert finding.summary == (
        "3 of 4 acknowledged writes lost, 2 of them more than 1000 ms before the power_loss, the oldest 1200 ms"
    )
    assert finding.proof == (2, 3)
    assert finding.figures["too_old_ids"] == [2, 4]
    assert finding.figures["lost"] == 3


def test_exactly_as_old_as_the_bound_is_within_it():
    assert checks.loses_at_most(ms=1000)(lost(4000).build()).verdict is Verdict.VALID


def test_a_loss_of_power_that_nobody_saw_decides_nothing():
    assert checks.loses_at_most(ms=1000)(lost(3000, evidence=None).build()).verdict is Verdict.UNKNOWN
    assert checks.loses_more_than(ms=1000)(lost(3000, evidence=None).build()).verdict is Verdict.UNKNOWN


def test_writes_older_than_the_bound_show_the_hazard():
    finding = checks.loses_more_than(ms=1000, at_least=2)(lost(3000, 3500, 4500).build())
    assert finding.verdict is Verdict.VALID
    assert finding.proof == (2, 4)
    assert finding.summary == (
        "3 of 4 acknowledged writes lost, 2 of them more than 1000 ms before the power_loss, the oldest 2000 ms"
    )


@pytest.mark.parametrize("acknowledged_ms", [(), (4500,), (4000,), (3000, 4500)])
def test_a_hazard_that_was_not_shown_is_unknown(acknowledged_ms):
    finding = checks.loses_more_than(ms=1000, at_least=2)(lost(*acknowledged_ms).build())
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.summary.endswith("at least 2 wanted")


def test_a_loss_that_no_loss_of_power_followed_shows_no_hazard():
    assert checks.loses_more_than(ms=1000)(lost(6000).build()).verdict is Verdict.UNKNOWN
    assert checks.loses_at_most(ms=1000)(lost(6000).build()).verdict is Verdict.INVALID


@pytest.mark.parametrize("make", [checks.loses_at_most, checks.loses_more_than])
@pytest.mark.parametrize("arguments", [{"ms": -1}, {"ms": True}, {"ms": "1"}, {"ms": 1, "at_least": -1}])
def test_a_bound_that_is_none_is_refused(make, arguments):
    with pytest.raises(UsageError):
        make(**arguments)


def test_a_hazard_of_no_write_is_refused():
    with pytest.raises(UsageError, match="at_least=0"):
        checks.loses_more_than(ms=1, at_least=0)


def test_a_recovery_point_counts_up_to_the_loss_of_power():
    finding = checks.acknowledged_writes_survive()(lost(3000).build())
    assert finding.figures["rpo_ms"] == 2000
