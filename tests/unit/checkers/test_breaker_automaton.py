"""The automaton of a breaker: every legal transition is one table entry, and everything else is not."""

from __future__ import annotations

import itertools

import pytest

from pytest_arbredis.checkers.breaker_automaton import LEGAL, Cause, State, causes_of, state_of, why_illegal

WORDS = {
    Cause.FAILURES: "5 consecutive failures",
    Cause.ELAPSED: "elapsed",
    Cause.SUCCESS: "success",
    Cause.FORCED: "forced",
}


@pytest.mark.parametrize(("source", "target", "cause"), [*itertools.product(State, State, Cause)])
def test_only_the_transitions_of_the_table_are_legal(source, target, cause):
    legal = cause in LEGAL.get((source, target), ())
    assert (why_illegal(source, target, WORDS[cause]) == "") is legal


@pytest.mark.parametrize(("source", "target"), [pair for pair in LEGAL if pair != (State.OPEN, State.CLOSED)])
@pytest.mark.parametrize("cause", ["", "because"])
def test_unfamiliar_words_for_a_cause_are_believed(source, target, cause):
    assert why_illegal(source, target, cause) == ""


def test_only_by_force_is_an_open_breaker_closed():
    assert "only forced" in why_illegal(State.OPEN, State.CLOSED, "")
    assert why_illegal(State.OPEN, State.CLOSED, "manual") == ""


def test_a_closed_breaker_has_no_probe_that_could_open_it():
    assert "no probes" in why_illegal(State.CLOSED, State.OPEN, "probe failed")
    assert why_illegal(State.HALF_OPEN, State.OPEN, "probe failed") == ""


@pytest.mark.parametrize(
    ("source", "target", "cause"),
    [
        (State.CLOSED, State.OPEN, "failure rate 60 % over 10 s"),
        (State.CLOSED, State.OPEN, "slow calls"),
        (State.CLOSED, State.OPEN, "TimeoutError"),
        (State.OPEN, State.HALF_OPEN, "reset_timeout"),
        (State.OPEN, State.HALF_OPEN, "recovery timeout"),
        (State.HALF_OPEN, State.CLOSED, "2 probes succeeded"),
    ],
)
def test_causes_in_the_words_of_well_known_breakers_are_understood(source, target, cause):
    assert causes_of(cause)
    assert why_illegal(source, target, cause) == ""


@pytest.mark.parametrize("word", ["half-open", "HALF_OPEN", "half open", "HalfOpen"])
def test_a_state_may_be_spelled_in_several_ways(word):
    assert state_of(word) is State.HALF_OPEN


@pytest.mark.parametrize("word", ["ajar", "", None, 3])
def test_a_word_that_names_no_state_is_none(word):
    assert state_of(word) is None
