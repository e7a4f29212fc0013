"""Invariants of a trader's state: what their verdicts rest on beyond the corpus."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import MalformedHistoryError, UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def filled(*quantities, position, key="pos") -> HistoryBuilder:
    h = HistoryBuilder()
    for number, quantity in enumerate(quantities):
        h.op("fill", key, input=quantity, at=(2 * number, 2 * number + 1))
    h.phase("settled", at=9000)
    h.read(key, position, at=9001, final=True)
    return h


def test_the_summary_names_the_position_and_its_sum():
    finding = checks.position_is_the_sum_of_fills()(filled(5, "-2.5", position="9").build())
    assert finding.summary == "1 of 1 positions are not the sum of their fills: pos is 9, its fills sum up to 2.5"


def test_without_a_fill_that_explains_it_all_are_the_proof():
    finding = checks.position_is_the_sum_of_fills()(filled(*range(1, 20), position=7777).build())
    assert finding.verdict is Verdict.INVALID
    assert len(finding.proof) == 10
    assert finding.proof[-1] == 19


@pytest.mark.parametrize(("quantity", "position"), [("many", 5), (None, 5), (True, 1), (5, "five"), (5, "nan")])
def test_what_is_no_number_is_an_error(quantity, position):
    with pytest.raises(MalformedHistoryError):
        checks.position_is_the_sum_of_fills()(filled(quantity, position=position).build())


def test_a_tape_that_is_no_list_is_an_error():
    with pytest.raises(MalformedHistoryError, match="read it back as a list"):
        checks.no_fill_lost()(filled("f1", position="f1").build())


@settings(deadline=None, max_examples=60, database=None)
@given(
    fills=st.lists(st.tuples(st.integers(-9, 9), st.sampled_from(["ok", "unknown", "fail"])), min_size=1, max_size=7),
    data=st.data(),
)
def test_a_position_is_accepted_exactly_where_some_unknown_fills_explain_it(fills, data):
    position = data.draw(st.integers(-30, 30))
    h = HistoryBuilder()
    sums = {0}
    for number, (quantity, outcome) in enumerate(fills):
        h.op("fill", "pos", input=quantity, at=(2 * number, 2 * number + 1), outcome=outcome)
        if outcome != "fail":
            sums = {one + quantity for one in sums} | (sums if outcome == "unknown" else set())
    h.phase("settled", at=9000)
    h.read("pos", position, at=9001, final=True)
    finding = checks.position_is_the_sum_of_fills()(h.build())
    if any(outcome != "fail" for _, outcome in fills):
        assert (finding.verdict is Verdict.INVALID) is (position not in sums)
    acknowledged = any(outcome == "ok" for _, outcome in fills)
    assert (finding.verdict is Verdict.VALID) is (acknowledged and position in sums)


@settings(deadline=None, max_examples=100, database=None)
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 4), st.sampled_from(["ok", "unknown", "fail"])),
        min_size=1,
        max_size=6,
    )
)
def test_fencing_and_sequences_are_judged_pair_by_pair(calls):
    h = HistoryBuilder()
    for process, (began, lasts, number, outcome) in enumerate(calls):
        at = (began, began + lasts)
        h.op("accept", "disk", input=number, at=at, process=process, outcome=outcome)
        h.op("next", "s", output=number, at=at, process=100 + process, outcome=outcome)
    back, equal, perhaps, followed = False, False, False, False
    for one, (began, lasts, number, outcome) in enumerate(calls):
        for other, (later, _, then, after) in enumerate(calls):
            if {outcome, after} == {"ok"} and one < other:
                equal = equal or number == then
            if began + lasts < later and "fail" not in {outcome, after}:
                certain = outcome == after == "ok"
                followed = followed or certain
                back = back or (certain and then < number)
                perhaps = perhaps or then < number
    tokens, numbers = checks.fencing_token_is_monotonic()(h.build()), checks.sequence_is_monotonic()(h.build())
    wanted = Verdict.INVALID if back else Verdict.VALID if followed and not perhaps else Verdict.UNKNOWN
    assert tokens.verdict is wanted
    wanted = Verdict.INVALID if back or equal else Verdict.VALID if followed else Verdict.UNKNOWN
    assert numbers.verdict is wanted
    for finding in (tokens, numbers):
        assert len(finding.proof) in {0, 2}


@pytest.mark.parametrize("told", ["seven", None, [], [1, "x"], True])
def test_a_token_that_is_no_number_is_an_error(told):
    h = HistoryBuilder()
    h.op("accept", "disk", input=told, at=(0, 1))
    with pytest.raises(MalformedHistoryError, match="operation 0"):
        checks.fencing_token_is_monotonic()(h.build())


@pytest.mark.parametrize("wrong", [checks.no_order_id_twice, checks.sequence_is_monotonic])
def test_a_side_that_no_operation_has_is_refused_at_definition(wrong):
    with pytest.raises(UsageError, match="unknown side 'middle'"):
        wrong(of="middle")


def test_an_invariant_of_ones_own_says_what_it_held_of():
    h = HistoryBuilder()
    h.write("k", "v", at=(0, 1))
    assert checks.invariant("holds", lambda _: "")(h.build()).summary == "holds of 1 operations"
    h.read("k", "v", at=9001, final=True)
    assert checks.invariant("holds", lambda _: "")(h.build()).summary == "holds of 1 keys read back"
