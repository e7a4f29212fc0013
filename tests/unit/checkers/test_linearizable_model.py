"""Models of one's own, judged by the search."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.linearizable_model import Model
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def step(held, op):
    """A lock that knows its holder."""
    if op.name == "acquire":
        return held is None, op.input
    if op.name == "release":
        return held == op.input, None
    return op.output == held, held


LOCK = Model(
    name="lock", names=frozenset({"acquire", "release", "holder"}), initial=None, step=step, reads=frozenset({"holder"})
)
CHECK = checks.linearizable(LOCK)


def test_a_lock_held_by_one_at_a_time_is_valid():
    h = HistoryBuilder()
    h.op("acquire", "l", input="p", at=(0, 1))
    h.op("acquire", "l", input="q", at=(1, 6), process=1)
    h.op("holder", "l", output="p", at=(2, 3), process=2)
    h.op("release", "l", input="p", at=(4, 5))
    h.op("holder", "l", output="q", at=(7, 8), process=2)
    h.op("ping", "l", at=(9, 9))
    finding = CHECK(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "5 operations of 1 key are linearizable"
    assert finding.figures["ignored"] == 1


def test_a_lock_held_twice_is_invalid_and_what_came_later_is_no_proof():
    h = HistoryBuilder()
    h.op("acquire", "l", input="p", at=(0, 1))
    h.op("holder", "l", output="p", at=(2, 3), process=2)
    h.op("acquire", "l", input="q", at=(4, 5), process=1)
    h.op("release", "l", input="q", at=(6, 7), process=1)
    finding = CHECK(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (0, 2)
    assert finding.summary.endswith("no order of 2 operations explains operation 2 (acquire 'q')")
    assert finding.claim == "lock_is_linearizable"


def test_an_unknown_release_may_explain_a_second_holder():
    h = HistoryBuilder()
    h.op("acquire", "l", input="p", at=(0, 1))
    h.op("release", "l", input="p", at=(2, None), outcome="unknown")
    h.op("acquire", "l", input="q", at=(4, 5), process=1)
    assert CHECK(h.build()).verdict is Verdict.VALID


def test_a_failed_release_does_not():
    h = HistoryBuilder()
    h.op("acquire", "l", input="p", at=(0, 1))
    h.op("release", "l", input="p", at=(2, 3), outcome="fail")
    h.op("acquire", "l", input="q", at=(4, 5), process=1)
    assert CHECK(h.build()).verdict is Verdict.INVALID


def test_without_a_successful_operation_it_is_unknown():
    h = HistoryBuilder()
    h.op("acquire", "l", input="p", at=(0, None), outcome="unknown")
    finding = CHECK(h.build())
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.summary == "no successful operation to judge among 1"


@pytest.mark.parametrize("names", [frozenset(), frozenset({"acquire"})])
def test_a_model_whose_reads_are_not_among_its_names_is_refused(names):
    with pytest.raises(UsageError, match="lock"):
        Model(name="lock", names=names, initial=None, step=step, reads=frozenset({"holder"}))
