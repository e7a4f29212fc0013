"""Sessions: reads of one's own writes."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.testing.builder import HistoryBuilder


def judged(h: HistoryBuilder, *, except_lost: bool = False) -> Verdict:
    return checks.read_your_writes(except_lost=except_lost)(h.build()).verdict


@pytest.mark.parametrize("value", [None, "older", "never written"])
def test_a_read_that_misses_the_own_write_is_rejected(value):
    h = HistoryBuilder()
    older = h.write("k", "older", at=(0, 1))
    own = h.write("k", "v", at=(2, 3))
    read = h.read("k", value, at=(4, 5), process=0)
    finding = checks.read_your_writes()(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == ((older, own, read) if value == "older" else (own, read))
    assert finding.summary == "1 of 1 reads missed an own acknowledged write"


def test_a_value_that_was_over_before_the_own_write_is_rejected():
    h = HistoryBuilder()
    h.write("k", "theirs", at=(0, 1), process=1)
    h.write("k", "mine", at=(2, 3))
    h.read("k", "theirs", at=(4, 5), process=0)
    assert judged(h) is Verdict.INVALID


def test_a_value_written_after_the_read_is_rejected():
    h = HistoryBuilder()
    h.write("k", "mine", at=(2, 3))
    h.read("k", "theirs", at=(4, 5), process=0)
    h.write("k", "theirs", at=(6, 7), process=1)
    assert judged(h) is Verdict.INVALID


@pytest.mark.parametrize("theirs", [(1, 2), (1, 2.5), (2.5, 4), (3.5, 3.8), (4.5, None)])
def test_a_later_or_concurrent_value_of_another_process_is_accepted(theirs):
    h = HistoryBuilder()
    h.write("k", "mine", at=(2, 3))
    h.write("k", "theirs", at=theirs, process=1, outcome="ok" if theirs[1] else "unknown")
    h.read("k", "theirs", at=(4, 5), process=0)
    assert judged(h) is Verdict.VALID


def test_an_unknown_own_write_may_take_effect_late():
    h = HistoryBuilder()
    h.write("k", "timed out", at=(0, 1), outcome="unknown")
    h.write("k", "v", at=(2, 3))
    h.read("k", "timed out", at=(4, 5), process=0)
    assert judged(h) is Verdict.VALID


def test_the_own_value_is_accepted():
    h = HistoryBuilder()
    h.write("k", "v", at=(0, 1))
    h.read("k", "v", at=(2, 3), process=0)
    assert judged(h) is Verdict.VALID


def test_reads_of_others_and_failed_reads_judge_nothing():
    h = HistoryBuilder()
    h.write("k", "v", at=(0, 1), process=0)
    h.write("j", "v", at=(2, 3), process=0, outcome="unknown")
    h.read("k", None, at=(2, 3), process=1)
    h.read("k", None, at=(4, 5), process=0, outcome="unknown")
    h.read("j", None, at=(6, 7), process=0)
    h.read("k", None, at=9000, final=True)
    assert judged(h) is Verdict.UNKNOWN


def missed(final=None, *, kept=True) -> HistoryBuilder:
    h = HistoryBuilder()
    if kept:
        h.write("other", "v", at=(0, 1))
        h.read("other", "v", at=(2, 3), process=0)
    h.write("k", "v", at=(4, 5))
    h.read("k", None, at=(6, 7), process=0)
    h.phase("settled", at=8000)
    if final != "not read":
        h.read("k", final, at=9000, final=True)
    return h


def test_a_missed_write_that_was_lost_is_left_to_durability_on_request():
    assert judged(missed()) is Verdict.INVALID
    assert judged(missed(), except_lost=True) is Verdict.VALID
    finding = checks.read_your_writes(except_lost=True)(missed().build())
    assert finding.figures["missed_lost"] == 1
    assert finding.summary == "1 of 2 reads gave the own write or a later one; 1 missed a write that was lost"


def test_a_missed_write_that_survived_is_a_violation_all_the_same():
    assert judged(missed("v"), except_lost=True) is Verdict.INVALID


def test_a_missed_write_without_a_final_read_is_undecided():
    assert judged(missed("not read"), except_lost=True) is Verdict.UNKNOWN


def test_lost_writes_alone_prove_nothing_about_sessions():
    assert judged(missed(kept=False), except_lost=True) is Verdict.UNKNOWN


def test_a_session_may_have_several_processes():
    h = HistoryBuilder()
    own = h.op("write", "k", input="v", at=(0, 1), process=1, meta={"session": "a"})
    read = h.op("read", "k", at=(2, 3), process=2, meta={"session": "a"})
    finding = checks.read_your_writes()(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (own, read)


def test_an_unknown_value_that_was_seen_before_the_own_write_cannot_take_effect_late():
    h = HistoryBuilder()
    h.write("k", "timed out", at=(0, 1), outcome="unknown")
    h.read("k", "timed out", at=(2, 3), process=1)
    h.write("k", "v", at=(4, 5), process=2)
    h.read("k", "timed out", at=(6, 7), process=2)
    assert judged(h) is Verdict.INVALID


def test_an_unknown_write_that_was_sent_twice_may_take_effect_again():
    h = HistoryBuilder()
    h.write("k", "timed out", at=(0, 1), outcome="unknown", attempts=2)
    h.read("k", "timed out", at=(2, 3), process=1)
    h.write("k", "v", at=(4, 5), process=2)
    h.read("k", "timed out", at=(6, 7), process=2)
    assert judged(h) is Verdict.VALID
