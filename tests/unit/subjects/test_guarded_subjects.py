"""Breakers of four libraries behind one protocol: what they let in, and what is told of their moves."""

from __future__ import annotations

from contextlib import suppress

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from pytest_arbredis import subjects
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.run import _impossible
from pytest_arbredis.subjects.behind_breaker import Moves
from pytest_arbredis.subjects.guards import GUARDS
from pytest_arbredis.subjects.offers import absent

LONG_S, SHORT_S = 60, 0.001


def fail():
    raise RedisConnectionError("gone")


@pytest.fixture(params=GUARDS)
def library(request):
    pytest.importorskip(request.param.replace("-", "_"))
    return request.param


@pytest.fixture
def guard(library):
    """Makes a guard, with the moves that it tells; closed at the end."""
    made = []

    def make(timeout_s):
        moves, told = Moves(), []
        moves.note = told.append
        made.append(GUARDS[library](moves, subjects.guarded(library, failures=2, timeout_s=timeout_s)))
        return made[-1], told

    yield make
    for one in made:
        one.close()


def fails(guard, times=1):
    for _ in range(times):
        with pytest.raises(Exception):  # noqa: B017, PT011 - each library raises its own
            guard.call(fail)


def answer(guard):
    """What a call gives as soon as one is let in."""

    def asked():
        with suppress(Exception):
            return guard.call(lambda: 7)
        return None

    return wait_until(asked, within_s=5, what="the breaker to let a call in", every_s=0.001)


def test_two_failures_open_it_and_then_nothing_is_called(guard):
    breaker, told = guard(LONG_S)
    assert breaker.call(lambda: 7) == 7
    fails(breaker, 2)
    called = []
    with pytest.raises(Exception):  # noqa: B017, PT011 - as above
        breaker.call(lambda: called.append(1))
    assert called == []
    breaker.close()
    assert [(move["seq"], move["from"], move["to"]) for move in told] == [(1, "closed", "open")]


def test_after_its_time_a_success_closes_it_and_every_move_is_told(guard):
    breaker, told = guard(SHORT_S)
    fails(breaker, 2)
    assert answer(breaker) == 7
    breaker.close()
    assert [(move["from"], move["to"]) for move in told] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]
    assert [move["seq"] for move in told] == [1, 2, 3]
    assert [move["at_ns"] for move in told] == sorted(move["at_ns"] for move in told)


def test_what_was_changed_in_a_library_is_undone(guard):
    """A stepped wall clock is the library's own reading of it, until the guard is closed."""
    breaker, _ = guard(SHORT_S)
    breaker.step_wall(-3600)
    breaker.close()
    later, _ = guard(SHORT_S)
    fails(later, 2)
    assert answer(later) == 7


def test_a_move_into_the_same_state_is_none():
    moves, told = Moves(), []
    moves.note = told.append
    for state in ("open", "open", "half-open", "closed", "closed"):
        moves.moved_to(state)
    assert [move["to"] for move in told] == ["open", "half-open", "closed"]


def test_a_library_that_is_not_installed_is_not_run_with_the_reason(monkeypatch):
    def version(_):
        from importlib.metadata import PackageNotFoundError

        raise PackageNotFoundError

    monkeypatch.setattr("pytest_arbredis.subjects.behind_breaker.version", version)
    subject = subjects.guarded("pybreaker")
    assert "pybreaker is not installed" in absent(subject)
    assert subject.name == "pybreaker"

    class Deployed:
        unsuited = ""

    class Scenario:
        pass

    Scenario.subject = subject
    assert "pybreaker is not installed" in _impossible(Scenario, Deployed)


def test_a_subject_that_says_nothing_of_it_is_there():
    assert absent(subjects.direct()) == ""


@pytest.mark.parametrize(
    "wrong",
    [{"library": "hystrix"}, {"library": "pybreaker", "failures": 0}, {"library": "pybreaker", "probes": 2}],
    ids=str,
)
def test_a_breaker_that_cannot_stand_is_refused(wrong):
    with pytest.raises(UsageError):
        subjects.guarded(**wrong)
