"""Every move of the breaker: what leads to it, and how it is told."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers.breaker_automaton import LEGAL, why_illegal
from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.breaker.transition import MOVES, State
from pytest_arbredis.state.errors import CircuitOpenError

POLICY = BreakerPolicy(failures=2, open_s=1, probe_lease_s=3)


def fail(breaker, times=1):
    for _ in range(times):
        breaker.enter().failed("ConnectionLostError")


def opened(breaker, _):
    fail(breaker, 2)


def half_open(breaker, clock):
    opened(breaker, clock)
    clock.advance(1)
    return breaker.enter()


def closed_again(breaker, clock):
    half_open(breaker, clock).succeeded()


def opened_by_a_probe(breaker, clock):
    half_open(breaker, clock).failed("DeadlineExceededError")


def opened_by_a_lost_probe(breaker, clock):
    half_open(breaker, clock)
    clock.advance(3)
    with pytest.raises(CircuitOpenError):
        breaker.enter()


def opened_by_a_slow_probe(breaker, clock):
    probe = half_open(breaker, clock)
    clock.advance(2)
    probe.succeeded()


def forced_open(breaker, _):
    breaker.force_open()


def forced_open_while_probing(breaker, clock):
    half_open(breaker, clock)
    breaker.force_open()


def forced_closed(breaker, clock):
    opened(breaker, clock)
    breaker.force_close()


def forced_closed_while_probing(breaker, clock):
    half_open(breaker, clock)
    breaker.force_close()


TABLE = [
    (opened, "closed", "open", "failures in a row: 2, the last ConnectionLostError"),
    (half_open, "open", "half-open", "time-out elapsed"),
    (closed_again, "half-open", "closed", "success of probes: 1"),
    (opened_by_a_probe, "half-open", "open", "a probe failed: DeadlineExceededError"),
    (opened_by_a_lost_probe, "half-open", "open", "a probe failed to say anything for 3 s"),
    (opened_by_a_slow_probe, "half-open", "open", "a probe was slow: 1000 ms or longer"),
    (forced_open, "closed", "open", "forced open by an operator"),
    (forced_open_while_probing, "half-open", "open", "forced open by an operator"),
    (forced_closed, "open", "closed", "forced closed by an operator"),
    (forced_closed_while_probing, "half-open", "closed", "forced closed by an operator"),
]


@pytest.mark.parametrize(("lead", "source", "target", "cause"), TABLE, ids=[row[0].__name__ for row in TABLE])
def test_what_leads_to_a_move_and_how_it_is_told(clock, lead, source, target, cause):
    """The judge's own table allows each for its cause."""
    policy = POLICY if lead is not opened_by_a_slow_probe else BreakerPolicy(failures=2, open_s=1, slow_rate=1)
    breaker, told = Breaker(policy, clock=clock), []
    breaker.listen(told.append)
    lead(breaker, clock)
    assert breaker.delivered()
    last = told[-1]
    assert (last.source, last.target, last.cause) == (State(source), State(target), cause)
    assert breaker.state == target
    assert [one.seq for one in told] == list(range(1, len(told) + 1))
    assert why_illegal(last.source, last.target, cause) == ""


def test_every_legal_move_is_in_the_table_and_no_other():
    """Of the judge, of the breaker, and of the rows above."""
    moves = {(source, target) for source, targets in MOVES.items() for target in targets}
    assert moves == {(str(source), str(target)) for source, target in LEGAL}
    assert moves == {(source, target) for _, source, target, _ in TABLE}


def test_an_open_breaker_says_how_long_it_stays_so(clock):
    breaker = Breaker(POLICY, clock=clock, id="queue")
    fail(breaker, 2)
    clock.advance(0.25)
    with pytest.raises(CircuitOpenError, match=r"'queue' is open: nothing was sent, it probes in 0\.75 s") as caught:
        breaker.enter()
    assert caught.value.retry_in_s == pytest.approx(0.75, abs=0.001)
    assert caught.value.applied == "no"


def test_calls_do_not_prolong_the_time_it_is_open(clock):
    breaker = Breaker(POLICY, clock=clock)
    fail(breaker, 2)
    for _ in range(9):
        clock.advance(0.1)
        with pytest.raises(CircuitOpenError):
            breaker.enter()
    clock.advance(0.1)
    breaker.enter().succeeded()
    assert breaker.state is State.CLOSED


def test_a_success_forgets_failures_in_a_row(clock):
    breaker = Breaker(POLICY, clock=clock)
    for _ in range(5):
        fail(breaker)
        breaker.enter().succeeded()
    assert breaker.state is State.CLOSED


def test_an_ignored_call_forgets_none(clock):
    breaker = Breaker(POLICY, clock=clock)
    fail(breaker)
    breaker.enter().ignored()
    fail(breaker)
    assert breaker.state is State.OPEN


def test_half_open_rejects_what_is_beyond_its_probes(clock):
    breaker = Breaker(POLICY, clock=clock)
    half_open(breaker, clock)
    with pytest.raises(CircuitOpenError, match="its probes are under way") as caught:
        breaker.enter()
    assert caught.value.retry_in_s == 0


def test_as_many_successes_close_as_the_policy_wants(clock):
    breaker = Breaker(BreakerPolicy(failures=2, open_s=1, successes_to_close=3), clock=clock)
    half_open(breaker, clock).succeeded()
    breaker.enter().succeeded()
    assert breaker.state is State.HALF_OPEN
    breaker.enter().succeeded()
    assert breaker.state is State.CLOSED


def test_probes_are_limited_altogether_too(clock):
    """Three may be let in, two have succeeded and one is under way: there is a place, but no right."""
    policy = BreakerPolicy(failures=2, open_s=1, probes_at_once=2, probes=3, successes_to_close=3)
    breaker = Breaker(policy, clock=clock)
    half_open(breaker, clock).succeeded()
    breaker.enter().succeeded()
    last = breaker.enter()
    with pytest.raises(CircuitOpenError):
        breaker.enter()
    last.succeeded()
    assert breaker.state is State.CLOSED


def test_a_failure_rate_opens_it_once_there_are_enough_calls(clock):
    policy = BreakerPolicy(failures=None, failure_rate=0.5, minimum_calls=10, window_s=10)
    breaker = Breaker(policy, clock=clock)
    for _ in range(4):
        breaker.enter().succeeded()
        fail(breaker)
    breaker.enter().succeeded()
    assert breaker.state is State.CLOSED
    fail(breaker)
    assert breaker.state is State.OPEN


def test_what_is_older_than_the_window_does_not_count(clock):
    policy = BreakerPolicy(failures=None, failure_rate=0.5, minimum_calls=4, window_s=10)
    breaker = Breaker(policy, clock=clock)
    fail(breaker, 3)
    clock.advance(10)
    fail(breaker)
    assert (breaker.state, breaker.snapshot().calls) == (State.CLOSED, 1)


def test_slow_calls_open_it_though_they_succeed(clock):
    policy = BreakerPolicy(failures=None, slow_rate=0.5, slow_ms=200, minimum_calls=4)
    breaker = Breaker(policy, clock=clock)
    for seconds in (0.1, 0.2, 0.1, 0.3):
        permit = breaker.enter()
        clock.advance(seconds)
        permit.succeeded()
    assert breaker.state is State.OPEN


def test_without_any_cause_only_force_opens_it(clock):
    breaker = Breaker(BreakerPolicy(failures=None), clock=clock)
    fail(breaker, 100)
    assert breaker.state is State.CLOSED
    assert breaker.force_open()
    assert not breaker.force_open()
    assert breaker.state is State.OPEN
    assert breaker.force_close()
    assert not breaker.force_close()
    breaker.enter().succeeded()


def test_a_snapshot_counts(clock):
    breaker = Breaker(BreakerPolicy(failures=3, failure_rate=1, open_s=1), clock=clock, id="app")
    breaker.enter().succeeded()
    fail(breaker, 2)
    before = breaker.snapshot()
    assert (before.calls, before.failed, before.failures_in_a_row, before.transitions) == (3, 2, 2, 0)
    assert breaker.snapshot().calls == 3, "to read is not to count"
    fail(breaker)
    for _ in range(2):
        with pytest.raises(CircuitOpenError):
            breaker.enter()
    after = breaker.snapshot()
    assert (after.id, after.state, after.rejected, after.transitions) == ("app", State.OPEN, 2, 1)
    assert 0.9 < after.retry_in_s <= 1
    assert (after.calls, after.failures_in_a_row) == (0, 0), "a new spell begins with nothing"
