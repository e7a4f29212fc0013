"""Refusals: what Redis refused for want of memory is not there."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.records import NOT_SENT
from pytest_arbredis.testing.builder import HistoryBuilder

OOM = "OutOfMemoryError: command not allowed when used memory > 'maxmemory'."


def refusal(*, final=None, error=OOM, at=(200, 201), read=True) -> HistoryBuilder:
    h = HistoryBuilder()
    h.write("k0", "v0", at=(0, 1))
    h.fault("out_of_memory", "primary", nodes=("n0",), at=(100, 500), evidence="refuses with OOM")
    h.write("k1", "v1", at=at, outcome="fail", error=error)
    h.phase("settled", at=800)
    if read:
        h.read("k1", final, at=900, final=True)
    return h


def test_a_refused_write_that_is_there_is_rejected():
    finding = checks.refused_writes_are_refused()(refusal(final="v1").build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (1,)
    assert finding.summary == "1 of 1 refused writes are there"


@pytest.mark.parametrize("error", [OOM, "ResponseError: OOM command not allowed"])
def test_refused_writes_that_are_absent_are_accepted(error):
    finding = checks.refused_writes_are_refused()(refusal(error=error).build())
    assert finding.verdict is Verdict.VALID
    assert finding.figures["refused_with_oom"] == 1


@pytest.mark.parametrize(
    "undecidable",
    [{"error": "ReadOnlyError"}, {"error": NOT_SENT}, {"at": (600, 601)}, {"at": (20, 21)}, {"read": False}],
)
def test_without_a_refusal_for_memory_or_its_final_read_it_is_unknown(undecidable):
    assert checks.refused_writes_are_refused()(refusal(**undecidable).build()).verdict is Verdict.UNKNOWN


def test_a_refusal_while_another_fault_was_in_force_shows_nothing():
    assert checks.refused_writes_are_refused(during="down")(refusal().build()).verdict is Verdict.UNKNOWN
