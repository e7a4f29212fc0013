"""Limits as values: what they refuse, and what they say while Redis is away."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.errors import (
    CircuitOpenError,
    KeyRefusedError,
    MisuseError,
    NotConfirmedError,
    PoolExhaustedError,
    UnreachableError,
    WrongTypeError,
)
from pytest_arbredis.state.keyspace.patterns import ORDER_LIMIT, POSITION
from pytest_arbredis.state.limits.evictions import Evictions
from pytest_arbredis.state.limits.limit import API, ORDERS, Limit
from pytest_arbredis.state.limits.window import SlidingWindow


class Failing:
    def __init__(self, error):
        self.error = error

    def run(self, plan, **_):
        next(plan)
        plan.close()
        raise self.error


def test_the_limits_of_the_design_are_there():
    assert (API.most, API.window_s, API.key("u1")) == (100, 60, "ratelimit:api:u1")
    assert (ORDERS.most, ORDERS.window_s, ORDERS.key("a1")) == (10, 1, "ratelimit:orders:a1")


@pytest.mark.parametrize("error", [UnreachableError, CircuitOpenError, PoolExhaustedError, NotConfirmedError])
@pytest.mark.parametrize(("limit", "passes"), [(API, True), (ORDERS, False)])
def test_while_redis_is_away_the_policy_decides(error, limit, passes):
    told = SlidingWindow(Failing(error("away")), limit).take("x")
    assert (told.allowed, told.decided_by) == (passes, "policy")


def test_without_its_policy_the_caller_gets_the_error():
    window = SlidingWindow(Failing(UnreachableError("away")), ORDERS, _without=frozenset({"policy-when-away"}))
    with pytest.raises(UnreachableError):
        window.take("x")


def test_a_figure_of_evictions_is_known_since_it_was_seen_first():
    evictions = Evictions()
    evictions.saw(3, 100)
    evictions.saw(3, 200)
    assert evictions.known == (3, 100)
    evictions.saw(4, 300)
    assert evictions.known == (4, 300)


def test_another_type_under_the_key_is_an_error_and_no_policy():
    with pytest.raises(WrongTypeError):
        SlidingWindow(Failing(WrongTypeError("a Hash")), API).take("x")


def test_a_bad_name_is_refused():
    with pytest.raises(KeyRefusedError, match="user_id"):
        SlidingWindow(Failing(UnreachableError("away")), API).take("a b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"most": 0},
        {"most": 1.5},
        {"window_s": 0},
        {"window_s": float("nan")},
        {"when_redis_is_away": "ajar"},
        {"wait_replicas": -1},
        {"keys": POSITION},
    ],
)
def test_a_limit_that_cannot_be_is_refused(wrong):
    with pytest.raises(MisuseError):
        Limit(**{"keys": ORDER_LIMIT, "most": 1, "window_s": 1, "when_redis_is_away": "open"} | wrong)


def test_an_unknown_hardening_is_refused():
    with pytest.raises(MisuseError, match="no such hardening"):
        SlidingWindow(None, API, _without=frozenset({"luck"}))
