"""Sessions and staleness against their definitions, written out without regard to cost, on small random histories."""

from __future__ import annotations

from itertools import pairwise, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.history import History
from pytest_arbredis.testing.builder import HistoryBuilder

SMALL = settings(deadline=None, max_examples=150, database=None)


@st.composite
def registers(draw, most_reads=5):
    """One key, unique values, up to four writers and two readers; times are small, so that they touch and overlap."""
    h = HistoryBuilder()
    values = []
    for number in range(draw(st.integers(1, 4))):
        began = draw(st.integers(0, 12))
        lasts = draw(st.integers(0, 4))
        outcome = draw(st.sampled_from(["ok", "ok", "ok", "unknown"]))
        h.write("k", f"v{number}", at=(began, began + lasts), process=10 + number, outcome=outcome)
        values.append(f"v{number}")
    for reader in (1, 2):
        now = draw(st.integers(0, 12))
        for _ in range(draw(st.integers(0, most_reads))):
            ended = now + draw(st.integers(0, 2))
            h.read("k", draw(st.sampled_from([*values, None])), at=(now, ended), process=reader)
            now = ended + draw(st.integers(0, 3))
    return h.build()


def writes_of(history):
    return {op.input: op for op in history.ops if op.name == "write"}


def reads_of(history):
    return [op for op in history.ops if op.name == "read"]


def over_by(history, value):
    """When a write had certainly taken effect: its reply, or a read of it that could have seen it."""
    write = writes_of(history)[value]
    ends = [op.completed_ns for op in reads_of(history) if op.output == value and op.completed_ns >= write.invoked_ns]
    return min([*ends, *([write.completed_ns] if write.outcome == "ok" else [])], default=float("inf"))


def from_the_future(history):
    writes = writes_of(history)
    return [op for op in reads_of(history) if op.output and op.completed_ns < writes[op.output].invoked_ns]


def fits_one_order(history):
    writes = writes_of(history)
    future = from_the_future(history)
    by_session = {}
    for op in reads_of(history):
        if op not in future:
            by_session.setdefault(op.process, []).append(op.output)
    for order in permutations(writes):
        place = {None: -1, **{value: at for at, value in enumerate(order)}}
        in_time = all(place[a] < place[b] for a in order for b in order if over_by(history, a) < writes[b].invoked_ns)
        if in_time and all(place[a] <= place[b] for seen in by_session.values() for a, b in pairwise(seen)):
            return True
    return False


@SMALL
@given(history=registers())
def test_monotonic_reads_are_invalid_exactly_where_no_order_fits(history):
    finding = checks.monotonic_reads()(history)
    assert (finding.verdict is Verdict.INVALID) is not fits_one_order(history), finding.summary
    if finding.verdict is Verdict.VALID:
        assert not from_the_future(history)


@SMALL
@given(history=registers())
def test_a_proof_alone_is_a_violation_too(history):
    finding = checks.monotonic_reads()(history)
    if finding.verdict is Verdict.INVALID:
        assert len(finding.proof) <= 10
        proven = History.of(history.header, (op for op in history.ops if op.id in finding.proof))
        assert checks.monotonic_reads()(proven).verdict is Verdict.INVALID
        assert not fits_one_order(proven)


@SMALL
@given(history=registers(), max_ms=st.integers(0, 5))
def test_staleness_is_what_its_definition_says(history, max_ms):
    writes = writes_of(history)
    worst = 0
    for op in reads_of(history):
        if op in from_the_future(history):
            continue
        gone = -1 if op.output is None else over_by(history, op.output)
        replaced = min((over_by(history, v) for v, w in writes.items() if w.invoked_ns > gone), default=float("inf"))
        worst = max(worst, op.invoked_ns - replaced)
    finding = checks.bounded_staleness(max_ms=max_ms)(history)
    assert (finding.verdict is Verdict.INVALID) is (worst > max_ms * 1_000_000)
    if finding.verdict is Verdict.VALID:
        assert finding.figures["stale_max_ms"] == max(worst, 0) / 1_000_000
        assert finding.figures["could_break"]


@st.composite
def sessions(draw):
    """Two processes that write and read one key, unique values."""
    h = HistoryBuilder()
    values = [None]
    for process in (1, 2):
        now = draw(st.integers(0, 6))
        for number in range(draw(st.integers(1, 4))):
            ended = now + draw(st.integers(0, 3))
            if draw(st.booleans()):
                value = f"v{process}.{number}"
                outcome = draw(st.sampled_from(["ok", "ok", "unknown"]))
                h.write("k", value, at=(now, ended), process=process, outcome=outcome)
                values.append(value)
            else:
                h.read("k", draw(st.sampled_from(values)), at=(now, ended), process=process)
            now = ended + draw(st.integers(0, 2))
    return h.build()


def misses_its_own(history, read):
    writes = writes_of(history)
    if read.output in writes and writes[read.output].invoked_ns > read.completed_ns:
        given_over = float("-inf")
    else:
        given_over = -1 if read.output is None else over_by(history, read.output)
    for own in writes.values():
        if own.process != read.process or own.outcome != "ok" or own.id > read.id or own.input == read.output:
            continue
        given = writes.get(read.output)
        same = given is not None and given.process == own.process and given.outcome == "ok"
        if given_over < own.invoked_ns or (same and given.id < own.id):
            return True
    return False


@SMALL
@given(history=sessions())
def test_a_session_reads_its_writes_or_the_check_says_so(history):
    missing = [op.id for op in reads_of(history) if misses_its_own(history, op)]
    finding = checks.read_your_writes()(history)
    assert finding.figures["violation_ids"] == missing
    assert (finding.verdict is Verdict.INVALID) is bool(missing)


@SMALL
@given(history=sessions())
def test_writes_of_a_session_are_seen_in_their_order_or_the_check_says_so(history):
    writes, reads = writes_of(history), reads_of(history)
    back = False
    for first in reads:
        for then in reads:
            if first.output is None or then.output is None or first.process != then.process or first.id >= then.id:
                continue
            newer, older = writes[first.output], writes[then.output]
            if newer.process == older.process and older.id < newer.id:
                known = older.outcome == "ok" or over_by(history, older.input) < newer.invoked_ns
                back = back or known
    assert (checks.monotonic_writes()(history).verdict is Verdict.INVALID) is back
