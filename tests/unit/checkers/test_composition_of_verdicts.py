"""Composition: the worst of several findings is the verdict of all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_arbredis.checkers.verdict import Finding, Verdict, worst


def found(verdict: Verdict) -> Finding:
    return Finding(claim="a", verdict=verdict, summary="s")


def test_valid_is_less_than_unknown_and_unknown_less_than_invalid():
    assert Verdict.VALID < Verdict.UNKNOWN < Verdict.INVALID
    assert [verdict.word for verdict in sorted(Verdict)] == ["valid", "unknown", "invalid"]


@given(st.permutations([Verdict.VALID, Verdict.UNKNOWN, Verdict.INVALID]))
def test_the_order_of_findings_does_not_matter(verdicts):
    assert worst(map(found, verdicts)) is Verdict.INVALID


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_no_finding_makes_another_one_better(verdicts):
    whole = worst(map(found, verdicts))
    assert whole in verdicts
    assert all(verdict <= whole for verdict in verdicts)
