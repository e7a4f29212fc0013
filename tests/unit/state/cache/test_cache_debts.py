"""An invalidation that Redis did not confirm is owed until it did, whatever becomes of those who repeat it."""

from __future__ import annotations

import asyncio
import random
import threading
from types import SimpleNamespace

import pytest

from pytest_arbredis.state.cache import plans, reading
from pytest_arbredis.state.cache.desk import Desk
from pytest_arbredis.state.cache.flights import Flights
from pytest_arbredis.state.cache.policy import CachePolicy
from pytest_arbredis.state.clock import NS_PER_S, SYSTEM_CLOCK
from pytest_arbredis.state.errors import ConnectionLostError, UnreachableError

KEY, OTHER = "account:a1", "account:a2"
AWAY = ConnectionLostError("gone")


def script_of(step):
    """The script that a step asks Redis for."""
    assert isinstance(step, reading.AskRedis)
    return next(step.plan).script


@pytest.fixture
def desk():
    return Desk(
        policy=CachePolicy(ttl_s=60),
        flights=Flights(threading.Event),
        chance=random.Random(1),
        clock=SYSTEM_CLOCK,
        without=frozenset(),
    )


def test_a_write_that_is_cancelled_while_it_invalidates_owes_that(desk):
    """The database has the new value."""
    writing = reading.invalidate(desk, KEY)
    next(writing)
    with pytest.raises(asyncio.CancelledError):
        writing.throw(asyncio.CancelledError())
    assert desk.owes(KEY)


def test_a_reader_that_is_cancelled_while_it_repeats_an_invalidation_does_not_forget_it(desk):
    desk.owe((KEY,))
    steps = reading.read(desk, OTHER)
    next(steps)
    with pytest.raises(asyncio.CancelledError):
        steps.throw(asyncio.CancelledError())
    assert desk.owes(KEY)
    assert desk.take_debts() == {KEY}


def test_while_one_repeats_an_invalidation_nobody_else_asks_redis_for_that_key(desk):
    desk.owe((KEY,))
    first, second = reading.read(desk, OTHER), reading.read(desk, KEY)
    repeats = next(first)
    assert isinstance(repeats, reading.AskRedis)
    assert isinstance(next(second), reading.Load)
    first.send(None)
    assert not desk.owes(KEY)


def test_who_repeats_an_invalidation_in_vain_goes_to_the_database_at_once(desk):
    """Redis is away: it is not waited for twice in one read."""
    desk.owe((KEY,))
    steps = reading.read(desk, OTHER)
    assert isinstance(next(steps), reading.AskRedis)
    assert isinstance(steps.throw(AWAY), reading.Load)
    assert desk.misses == 1
    with pytest.raises(StopIteration, match="value"):
        steps.send("value")
    assert desk.owes(KEY)


def test_an_invalidation_that_failed_while_an_earlier_one_was_repeated_stays_owed(desk):
    desk.owe((KEY,))
    repeating = reading.settle_debts(desk)
    next(repeating)
    writing = reading.invalidate(desk, KEY)
    next(writing)
    with pytest.raises(StopIteration):
        writing.throw(AWAY)
    with pytest.raises(StopIteration):
        repeating.send(None)
    assert desk.owes(KEY)


def test_a_lease_whose_reply_was_lost_is_given_back_before_anything_else_is_asked(desk):
    """Others would wait for somebody who does not know that it is his turn."""
    first = reading.read(desk, KEY)
    next(first)
    assert isinstance(first.throw(AWAY), reading.Load)
    second = reading.read(desk, OTHER)
    assert script_of(next(second)) is plans.GIVE_UP
    assert script_of(second.send(None)) is plans.LOOK


def test_a_lease_of_which_redis_was_not_asked_is_no_debt(desk):
    first = reading.read(desk, KEY)
    next(first)
    first.throw(UnreachableError("nobody listens"))
    assert desk.take_held() == {}


def test_a_lease_whose_value_could_not_be_kept_is_given_back_until_it_ends(desk):
    now = [0]
    desk.policy = CachePolicy(ttl_s=60, lease_s=5)
    desk.clock = SimpleNamespace(monotonic_ns=lambda: now[0])
    steps = reading.read(desk, KEY)
    next(steps)
    steps.send(plans.Found(None, leads=True))
    steps.send("value")
    with pytest.raises(StopIteration, match="value"):
        steps.throw(AWAY)
    now[0] = 5 * NS_PER_S - 1
    again = reading.read(desk, OTHER)
    assert script_of(next(again)) is plans.GIVE_UP
    assert isinstance(again.throw(AWAY), reading.Load)
    now[0] += 1
    assert script_of(next(reading.read(desk, OTHER))) is plans.LOOK


def test_a_value_that_cannot_be_kept_gives_its_lease_back(desk):
    """Others would wait for it for as long as it lives."""
    steps = reading.read(desk, KEY)
    next(steps)
    steps.send(plans.Found(None, leads=True))
    gives_back = steps.send(float("nan"))
    assert isinstance(gives_back, reading.AskRedis)
    assert next(gives_back.plan).script is plans.GIVE_UP
    gives_back.plan.close()
    steps.close()
