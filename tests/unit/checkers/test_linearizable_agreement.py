"""Zones, search and brute force agree on small histories."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from registers_by_force import CAS_REGISTER, REGISTER, agree, closed, histories, is_linearizable, only

from pytest_arbredis.checkers.verdict import Verdict


@settings(max_examples=200, deadline=None)
@given(histories(unique=True, most=6))
def test_zones_agree_with_brute_force(history):
    """Values that were written once: the check does not search."""
    finding = agree(REGISTER, history, with_cas=False)
    assert finding.figures["keys_searched"] == 0


@settings(max_examples=200, deadline=None)
@given(histories(unique=True, most=7, keys=("x", "y", None)))
def test_zones_agree_with_brute_force_on_several_keys(history):
    agree(REGISTER, history, with_cas=False)


@settings(max_examples=200, deadline=None)
@given(histories(most=6, keys=("x", "x", "y")))
def test_search_agrees_with_brute_force(history):
    agree(REGISTER, history, with_cas=False)


@settings(max_examples=200, deadline=None)
@given(histories(cas=True, most=6))
def test_search_agrees_with_brute_force_on_cas(history):
    agree(CAS_REGISTER, history, with_cas=True)


@settings(max_examples=200, deadline=None)
@given(histories(unique=True, most=6))
def test_no_smaller_set_of_operations_proves_a_violation(history):
    """Of the sets that hold the write of every value they read."""
    finding = REGISTER(history)
    if finding.verdict is not Verdict.INVALID or not closed(history, finding.proof):
        return
    ids = [op.id for op in history.ops]
    for size in range(len(finding.proof)):
        for fewer in combinations(ids, size):
            assert not closed(history, fewer) or is_linearizable(only(history, fewer))
