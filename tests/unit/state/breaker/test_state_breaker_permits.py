"""Permits: late, cancelled, lost, returned twice; and what errors mean."""

from __future__ import annotations

import asyncio
import copy

import pytest

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.guarding import guarded
from pytest_arbredis.state.breaker.outcomes import Outcome, outcome_of
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.breaker.transition import State
from pytest_arbredis.state.errors import (
    CircuitOpenError,
    ConnectionLostError,
    CorruptedError,
    KeyRefusedError,
    MisuseError,
    OutOfMemoryError,
    PoolExhaustedError,
    ServerRefusedError,
    WrongTypeError,
)

POLICY = BreakerPolicy(failures=1, open_s=1, probe_lease_s=5)


@pytest.fixture
def breaker(clock):
    return Breaker(POLICY, clock=clock)


def probing(breaker, clock):
    breaker.enter().failed()
    clock.advance(1)
    return breaker.enter()


@pytest.mark.parametrize("word", ["succeeded", "failed", "ignored"])
def test_what_a_call_of_an_earlier_spell_says_changes_nothing(breaker, clock, word):
    late = breaker.enter()
    probe = probing(breaker, clock)
    getattr(late, word)()
    assert breaker.state is State.HALF_OPEN
    probe.succeeded()
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize("word", ["succeeded", "failed", "ignored"])
def test_a_late_probe_changes_nothing(clock, word):
    """Two probes: the first closes the breaker, and the second speaks when it is closed."""
    breaker = Breaker(BreakerPolicy(failures=1, open_s=1, probes_at_once=2), clock=clock)
    first = probing(breaker, clock)
    second = breaker.enter()
    first.succeeded()
    before = breaker.snapshot()
    getattr(second, word)()
    assert breaker.snapshot() == before


def test_a_permit_has_one_word(clock):
    breaker = Breaker(BreakerPolicy(failures=2), clock=clock)
    permit = breaker.enter()
    for _ in range(5):
        permit.failed()
    assert breaker.state is State.CLOSED
    assert breaker.snapshot().failures_in_a_row == 1


def test_a_cancelled_probe_gives_its_place_back(clock):
    """Even where the number of probes is limited: it told nothing."""
    breaker = Breaker(BreakerPolicy(failures=1, open_s=1, probes=1), clock=clock)
    probing(breaker, clock).ignored()
    for _ in range(20):
        breaker.enter().ignored()
    breaker.enter().succeeded()
    assert breaker.state is State.CLOSED


def test_a_probe_that_is_never_heard_of_does_not_starve_the_others(breaker, clock):
    lost = probing(breaker, clock)
    clock.advance(5)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.enter()
    assert caught.value.retry_in_s == pytest.approx(1, abs=0.001)
    clock.advance(1)
    probe = breaker.enter()
    lost.failed()
    probe.succeeded()
    assert breaker.state is State.CLOSED


def test_a_refusal_says_its_words_when_they_are_read():
    """Where it was raised nobody waits for them; a copy, as a process pool makes one, says the same."""
    error = copy.copy(CircuitOpenError("orders", 1_250_000_000))
    assert str(error) == (
        "circuit breaker 'orders' is open: nothing was sent, it probes in 1.25 s (wait so long, or serve without it)"
    )
    assert (error.cause, error.remedy, error.retry_in_s, error.applied) == (*str(error)[:-1].split(" ("), 1.25, "no")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionLostError("gone"), Outcome.FAILED),
        (ServerRefusedError("LOADING"), Outcome.FAILED),
        (TimeoutError(), Outcome.FAILED),
        (ConnectionResetError(), Outcome.FAILED),
        (OutOfMemoryError("OOM"), Outcome.SUCCEEDED),
        (WrongTypeError("a list"), Outcome.SUCCEEDED),
        (CorruptedError("no JSON"), Outcome.SUCCEEDED),
        (KeyRefusedError("a b"), Outcome.IGNORED),
        (PoolExhaustedError("50 of 50"), Outcome.IGNORED),
        (asyncio.CancelledError(), Outcome.IGNORED),
        (KeyboardInterrupt(), Outcome.IGNORED),
        (ValueError("a bug"), Outcome.IGNORED),
        (ExceptionGroup("", [WrongTypeError("a list"), ConnectionLostError("gone")]), Outcome.FAILED),
        (BaseExceptionGroup("", [asyncio.CancelledError(), WrongTypeError("a list")]), Outcome.SUCCEEDED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_only_what_says_that_redis_is_unwell_counts(breaker, error, outcome):
    assert outcome_of(error) is outcome
    with pytest.raises(type(error)), breaker.enter():
        raise error
    assert (breaker.state is State.OPEN) is (outcome is Outcome.FAILED)


def test_an_error_of_somebody_else_is_judged_by_whom_the_breaker_was_given(clock):
    breaker = Breaker(POLICY, clock=clock, judge=lambda _: Outcome.FAILED)
    with pytest.raises(ValueError, match="a bug"), breaker.enter():
        raise ValueError("a bug")
    assert breaker.state is State.OPEN


def test_a_word_given_inside_the_block_stands(breaker):
    with breaker.enter() as permit:
        permit.failed()
    assert breaker.state is State.OPEN


def test_no_secret_in_a_cause(breaker):
    """An error's text may hold a URL with a password: only its class is told."""
    told = []
    breaker.listen(told.append)
    breaker.enter().failed(ConnectionError("redis://:hunter2@localhost"))
    assert breaker.delivered()
    assert told[0].cause == "failures in a row: 1, the last ConnectionError"


def test_a_guarded_function_is_asked_for_once(breaker):
    @guarded(breaker)
    def ask(answer):
        """Ask."""
        if isinstance(answer, BaseException):
            raise answer
        return answer

    assert (ask(7), ask.__doc__) == (7, "Ask.")
    with pytest.raises(TimeoutError):
        ask(TimeoutError())
    with pytest.raises(CircuitOpenError):
        ask(7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures": 0},
        {"failures": True},
        {"failure_rate": 0},
        {"slow_rate": 1.5},
        {"slow_ms": 0},
        {"open_s": float("inf")},
        {"open_s": float("nan")},
        {"window_s": "10"},
        {"probes_at_once": 0},
        {"probes": 1, "successes_to_close": 2},
        {"probes": 1, "probes_at_once": 2},
    ],
    ids=str,
)
def test_a_policy_that_cannot_stand_is_refused(wrong):
    with pytest.raises(MisuseError, match=next(iter(wrong))):
        BreakerPolicy(**wrong)


def test_a_switch_that_nobody_knows_is_refused():
    with pytest.raises(MisuseError, match="probe-limits"):
        Breaker(_without=frozenset({"probe-limits"}))
