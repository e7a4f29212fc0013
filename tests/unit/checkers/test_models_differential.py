"""Counter, set, queue and log against brute force: what is impossible is invalid, and nothing that is possible."""

from __future__ import annotations

import pytest
import sequential
import small_histories as small
from hypothesis import given, settings

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.history import History

FEW = settings(max_examples=300, deadline=None)
MANY = settings(max_examples=20_000, deadline=None)
ACKED = ((), frozenset(), frozenset())


def reads_of(history, name="read"):
    return [op for op in history.ops if op.name == name and op.outcome == "ok"]


def before(one, other):
    return one.applied and one.completed_ns is not None and one.completed_ns < other.invoked_ns


def possible_adds(history, read):
    """Additions that may have taken effect by the end of a read."""
    adds = [op for op in history.ops if op.name == "add" and (op.outcome != "fail" or op.applied)]
    return [op for op in adds if not read.completed_ns < op.invoked_ns]


def counter_allows(history, read):
    sums = {0}
    for op in possible_adds(history, read):
        taken = {total + op.input for total in sums}
        sums = taken if before(op, read) else sums | taken
    return min(sums) <= (read.output or 0) <= max(sums)


def set_allows(history, read):
    adds = possible_adds(history, read)
    return {op.input for op in adds if before(op, read)} <= set(read.output or []) <= {op.input for op in adds}


def expected(holds, judged):
    return Verdict.UNKNOWN if not judged else Verdict.VALID if holds else Verdict.INVALID


def counter_is_exact(history):
    """Invalid exactly if a read is beyond the least and the greatest choice of additions."""
    reads = reads_of(history)
    holds = all(counter_allows(history, read) for read in reads)
    assert checks.counter_within_bounds()(history).verdict is expected(holds, reads)


def set_is_exact(history):
    """Invalid exactly if a read lacks what was added before it, or has what was not."""
    reads = reads_of(history)
    holds = all(set_allows(history, read) for read in reads)
    assert checks.set_keeps_what_was_added()(history).verdict is expected(holds, reads)


def log_is_exact(history):
    """Invalid exactly if it is not linearizable."""
    holds = sequential.possible(history.ops, (), sequential.log)
    assert checks.log_is_a_prefix()(history).verdict is expected(holds, reads_of(history))


def queue_is_exact(history):
    """Invalid exactly if it is not linearizable."""
    holds = sequential.possible(history.ops, (), sequential.queue)
    assert checks.queue_is_fifo()(history).verdict is expected(holds, reads_of(history, "dequeue"))


def acked_queue_is_exact(history):
    """Invalid exactly if no order gives values in turn, and again only before their ack."""
    holds = sequential.possible(history.ops, ACKED, sequential.acked_queue)
    assert checks.queue_is_fifo(ack=True)(history).verdict is expected(holds, reads_of(history, "dequeue"))


def repeats_are_never_wrongly_accused(history):
    """With values that are not unique it may be undecided, but what is called invalid is impossible."""
    is_log = any(op.name in {"append", "read"} for op in history.ops)
    check = checks.log_is_a_prefix() if is_log else checks.queue_is_fifo()
    verdict = check(history).verdict
    if verdict is not Verdict.UNKNOWN:
        step = sequential.log if is_log else sequential.queue
        assert sequential.possible(history.ops, (), step) is (verdict is Verdict.VALID)


CASES = [
    (counter_is_exact, small.seeded(small.arbitrary, small.counter_operation, size=7)),
    (set_is_exact, small.seeded(small.arbitrary, small.set_operation, size=7)),
    (log_is_exact, small.seeded(small.arbitrary, small.log_operation, size=6)),
    (log_is_exact, small.seeded(small.run, sequential.log, (), size=8)),
    (queue_is_exact, small.seeded(small.arbitrary, small.queue_operation, 12, size=7)),
    (queue_is_exact, small.seeded(small.run, sequential.queue, (), size=9)),
    (acked_queue_is_exact, small.seeded(small.arbitrary, small.acked_queue_operation, 12, size=7)),
    (acked_queue_is_exact, small.seeded(small.run, sequential.acked_queue, ACKED, size=9)),
    (repeats_are_never_wrongly_accused, small.seeded(small.arbitrary, small.repeating_log_operation, size=6)),
    (repeats_are_never_wrongly_accused, small.seeded(small.arbitrary, small.repeating_queue_operation, 12, size=7)),
]
NAMES = [f"{claim.__name__}-{number}" for number, (claim, _) in enumerate(CASES)]


@pytest.mark.parametrize(("claim", "histories"), CASES, ids=NAMES)
def test_check_agrees_with_brute_force(claim, histories):
    FEW(given(histories)(claim))()


@pytest.mark.thorough
@pytest.mark.parametrize(("claim", "histories"), CASES, ids=NAMES)
def test_check_agrees_with_brute_force_on_many_histories(claim, histories):
    MANY(given(histories)(claim))()


@pytest.mark.parametrize(
    ("check", "histories"),
    [
        (checks.counter_within_bounds(), CASES[0][1]),
        (checks.set_keeps_what_was_added(), CASES[1][1]),
        (checks.log_is_a_prefix(), CASES[3][1]),
        (checks.queue_is_fifo(), CASES[5][1]),
        (checks.queue_is_fifo(ack=True), CASES[7][1]),
    ],
    ids=["counter", "set", "log", "queue", "acked-queue"],
)
def test_a_proof_is_invalid_by_itself(check, histories):
    """A history of the operations of the proof alone is rejected too."""

    def sufficient(history):
        finding = check(history)
        if finding.verdict is Verdict.INVALID:
            proof = [op for op in history.ops if op.id in finding.proof]
            assert check(History.of(history.header, proof)).verdict is Verdict.INVALID

    FEW(given(histories)(sufficient))()


@pytest.mark.parametrize("step", [sequential.log, sequential.queue])
def test_the_oracle_allows_a_history_of_nothing(step):
    assert sequential.possible([], (), step)
