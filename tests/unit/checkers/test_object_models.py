"""Counter, set, queue and log: what a finding tells, and operations that the models do not have."""

from __future__ import annotations

import pytest

from pytest_arbredis._clock import CLOCK, NS_PER_S
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.checkers.violations import shown
from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.testing.builder import HistoryBuilder

COUNTER, SET = checks.counter_within_bounds(), checks.set_keeps_what_was_added()
LOG, QUEUE = checks.log_is_a_prefix(), checks.queue_is_fifo()


def history(*operations):
    """Operations (name, value, begin, end); of a read or a dequeue the value is its output."""
    h = HistoryBuilder()
    for number, (name, value, begin, end, *outcome) in enumerate(operations):
        answers = name in {"read", "dequeue"}
        h.op(
            name,
            "k",
            input=None if answers else value,
            output=value if answers else None,
            at=(begin, end),
            process=number,
            outcome=outcome[0] if outcome else "ok",
        )
    return h.build()


@pytest.mark.parametrize(
    ("check", "operation", "said"),
    [
        (COUNTER, ("add", "2", 0, 1), "operation 0, add of 'k': '2' cannot be added"),
        (COUNTER, ("add", None, 0, 1), "operation 0, add of 'k': null cannot be added"),
        (COUNTER, ("add", True, 0, 1), "operation 0, add of 'k': true cannot be added"),
        (COUNTER, ("read", "2", 0, 1), "operation 0, read of 'k': '2' is not a counter's value"),
        (COUNTER, ("read", 2.5, 0, 1), "operation 0, read of 'k': 2.5 is not a counter's value"),
        (SET, ("add", None, 0, 1), "operation 0, add of 'k': there is no value"),
        (SET, ("read", "abc", 0, 1), "operation 0, read of 'k': 'abc' is not a list"),
        (SET, ("read", {"a": 1}, 0, 1), "operation 0, read of 'k': {'a': 1} is not a list"),
        (LOG, ("append", None, 0, 1), "operation 0, append of 'k': there is no value"),
        (LOG, ("read", 7, 0, 1), "operation 0, read of 'k': 7 is not a list"),
        (QUEUE, ("enqueue", None, 0, 1), "operation 0, enqueue of 'k': there is no value"),
        (QUEUE, ("ack", None, 0, 1), "operation 0, ack of 'k': there is no value"),
    ],
)
def test_an_operation_that_the_model_does_not_have_is_named(check, operation, said):
    with pytest.raises(MalformedHistoryError) as caught:
        check(history(operation))
    assert caught.value.cause == said
    assert caught.value.remedy


@pytest.mark.parametrize("check", [COUNTER, SET, LOG, QUEUE])
def test_what_certainly_failed_may_have_been_asked_for_wrongly(check):
    """A subject that refuses nonsense does well."""
    names = ("add", "append", "enqueue", "ack")
    assert check(history(*((name, None, 0, 1, "fail") for name in names))).verdict is Verdict.UNKNOWN


def test_figures_count_what_was_judged_and_what_was_not():
    finding = COUNTER(history(("add", 1, 0, 1), ("read", 1, 2, 3), ("read", 0, 4, 5), ("get", 1, 6, 7)))
    assert finding.figures == {
        "judged": 2,
        "keys": 1,
        "acknowledged": 1,
        "ignored": 1,
        "violations": 1,
        "kinds": {"too low": 1},
    }
    assert finding.summary == (
        "1 too low, in 2 reads of 1 key: read 2 of 'k' gave 0, but its additions allow at least 1"
    )
    assert finding.proof == (0, 2)


def test_integers_of_any_size_are_added():
    """Sums beyond 64 bits do not wrap."""
    most = 2**63 - 1
    assert COUNTER(history(("add", most, 0, 1), ("add", most, 0, 1), ("read", -2, 2, 3))).verdict is Verdict.INVALID


def test_an_output_of_an_addition_is_not_judged():
    h = HistoryBuilder()
    h.op("add", "k", input=1, output=99, at=(0, 1))
    h.read("k", 1, at=(2, 3))
    assert COUNTER(h.build()).verdict is Verdict.VALID


def test_the_proof_of_a_counter_is_cut_to_what_rules_the_value_out():
    adds = [("add", 1, number, number) for number in range(50)]
    assert len(COUNTER(history(*adds, ("read", 45, 60, 61))).proof) == 10
    assert COUNTER(history(*adds, ("read", 51, 60, 61))).proof == (50,)


def test_the_clearest_violation_is_the_proof_and_the_others_are_told():
    adds = [("append", value, number, number) for number, value in enumerate("abc")]
    wrong = [("read", ["a", "b"], 10 + number, 10 + number) for number in range(13)]
    finding = LOG(history(*adds, ("read", ["a", "b", "c", "x"], 5, 6), *wrong))
    assert finding.proof == (3,)
    assert finding.lines[-1].startswith("and ")


def test_a_chain_of_values_leaves_a_queue_never_empty():
    """No single value was inside all the time, but one always was."""
    finding = QUEUE(
        history(
            ("enqueue", "a", 0, 1),
            ("dequeue", None, 2, 20),
            ("enqueue", "b", 3, 4),
            ("dequeue", "a", 5, 6),
            ("enqueue", "c", 8, 9),
            ("dequeue", "b", 10, 11),
            ("dequeue", "c", 21, 22),
        )
    )
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (0, 1, 2, 3, 4, 5, 6)
    assert "at every instant of it one of 'a', 'b', 'c' was certainly inside" in finding.summary


def test_lost_values_are_counted_beyond_what_unknown_dequeues_explain():
    values = [("enqueue", number, number, number) for number in range(5)]
    taken = [("dequeue", None, 10, 11, "unknown")] * 2
    finding = QUEUE(history(*values, *taken, ("dequeue", None, 20, 21)))
    assert finding.figures["kinds"] == {"lost": 3}
    assert finding.figures["explained_by_unknown_dequeues"] == 2
    assert finding.figures["never_given"] == 5


def test_ten_thousand_overtaken_values_take_no_more_than_each_its_own_time():
    """Each violation once carried every value that an unknown dequeue may have taken: 30 000 took two minutes."""
    values = [("enqueue", number, 10 * number, 10 * number + 5) for number in range(20_000)]
    taken = [("dequeue", None, 10 * number, 10 * number + 5, "unknown") for number in range(0, 20_000, 4)]
    given = [("dequeue", number, 10 * number + 6, 10 * number + 7) for number in range(1, 20_000, 2)]
    began = CLOCK.now_ns()
    finding = QUEUE(history(*values, *taken, *given))
    assert finding.verdict is Verdict.INVALID
    assert finding.figures["explained_by_unknown_dequeues"] > 4_000
    assert CLOCK.now_ns() - began < 20 * NS_PER_S


def test_bytes_and_text_are_one_value_as_they_are_in_a_file():
    assert QUEUE(history(("enqueue", "a", 0, 1), ("dequeue", b"a", 2, 3))).verdict is Verdict.VALID


def test_acks_make_a_queue_with_ack_unless_told_otherwise():
    again = history(("enqueue", "a", 0, 1), ("dequeue", "a", 2, 3), ("dequeue", "a", 4, 5), ("ack", "a", 6, 7))
    assert QUEUE(again).verdict is Verdict.VALID
    assert checks.queue_is_fifo(ack=False)(again).verdict is Verdict.INVALID


def test_a_value_that_is_not_unique_is_undecided_and_the_remedy_is_told():
    finding = QUEUE(history(("enqueue", "a", 0, 1), ("enqueue", "a", 2, 3), ("dequeue", "a", 4, 5)))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.summary.endswith("'a' was enqueued to 'k' more than once: make each value unique")


def test_values_in_a_summary_are_those_of_the_file():
    assert shown([None, True, {"a": False}, "v", 1.5]) == "[null, true, {'a': false}, 'v', 1.5]"
